//! What ARCHITECTURE.md and CONTRIBUTING.md say of the code is true of it.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The rows of a page's tables that have three cells, without the heads.
fn rows(page: &str) -> Vec<[&str; 3]> {
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match cells[..] {
            ["", head, _, _, ""] if head.starts_with("--") => drop(rows.pop()),
            ["", first, second, third, ""] => rows.push([first, second, third]),
            _ => {}
        }
    }
    rows
}

#[test]
fn architecture_md_says_where_things_are_decided() {
    let page = read("ARCHITECTURE.md");
    let mut count = 0;
    for [question, file, function] in rows(&page) {
        let name = format!("fn {}", function.trim_matches('`'));
        let code = read(file);
        let mut ends = code.match_indices(&name).map(|(at, _)| at + name.len());
        let is_there = ends.any(|end| code[end..].starts_with(['(', '<']));
        assert!(is_there, "{question} {file} has no `{name}`");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

#[test]
fn contributing_md_names_steps_of_ci() {
    let page = read("CONTRIBUTING.md");
    let ci = read(".ci/run");
    let steps = ci.lines().map(str::trim_start);
    let steps: Vec<_> = steps
        .filter(|line| line.starts_with("step '") || line.starts_with("step \""))
        .collect();
    let mut count = 0;
    for [step, ..] in rows(&page) {
        let is_there = steps.iter().any(|line| line[6..].starts_with(step));
        assert!(is_there, ".ci/run has no step '{step}...'");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}

/// The code that decides quotes the page's rows by name.
#[test]
fn the_rules_that_code_quotes_are_rows_of_compatibility_md() {
    let page = read("docs/COMPATIBILITY.md");
    let mut count = 0;
    for file in ["src/deaggregate/judge.rs", "src/deaggregate/open.rs"] {
        let code = read(file);
        let comments = code.lines().map(str::trim_start);
        let comments = comments.filter(|line| line.starts_with("//"));
        let comments = comments.map(|line| line.trim_start_matches(['/', '!', ' ']));
        let comments: Vec<_> = comments.collect();
        let comments = comments.join(" ");
        // A single word in quotes is no name.
        let quoted = comments.split('"').skip(1).step_by(2);
        for name in quoted.filter(|text| text.contains(' ')) {
            let is_row = page.contains(&format!("\n| {name} |"));
            assert!(is_row, "{file}: no row is called \"{name}\"");
            count += 1;
        }
    }
    assert!(count >= 10, "{count}");
}
