use crate::A;
pub struct C(A);
