//! Follows the files of one flow through rotation, restart and replacement.
//!
//! ```text
//!             new name                   is not a copy
//!   listing ------------> Fresh ---------------------------> Active <-----------+
//!                           |  is (so far) the beginning       |  |             | found: renamed,
//!                           v  of a file that is read          |  | replaced    | copied, packed
//!                        Shadow --- the other is cut off: ---> |  +-> Missing --+
//!                                   goes on in the copy        |        |
//!                                                              v        v not found for 5 s
//!                                   rotated and quiet for 5 s: Done    Done, reported as lost
//! ```
//!
//! A plain struct: it reads through [`FileSystem`], is told the time, and does nothing by itself.
//! One call of [`Follower::poll`] reads a bounded amount, lists the directories, and settles what
//! is new and what is gone.

mod acks;
mod compare;
mod follower;
mod listing;
mod mark;
mod names;
mod print;
mod rules;
mod saved;
mod search;
mod settle;
mod source;
mod stream;

pub use follower::Follower;
pub use mark::{Head, MARK, Mark};
pub(crate) use names::is_rotated;
pub use rules::{FollowRules, InitialPosition, Now};
pub use saved::{FileRecord, Report, Saved, SavedFile};
