//! From what was typed after `--` to what identifies a command.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ecache_core::command::{Identity, Input, Program, Spool, hash_files};
use ecache_core::python_json::Json;

use crate::cli::entry::{IdentityArgs, StdinChoice};
use crate::context::Context;

/// Who has to wait for standard input is told so after this long, as in a CI step that leaves a pipe open.
const IDLE: Duration = Duration::from_secs(10);

/// A command as it is about to be run, or asked for.
pub(super) struct Invocation {
    pub(super) program: Program,
    /// What its key is made of
    pub(super) call: Vec<Json>,
    /// What it reads
    pub(super) input: Input,
}

impl Invocation {
    /// The command of these words, of which the first is its name. Standard input is read if it is part of that.
    pub(super) fn new(context: &Context, words: &[OsString], args: &IdentityArgs) -> Result<Self> {
        let (name, arguments) = words.split_first().expect("clap requires a word");
        let program = Program::find(name, std::env::var_os("PATH").as_deref())?;
        let variable = |name: &String| (name.clone(), std::env::var_os(name));
        let folder = match args.cwd {
            true => Some(std::env::current_dir().context("there is no current folder")?),
            false => None,
        };
        let hash = |path: &String| {
            let content = hash_files(path);
            Ok((
                path.clone(),
                content.with_context(|| format!("cannot read {path}"))?,
            ))
        };
        let files = args.file.iter().map(hash).collect::<Result<_>>()?;
        let (input, sha256) = input(context, args.stdin)?;
        let identity = Identity {
            program,
            arguments: arguments.to_vec(),
            folder,
            variables: args.env.iter().map(variable).collect(),
            files,
            input: sha256,
        };
        Ok(Self {
            call: identity.call(),
            program: identity.program,
            input,
        })
    }

    /// Why standard input could not be kept, if so: it is not part of the key then.
    pub(super) fn unkept_input(&self) -> Option<&io::Error> {
        match &self.input {
            Input::Unkept(unkept) => Some(unkept.why()),
            _ => None,
        }
    }
}

/// What the command reads, and the SHA-256 of that if runs are told apart by it.
fn input(context: &Context, choice: StdinChoice) -> Result<(Input, Option<[u8; 32]>)> {
    let is_spooled = match choice {
        StdinChoice::None => return Ok((Input::Nothing, None)),
        StdinChoice::Ignore => false,
        StdinChoice::Auto => is_stream(),
        StdinChoice::Hash => true,
    };
    if !is_spooled {
        return Ok((Input::Inherited, None));
    }
    let tell = || {
        context.note(
            "ecache: waiting for the end of standard input, which is part of the key; if the command reads none, say --stdin none",
        );
    };
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = stdin.context("cannot use standard input")?;
    Ok(match Spool::of(File::from(stdin), IDLE, &tell) {
        Ok(spool) => {
            let sha256 = spool.sha256();
            (Input::Spooled(spool.into_file()), Some(sha256))
        }
        Err(unkept) => (Input::Unkept(unkept), None),
    })
}

/// Whether standard input has an end: a terminal and /dev/null are devices, a pipe or a file is none.
fn is_stream() -> bool {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}
