//! `a` and `b` import each other, `b` through a re-export; `c` imports only.
mod a;
mod b;
mod c;
pub use a::A;
