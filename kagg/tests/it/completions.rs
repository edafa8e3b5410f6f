//! Completions, in the shells themselves: what is typed on a terminal, with a tab after it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{TempDir, kagg, pty};

/// What is typed before the tab, and the last word after it.
const CASES: &[(&str, &str)] = &[
    ("deagg", "deaggregate"),
    ("help insp", "inspect"),
    ("man carv", "carve"),
    ("completions pow", "powershell"),
    ("deaggregate --salvage-d", "--salvage-damaged"),
    ("deaggregate --input fire", "firehose"),
    ("carve --output te", "text"),
    ("carve --output=te", "--output=text"),
    ("doctor --color nev", "never"),
    ("deaggregate page", "page.json"),
    ("inspect --shards page", "page.json"),
    ("aggregate --out-dir fold", "folder"),
    // A position is not a file name.
    ("deaggregate --after page", "page"),
];
#[cfg(feature = "aws")]
const AWS_CASES: &[(&str, &str)] = &[
    ("agent stat", "status"),
    ("put orders --partition-key-f", "--partition-key-from"),
    ("put orders --compress gz", "gzip"),
    ("put orders page", "page.json"),
    ("tail orders --output=te", "--output=text"),
    ("agent --on-mismatch sk", "skip"),
    ("agent --config page", "page.json"),
    ("tail orders --region page", "page"),
];
#[cfg(not(feature = "aws"))]
const AWS_CASES: &[(&str, &str)] = &[];

const PROMPT: &str = "ready> ";
/// Around the last word that `kagg` was called with.
const MARKS: [&str; 2] = ["<[", "]>"];

/// A shell on a terminal.
struct Shell {
    name: &'static str,
    child: Child,
    terminal: File,
}

impl Shell {
    /// Starts a shell with these arguments and settings.
    fn start(name: &'static str, args: &[&str], home: &TempDir, directory: &TempDir) -> Self {
        let (reader, terminal) = pty::open(200);
        // The terminal becomes its own: fish ends without one.
        let mut command = Command::new("setsid");
        command
            .args(["--ctty", name])
            .args(args)
            .env("HOME", home.path(""))
            .env("ZDOTDIR", home.path(""))
            .current_dir(directory.path(""))
            .env("TERM", "dumb")
            .env("LC_ALL", "C.UTF-8")
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal);
        Self {
            name,
            child: command.spawn().unwrap(),
            terminal: reader,
        }
    }

    /// What is on the terminal up to the end of `mark`.
    fn read_to(&mut self, mark: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&seen);
            if text.ends_with(mark) {
                return text.into_owned();
            }
            let wait = Timespec {
                tv_sec: 30,
                tv_nsec: 0,
            };
            let mut fds = [PollFd::new(&self.terminal, PollFlags::IN)];
            let ready = poll(&mut fds, Some(&wait)).unwrap();
            assert!(ready > 0, "{} says no more after {text:?}", self.name);
            let mut byte = [0];
            self.terminal.read_exact(&mut byte).unwrap();
            seen.extend(byte);
        }
    }

    /// The last word of the line, after a tab.
    fn completed(&mut self, typed: &str) -> String {
        let [before, after] = MARKS;
        self.read_to(PROMPT);
        let line = format!("kagg {typed}\t\n");
        self.terminal.write_all(line.as_bytes()).unwrap();
        self.read_to(before);
        let word = self.read_to(after);
        word.trim_end_matches(after).to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdout(Stdio::null());
    command.status().is_ok()
}

/// Tries all cases in a shell that reads these settings, and the completions after them, from the
/// file `settings` in its home.
fn try_all(name: &'static str, settings: &str, args: &[&str]) {
    if !is_installed(name) || !is_installed("setsid") {
        eprintln!("skipped: {name} or setsid is not installed");
        return;
    }
    let home = TempDir::new();
    let script = kagg(&format!("completions {name}"), "").expect(0);
    // zsh reads it under a name of its own.
    for file in ["settings", ".zshrc"] {
        home.file(file, format!("{settings}\n{}", script.text()));
    }
    let directory = TempDir::new();
    directory.file("page.json", "");
    let mut shell = Shell::start(name, args, &home, &directory);
    // A file comes before options.
    assert_eq!(shell.completed("deaggregate "), "page.json", "{name}");
    std::fs::create_dir(directory.path("folder")).unwrap();
    for (typed, expected) in [CASES, AWS_CASES].concat() {
        let word = shell.completed(typed);
        // zsh takes the slash of a directory away where a line ends with it.
        assert_eq!(word.trim_end_matches('/'), expected, "{name}: kagg {typed}");
    }
}

#[test]
fn bash_completes_every_word() {
    let settings = "PS1='ready> '; kagg() { printf '<[%s]>\\n' \"${@: -1}\"; }";
    let read = "exec bash --noprofile --rcfile ~/settings -i";
    try_all("bash", settings, &["-c", read]);
}

#[test]
fn zsh_completes_every_word() {
    let settings = "PS1='ready> '; kagg() { printf '<[%s]>\\n' \"$@[-1]\" }\n\
                    autoload -Uz compinit; compinit -u -D";
    try_all("zsh", settings, &["-d", "-i"]);
}

#[test]
fn fish_completes_every_word() {
    let settings = "function fish_prompt; printf 'ready> '; end\n\
                    function kagg; printf '<[%s]>\\n' $argv[-1]; end";
    let read = "source ~/settings";
    try_all("fish", settings, &["--no-config", "-i", "-C", read]);
}
