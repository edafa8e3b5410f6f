//! Lambda: events, processing, answers.

mod answers;
mod crates_event;
mod events;
mod function;
mod poller;
mod process;
mod resume;
mod support;
mod windows;
