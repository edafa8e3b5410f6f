//! Noticing that the reader of standard output is gone, while there is nothing to write.

/// Ends when the reader of standard output is gone: `kagg tail orders | head -1` must not wait for
/// the next record. Where that cannot be told, it never ends.
#[cfg(unix)]
pub(super) async fn reader_is_gone() {
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    const PAUSE: Duration = Duration::from_millis(250);
    let at_once = Timespec::default();
    let stdout = std::io::stdout();
    loop {
        // Errors and hang-ups are told without being asked for. A pipe whose reader is gone has an
        // error; a file or a terminal that is there has none.
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        let told = poll(&mut fds, Some(&at_once));
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let [fd] = fds;
        if told.is_ok_and(|count| count > 0) && fd.revents().intersects(gone) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(not(unix))]
pub(super) async fn reader_is_gone() {
    std::future::pending().await
}
