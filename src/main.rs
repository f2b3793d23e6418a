//! The `ecache` command.

fn main() {}
