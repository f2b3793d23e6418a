//! Requests to a backend, and its answers.

mod description;
mod lookup;
mod put;
mod record;
mod scan;
mod spread;

pub(in crate::backend) use self::put::Lifespan;
pub use self::{description::*, lookup::*, put::*, record::*, scan::*, spread::*};
