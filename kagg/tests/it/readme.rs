//! Every shell block of README.md runs, and prints what README.md says it prints.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The blocks of README.md in this language.
fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    let behind = readme.split(start.as_str()).skip(1);
    behind
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// Runs a block as a reader would, with `kagg` on the path; gives back all that it printed.
fn run(block: &str) -> String {
    let kagg = Path::new(env!("CARGO_BIN_EXE_kagg")).parent().unwrap();
    let path = env::join_paths(
        [kagg.to_owned()]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let output = Command::new("bash")
        .args(["-euc", block])
        .env("PATH", path.unwrap())
        .current_dir(root())
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{block}\n{printed}");
    printed
}

#[test]
fn every_shell_block_runs_and_prints_what_the_readme_says() {
    let readme = readme();
    let mut printed = String::new();
    let mut count = 0;
    // The two commands of a newcomer are run by .ci/run: see below.
    for block in blocks(&readme, "sh")
        .iter()
        .filter(|block| !block.starts_with("cargo "))
    {
        printed += &run(block);
        count += 1;
    }
    assert!(count >= 3);
    // What needs AWS cannot run here.
    for block in blocks(&readme, "text")
        .iter()
        .filter(|block| !block.starts_with("aws "))
    {
        assert!(printed.contains(block.trim_end()), "not printed:\n{block}");
    }
}

#[test]
fn ci_runs_the_two_commands_of_the_readme() {
    let readme = readme();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    for start in ["cargo run ", "cargo test "] {
        let lines = readme.lines().filter(|line| line.starts_with(start));
        assert_eq!(lines.count(), 1, "{start}");
        assert!(ci.contains(&format!("readme_command '{start}'")), "{start}");
    }
}
