//! The signals that ask the command to stop, or to reload.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT (Ctrl-C) or SIGTERM; elsewhere than on Unix, Ctrl-C alone.
    Stop,
    /// SIGHUP.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has SIGHUP"))]
    HangUp,
}

impl Signals {
    /// Waits for a signal to stop. Where the command stops already, a SIGHUP is no wish to hurry: a terminal that
    /// closes may send several, and systemd may send one after its SIGTERM.
    pub(crate) async fn stop(&mut self) {
        while self.next().await != Signal::Stop {}
    }
}

#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::HangUp,
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Stop
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::pin::pin;
    use std::process::{Command, id};

    use super::*;

    fn send(signal: &str) {
        let id = id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("the command kill").success());
    }

    #[test]
    fn a_hang_up_is_no_second_signal_to_stop() {
        let test = async {
            let [mut signals, mut others] = [(); 2].map(|()| Signals::new().expect("handlers"));
            send("-HUP");
            assert_eq!(others.next().await, Signal::HangUp, "it has come");
            let mut stop = pin!(signals.stop());
            tokio::select! {
                biased;
                () = &mut stop => panic!("it was a hang-up"),
                () = std::future::ready(()) => {}
            }
            for signal in ["-INT", "-TERM"] {
                send(signal);
                assert_eq!(others.next().await, Signal::Stop, "{signal}");
            }
            stop.await;
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(test);
    }
}
