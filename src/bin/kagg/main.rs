//! kagg
fn main() {}
