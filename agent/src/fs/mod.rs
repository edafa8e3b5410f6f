//! The file system, as far as following files needs it.
//!
//! A trait, so that rotations, kills and full disks are simulated on a model; [`RealFs`] is the
//! machine's own.

mod real;
mod traits;

pub use real::{RealFile, RealFs};
pub(crate) use traits::read_full;
pub use traits::{FileId, FileSystem, Meta, OpenFile};
