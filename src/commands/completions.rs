//! `ecache completions`: a shell's completion script.

use std::io::{self, Write};

use anyhow::Result;

use crate::artifacts;
use crate::cli::CompletionsArgs;
use crate::error::Exit;

pub(crate) fn run(args: CompletionsArgs) -> Result<Exit> {
    io::stdout().write_all(artifacts::completion(args.shell).as_bytes())?;
    Ok(Exit::Done)
}
