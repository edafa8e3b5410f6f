//! The producer: the pipeline in a simulation, and the handle on tokio's paused clock.

mod blocking;
mod bugs;
mod control;
mod corners;
mod cost;
mod end;
mod evidence;
mod keys;
mod laws;
mod link;
mod lives;
mod memory;
mod model_kcl;
mod model_stream;
mod order;
mod random;
mod reshard;
mod room;
mod script;
mod scripts;
mod seen;
mod sim;
mod stream;
mod task;
mod throttled;
mod unlisted;
