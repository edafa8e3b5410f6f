//! Lambda: events, processing, answers.

mod answers;
mod crates_event;
mod events;
mod function;
mod handlers;
mod poller;
mod process;
mod resume;
mod slices;
mod support;
mod windows;
