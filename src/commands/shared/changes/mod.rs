//! Changes of entries, each an operation of the log.
//!
//! `deletion` carries them out for every verb, and `dry_run` lists what they would remove.
//! `operation` and `undo_text` describe them. `lifetime` is for `set` and `touch`, `jobs` for
//! records that workers own.

pub(in crate::commands) mod deletion;
pub(in crate::commands) mod dry_run;
pub(in crate::commands) mod jobs;
pub(in crate::commands) mod lifetime;
pub(in crate::commands) mod operation;
pub(in crate::commands) mod undo_text;
