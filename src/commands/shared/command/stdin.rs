//! Reads or examines the standard input of a command.

use std::fs::File;
use std::os::fd::AsFd;
use std::time::Duration;
use std::{fmt, io};

use anyhow::{Context as _, Result};
use ecache_core::command::{
    FileInput, Input, InputKey, InputKind, Spool, StreamInput, input_kind, is_idle,
};

use crate::cli::entry::StdinChoice;
use crate::context::Context;
use crate::inherited::is_closed;

/// Time without a byte after which standard input counts as a pipe that is never closed, as ssh and
/// some CI systems leave it.
const IDLE: Duration = Duration::from_secs(10);

/// The reason why a command has no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Unkeyed {
    /// It reads an input that cannot be part of a key
    Input(String),
    /// Its input could not be examined or copied
    Trouble(String),
}

impl fmt::Display for Unkeyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(why) | Self::Trouble(why) => f.write_str(why),
        }
    }
}

/// A command's standard input, prepared for the run and for the key.
pub(in super::super) struct Read {
    pub(in super::super) input: Input,
    /// Its part of the key
    pub(in super::super) key: InputKey,
    /// Reason why the input is not part of the key
    pub(in super::super) unkeyed: Option<Unkeyed>,
}

impl Read {
    fn keyed(input: Input, key: InputKey) -> Self {
        Self {
            input,
            key,
            unkeyed: None,
        }
    }

    /// Returns an input that is not part of a key.
    fn unkeyed(input: Input, why: Unkeyed) -> Self {
        Self {
            input,
            key: InputKey::Ignored,
            unkeyed: Some(why),
        }
    }
}

/// Prepares standard input according to `--stdin`.
pub(in super::super) fn read(context: &Context, choice: StdinChoice) -> Result<Read> {
    match choice {
        StdinChoice::None => Ok(Read::keyed(Input::Nothing, InputKey::Nothing)),
        StdinChoice::Ignore => Ok(Read::keyed(Input::Inherited, InputKey::Ignored)),
        StdinChoice::Hash => read_all(context),
        StdinChoice::Auto => Ok(look()),
    }
}

/// Classifies standard input without consuming it.
fn look() -> Read {
    let stdin = || io::stdin().as_fd().try_clone_to_owned();
    let kind = if is_closed(0) {
        InputKind::Closed
    } else {
        input_kind(io::stdin())
    };
    match kind {
        InputKind::Closed => Read::keyed(Input::Inherited, InputKey::Closed),
        InputKind::NullDevice => Read::keyed(Input::Inherited, InputKey::NullDevice),
        InputKind::NullForWriting => Read::keyed(Input::Inherited, InputKey::NullForWriting),
        InputKind::Terminal => Read::keyed(Input::Terminal, InputKey::Terminal),
        InputKind::File => match stdin().map(File::from).and_then(FileInput::new) {
            Ok(file) => {
                let key = file.key();
                Read::keyed(Input::File(file), key)
            }
            Err(error) => Read::unkeyed(
                Input::Inherited,
                Unkeyed::Trouble(format!("cannot read standard input: {error}")),
            ),
        },
        InputKind::Stream(wire) => match stdin().and_then(|fd| StreamInput::new(fd, wire)) {
            Ok(stream) => Read::keyed(Input::Stream(stream), InputKey::Unread(wire)),
            Err(error) => Read::unkeyed(
                Input::Inherited,
                Unkeyed::Trouble(format!("cannot inspect standard input: {error}")),
            ),
        },
        InputKind::TwoWay => Read::unkeyed(
            Input::Inherited,
            Unkeyed::Input(
                "standard input and output are one socket, so that what is read may answer what \
                 the command prints; say --stdin none if the command reads none"
                    .to_owned(),
            ),
        ),
        InputKind::Other => Read::unkeyed(
            Input::Inherited,
            Unkeyed::Input(
                "standard input is neither a file, a pipe, a terminal nor /dev/null, so what is \
                 read from it cannot be part of the key; say --stdin none if the command reads none"
                    .to_owned(),
            ),
        ),
    }
}

/// Reads standard input to its end.
fn read_all(context: &Context) -> Result<Read> {
    if is_closed(0) {
        return Ok(Read::keyed(Input::Inherited, InputKey::Closed));
    }
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = File::from(stdin.context("cannot use standard input")?);
    if is_idle(&stdin, IDLE) {
        context.note(&format!(
            "nothing came on standard input for {} s, which --stdin hash waits for",
            IDLE.as_secs()
        ));
    }
    Ok(match Spool::of(stdin) {
        Ok(spool) => {
            let key = InputKey::Read(spool.sha256());
            Read::keyed(Input::Spooled(spool.into_file()), key)
        }
        Err(unkept) => {
            let why = format!("cannot keep standard input: {}", unkept.why());
            // The command finds the input as it would without the cache.
            let input = if unkept.is_whole() {
                Input::Inherited
            } else {
                Input::Unkept(unkept)
            };
            Read::unkeyed(input, Unkeyed::Trouble(why))
        }
    })
}

/// Reports whether standard input is a stream, which another process could not read again.
pub(in crate::commands) fn is_stream() -> bool {
    matches!(
        input_kind(io::stdin()),
        InputKind::Stream(_) | InputKind::TwoWay | InputKind::Other
    )
}
