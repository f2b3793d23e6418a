//! The command that `run`, `warm`, `why` and `key` are given: its identity, input and settings.
//!
//! `args` makes the call from the words after `--`, with its `identity` and `stdin`. `settings` and
//! `configured` merge options and the user's settings. `background`, `exec` and `same_output` are
//! about the process that runs it.

pub(in crate::commands) mod args;
pub(in crate::commands) mod background;
pub(in crate::commands) mod configured;
pub(in crate::commands) mod exec;
pub(in crate::commands) mod identity;
pub(in crate::commands) mod same_output;
pub(in crate::commands) mod settings;
pub(in crate::commands) mod stdin;
