use crate::A;
pub struct B(Option<Box<A>>);
