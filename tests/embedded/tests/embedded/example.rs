//! The examples run, and their balances are right.

use std::process::Command;

fn printed_by(example: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().with_file_name("examples");
    let ran = Command::new(folder.join(example)).output().unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    println!("{printed}");
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{complaint}");
    printed
}

#[test]
fn produce_prints_its_balance() {
    assert!(printed_by("produce").contains("20000 different"));
}

/// Each run stops in the middle of an aggregate, and the next one goes on there.
#[test]
fn consume_reads_all_once_over_many_runs() {
    let printed = printed_by("consume");
    assert!(printed.contains("read       1000, in 8 runs"));
    assert!(printed.contains("different  1000"));
    assert!(printed.contains("over       3 shards"));
}
