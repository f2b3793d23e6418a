//! Changes of entries, each an operation of the log.
//!
//! `deletion` carries them out for every verb, and `dry_run` lists what they would remove. `loss`
//! tells which of them undo could not take back, and `confirmation` asks before those.
//! `operation` and `undo_text` describe them. `lifetime` is for `set` and `touch`, `jobs` for
//! records that workers own.

pub(in crate::commands) mod confirmation;
pub(in crate::commands) mod deletion;
pub(in crate::commands) mod dry_run;
pub(in crate::commands) mod jobs;
pub(in crate::commands) mod lifetime;
pub(in crate::commands) mod loss;
pub(in crate::commands) mod operation;
pub(in crate::commands) mod undo_text;
