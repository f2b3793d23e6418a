//! The `ecache` command: starts, and maps how a command ended to an exit code.

mod artifacts;
mod browse;
mod cli;
mod commands;
mod config;
mod context;
mod datasets;
mod error;
mod fiftyone;
mod inherited;
#[cfg(any(test, target_env = "musl"))]
mod musl_alloc;
mod unreachable;
// Without optimization, copying a few bytes is a call of `memcpy`.
#[cfg(all(
    target_arch = "x86_64",
    any(test, all(target_env = "musl", not(debug_assertions)))
))]
mod musl_copy;
mod near_names;
mod output;
mod signals;
mod units;
mod variables;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};

use cli::Cli;
use context::Context;
use error::{Advice, Exit};
use output::Voice;

fn main() -> ExitCode {
    #[cfg(target_env = "musl")]
    musl_alloc::install();
    inherited::settle();
    signals::survive_file_limit();
    ecache_core::location::begin_small();
    let mut voice = Voice::default();
    let result = match Cli::read() {
        Ok(cli) => {
            voice = cli.voice();
            Context::new(cli.global, voice).and_then(|context| commands::run(&context, cli.command))
        }
        Err(answer) => match Cli::without_command().filter(|_| io::stdout().is_terminal()) {
            Some(global) => {
                Context::new(global, voice).and_then(|context| commands::welcome::run(&context))
            }
            None => return tell(&answer),
        },
    };
    match result {
        Ok(exit) => {
            if let Exit::Signal(signal) = exit {
                signals::end_by(signal);
            }
            ExitCode::from(exit.code())
        }
        Err(error) => fail(&error, voice),
    }
}

/// Prints the requested help or version, or the error of the command line.
fn tell(answer: &clap::Error) -> ExitCode {
    let text = answer.render();
    let styled = |choice| match choice {
        ColorChoice::Never => text.to_string(),
        _ => text.ansi().to_string(),
    };
    if answer.use_stderr() {
        let text = styled(AutoStream::choice(&io::stderr()));
        // With standard error closed, the message has no reader.
        let _ = output::stderr().write_all(text.as_bytes());
        return if Cli::is_run(std::env::args_os()) {
            ExitCode::from(Exit::NOT_RUN.code())
        } else {
            ExitCode::from(Exit::Usage.code())
        };
    }
    let text = styled(AutoStream::choice(&io::stdout()));
    match output::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.into(), Voice::default()),
    }
}

/// Reports whether the reader of standard output, such as `head`, has closed it: not a failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn fail(error: &anyhow::Error, voice: Voice) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let Advice { exit, tip } = Advice::of(error);
    let is_bare = error.is::<io::Error>() && error.chain().count() == 1;
    let attempt = if is_bare && output::output_failed() {
        "cannot write to standard output: "
    } else {
        ""
    };
    voice.error(&format!("{attempt}{error:#}"), tip.as_deref());
    match (exit, signals::interrupted()) {
        (Exit::Interrupted, Some(signal)) => ExitCode::from(128 + signal),
        (exit, _) => ExitCode::from(exit.code()),
    }
}
