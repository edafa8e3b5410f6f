//! Figures into documents, with the machine that they are from.

use std::fs;
use std::path::Path;
use std::process::Command;

use kinesis_aggregation::md5::Level;

/// Replaces what is in `document` between the marks of what `writes` it.
pub(crate) fn put(document: &str, writes: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let begin = format!("<!-- {writes} writes from here -->\n");
    let end = "<!-- to here -->";
    let old = fs::read_to_string(&path).expect("the document");
    let (before, rest) = old.split_once(&begin).expect("the mark where it begins");
    let (_, after) = rest.split_once(end).expect("the mark where it ends");
    let new = format!("{before}{begin}{text}{end}{after}");
    fs::write(path, new).expect("the document is writable");
    println!("written: {document}");
}

/// The day, the processor and how busy it was, the compiler.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let of = |key: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(": "));
        value.map_or("?", |(_, value)| value).to_owned()
    };
    let (name, family, model) = (of("model name"), of("cpu family"), of("model\t"));
    let busy = read("/proc/loadavg");
    let busy = busy.split(' ').next().unwrap_or("?");
    let (day, rustc) = (output("date", "-uI"), output("rustc", "--version"));
    let level = Level::best();
    format!(
        "{day}, {name} (family {family}, model {model}), one core, {level}, load average before \
         {busy}, {rustc}"
    )
}

fn output(command: &str, arg: &str) -> String {
    let output = Command::new(command).arg(arg).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
