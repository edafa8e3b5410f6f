//! `kagg put` and `kagg tail` on a terminal whose user types Ctrl-C, or closes it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use kinesis_aggregation_embedded::{Fault, Kinesis, read_all};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::command::kagg;
use crate::pty;

const STREAM: &str = "orders";

async fn kinesis() -> Kinesis {
    let kinesis = Kinesis::start().await;
    kinesis.create_stream(STREAM, 1).await;
    kinesis
}

/// `kagg` as a shell starts it: this terminal is its input and its standard error, and the one whose
/// Ctrl-C and end it is told of. A shell that runs something in the background has it ignore Ctrl-C.
fn on_a_terminal_of_its_own(kinesis: &Kinesis, arguments: &[&str]) -> (File, Child) {
    let (seen, terminal) = pty::open(100);
    let command = kagg(kinesis, arguments);
    let command = command.as_std();
    let environment = command.get_envs();
    let mut with_terminal = Command::new("env");
    with_terminal
        .args(["--default-signal=INT,HUP", "setsid", "--ctty"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(environment.filter_map(|(name, value)| Some((name, value?))))
        .stdin(terminal.try_clone().unwrap())
        .stdout(Stdio::null())
        .stderr(terminal)
        .kill_on_drop(true);
    (seen, with_terminal.spawn().unwrap())
}

/// Bounded: one that hears no signal would go on.
async fn ended(child: &mut Child) -> ExitStatus {
    let ended = tokio::time::timeout(Duration::from_secs(60), child.wait());
    ended.await.expect("it ends").unwrap()
}

/// What is seen up to the end of `mark`, or of all where nobody writes any more.
async fn seen_to(terminal: &File, mark: &'static str) -> String {
    let mut terminal = terminal.try_clone().unwrap();
    let read = move || {
        let mut text = Vec::new();
        let mut byte = [0];
        while !text.ends_with(mark.as_bytes()) || mark.is_empty() {
            match terminal.read(&mut byte) {
                Ok(1..) => text.extend(byte),
                _ => break,
            }
        }
        String::from_utf8(text).unwrap()
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

const CTRL_C: &[u8] = b"\x03";

/// Starts a put, types a line and waits for its request, which is answered after this time.
async fn putting(kinesis: &Kinesis, answered_after: Duration) -> (File, Child) {
    let (sender, mut puts) = mpsc::unbounded_channel();
    kinesis.inject(move |request| {
        if request.operation != "PutRecords" {
            return Fault::None;
        }
        let _ = sender.send(());
        Fault::DelayAnswer(answered_after)
    });
    let (mut terminal, child) = on_a_terminal_of_its_own(kinesis, &["put", STREAM]);
    terminal.write_all(b"one\n").unwrap();
    puts.recv().await.unwrap();
    (terminal, child)
}

async fn stored(kinesis: &Kinesis) -> Vec<Vec<u8>> {
    let reading = read_all(&kinesis.client(), STREAM).await;
    let user_records = reading.user_records.iter();
    user_records.map(|record| record.data.to_vec()).collect()
}

#[tokio::test]
async fn ctrl_c_delivers_what_was_typed() {
    let kinesis = kinesis().await;
    let (mut terminal, mut child) = putting(&kinesis, Duration::ZERO).await;
    terminal.write_all(CTRL_C).unwrap();
    let seen = seen_to(&terminal, "").await;
    assert_eq!(ended(&mut child).await.code(), Some(1), "{seen:?}");
    let (before, after) = seen.split_once("interrupted: ").unwrap();
    // Over the line that showed how far it was.
    assert!(before.ends_with("\r\u{1b}[K"), "{seen:?}");
    for words in [
        "what was read is still delivered",
        "lines after 1 were not put\r\n",
        "1 user records delivered",
        "line 1 is delivered: to go on, start with line 2\r\n",
    ] {
        assert!(after.contains(words), "{words}: {seen:?}");
    }
    assert_eq!(stored(&kinesis).await, [b"one"]);
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait() {
    let kinesis = kinesis().await;
    let (mut terminal, mut child) = putting(&kinesis, Duration::from_secs(3600)).await;
    terminal.write_all(CTRL_C).unwrap();
    seen_to(&terminal, "interrupt again to give that up").await;
    terminal.write_all(CTRL_C).unwrap();
    let seen = seen_to(&terminal, "").await;
    assert_eq!(ended(&mut child).await.code(), Some(1), "{seen:?}");
    assert!(
        seen.contains("no line is known to be delivered"),
        "{seen:?}"
    );
}

/// Nobody is left to be told, and still all is delivered.
#[tokio::test]
async fn a_put_whose_terminal_is_closed_delivers_what_was_typed() {
    let kinesis = kinesis().await;
    let (terminal, mut child) = putting(&kinesis, Duration::ZERO).await;
    drop(terminal);
    let status = ended(&mut child).await;
    // The end of the input may come before the signal.
    assert!(matches!(status.code(), Some(0..=2)), "{status}");
    assert_eq!(stored(&kinesis).await, [b"one"]);
}

/// So that a shell sees that it was interrupted, and a script ends.
#[tokio::test]
async fn tail_ends_by_the_signal() {
    const INTERRUPT: i32 = 2;
    const HANG_UP: i32 = 1;
    let kinesis = kinesis().await;
    for expected in [INTERRUPT, HANG_UP] {
        let (mut terminal, mut child) = on_a_terminal_of_its_own(&kinesis, &["tail", STREAM]);
        let seen = seen_to(&terminal, "Ctrl-C ends").await;
        assert!(seen.contains(STREAM), "{seen:?}");
        if expected == INTERRUPT {
            terminal.write_all(CTRL_C).unwrap();
        } else {
            drop(terminal);
        }
        let status = ended(&mut child).await;
        assert_eq!(status.signal(), Some(expected), "{status}");
    }
}
