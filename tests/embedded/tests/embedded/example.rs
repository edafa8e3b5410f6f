//! The example runs, and its balance is right.

use std::process::Command;

#[test]
fn produce_prints_its_balance() {
    let test = std::env::current_exe().unwrap();
    let example = test.parent().unwrap().with_file_name("examples/produce");
    let ran = Command::new(example).output().unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    println!("{printed}");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(printed.contains("20000 different"));
}
