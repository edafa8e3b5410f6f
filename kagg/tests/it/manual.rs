//! Help, version, completions, manual pages.

use super::kagg;

#[test]
fn every_command_explains_itself_with_examples() {
    for command in [
        "deaggregate",
        "carve",
        "aggregate",
        "inspect",
        "doctor",
        "completions",
        "man",
    ] {
        let run = kagg(&format!("{command} --help"), "").expect(0);
        assert!(run.text().contains("Example"), "{}", run.text());
        assert!(
            run.text().lines().all(|line| line.chars().count() <= 100),
            "{}",
            run.text()
        );
    }
    let run = kagg("--help", "").expect(0);
    assert!(run.text().contains("Exit status"), "{}", run.text());
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
