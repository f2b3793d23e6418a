//! Requests to a backend, and its answers.

pub(super) mod description;
pub(super) mod lookup;
pub(super) mod put;
pub(super) mod record;
pub(super) mod scan;
pub(super) mod spread;
