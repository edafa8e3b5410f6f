//! Locks that are never poisoned for long.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nobody panics while holding one of these locks, but for a waker of a foreign runtime, and what they
/// guard has no broken states.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
