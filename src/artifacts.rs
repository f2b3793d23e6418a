//! Completion scripts and manual pages: what `completions/` and `man/` hold, and the commands
//! print.
//!
//! All of it is made of the types in [`cli`](crate::cli), and depends on nothing else: neither on
//! the width of a terminal, nor on the environment.

mod completions;
mod manual;

pub(crate) use completions::{commands_of, completion};
pub(crate) use manual::manual_pages;
