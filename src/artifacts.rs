//! Completion scripts and manual pages: what `completions/` and `man/` hold, and the commands
//! print.
//!
//! All of it is made of the types in [`cli`](crate::cli), and depends on nothing else: neither on
//! the width of a terminal, nor on the environment.

mod completions;
mod manual;
mod typed_line;

pub(crate) use completions::completion;
pub(crate) use manual::{fields_of, manual_pages};
pub(crate) use typed_line::{Request, Wanted, request};
