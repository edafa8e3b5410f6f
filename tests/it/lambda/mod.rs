//! Lambda: events, processing, answers.

mod answers;
mod events;
mod poller;
mod process;
mod resume;
mod support;
mod windows;
