//! The functions beside a cached one: looking at a result, storing and clearing results, and the
//! status of a returned one.

mod peek;
pub(super) mod set_and_clear;
pub(super) mod status;
