//! Help, version, completions, manual pages.

use std::process::Stdio;

use super::kagg;

/// The most rows of help, in 100 columns: those of the smallest terminal, or as many as a command
/// with many options needs.
const FEW: usize = 24;
const MANY: usize = 40;
/// In 80 columns, where most options take two rows each.
const NARROW: usize = 48;

/// `--help` of `command` on a terminal of so many columns.
fn help(command: &str, option: &str, columns: &str) -> String {
    let args = command.split_whitespace().chain([option]);
    let output = super::command()
        .args(args)
        .env("COLUMNS", columns)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names under `Commands:`, but for `help`.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !matches!(*name, "" | "help"));
    names.map(str::to_owned).collect()
}

/// Each command, and those of `agent`.
fn all_commands() -> Vec<String> {
    let mut all = vec![String::new()];
    for command in commands(&help("", "--help", "80")) {
        let inner = commands(&help(&command, "--help", "80"));
        all.extend(inner.iter().map(|inner| format!("{command} {inner}")));
        all.push(command);
    }
    all
}

#[test]
fn the_help_of_every_command_is_short() {
    let all = all_commands();
    assert!(all.len() >= 8, "{all:?}");
    for command in all {
        let short = help(&command, "-h", "80");
        assert_eq!(short, help(&command, "--help", "80"), "{command}");
        let most = match &*command {
            "" | "deaggregate" | "aggregate" | "put" | "tail" | "agent" => MANY,
            _ => FEW,
        };
        let wide = help(&command, "-h", "250");
        for (text, columns, most) in [(short, 80, NARROW), (wide, 100, most)] {
            let lines = text.lines().count();
            assert!(lines <= most, "{lines} lines: {text}");
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(columns), "{longest:?}: {text}");
        }
    }
}

/// What the short form leaves out is in `kagg help` and in the manual page.
#[test]
fn all_there_is_to_say_has_its_place() {
    for command in all_commands() {
        let short = help(&command, "--help", "100");
        let (says_more, shows_how) = (command.is_empty(), command == "agent status");
        assert!(
            says_more || shows_how || short.contains("Example"),
            "{short}"
        );
    }
    for (command, words) in [
        ("deaggregate", "`subSequenceNumber`"),
        ("aggregate", "raw-in-base64-out"),
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = squeezed(words);
        assert!(!squeezed(&help(command, "--help", "100")).contains(&words));
        let long = kagg(&format!("help {command}"), "").expect(0);
        assert!(squeezed(long.text()).contains(&words), "{}", long.text());
        let page = kagg(&format!("man {command}"), "").expect(0);
        let page = page.text().replace('\\', "");
        assert!(squeezed(&page).contains(&words), "{page}");
    }
    let run = kagg("--help", "").expect(0);
    assert!(run.text().contains("Exit status"), "{}", run.text());
    assert!(run.text().contains("kagg help COMMAND"), "{}", run.text());
}

#[test]
fn the_version_is_the_packages() {
    let run = kagg("--version", "").expect(0);
    assert_eq!(
        run.text(),
        concat!("kagg ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = kagg(&format!("completions {shell}"), "").expect(0);
        assert!(run.text().contains("deaggregate"), "{shell}");
    }
    assert!(kagg("man", "").expect(0).text().contains("kagg"));
    let run = kagg("man deaggregate", "").expect(0);
    assert!(run.text().contains("kagg\\-deaggregate"), "{}", run.text());
    kagg("man nonsense", "").expect(2);
    let directory = super::TempDir::new();
    let man = directory.path("man1");
    kagg(&format!("man --out-dir {man}"), "").expect(0);
    for page in [
        "kagg.1",
        "kagg-deaggregate.1",
        "kagg-carve.1",
        "kagg-inspect.1",
    ] {
        let text = std::fs::read_to_string(format!("{man}/{page}")).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}
