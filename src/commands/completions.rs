//! `ecache completions`: a shell's completion script.

use std::io::Write;

use anyhow::Result;

use crate::artifacts;
use crate::cli::CompletionsArgs;
use crate::error::Exit;
use crate::output::stdout;

pub(crate) fn run(args: CompletionsArgs) -> Result<Exit> {
    stdout().write_all(artifacts::completion(args.shell).as_bytes())?;
    Ok(Exit::Done)
}
