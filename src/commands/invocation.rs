//! From what was typed after `--` to what identifies a command.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context as _, Result};
use ecache_core::command::{Failures, Identity, Input, Program, Spool, hash_file};
use ecache_core::python_json::Json;

use crate::cli::KeepArgs;
use crate::cli::entry::{IdentityArgs, StdinChoice, SurroundingsArgs};

/// A command as it is about to be run.
pub(super) struct Invocation {
    pub(super) program: Program,
    /// What its key is made of
    pub(super) call: Vec<Json>,
    /// What it reads
    pub(super) input: Input,
}

impl Invocation {
    /// The command of these words, of which the first is its name. Standard input is read if it is part of that.
    pub(super) fn new(words: &[OsString], args: &IdentityArgs) -> Result<Self> {
        let (name, arguments) = words.split_first().expect("clap requires a word");
        // Before the input is read: what cannot be run needs none.
        let identity = identity(name, &args.surroundings)?;
        let (input, sha256) = input(args.stdin)?;
        let identity = Identity {
            arguments: arguments.to_vec(),
            input: sha256,
            ..identity
        };
        Ok(Self {
            call: identity.call(),
            program: identity.program,
            input,
        })
    }
}

/// What identifies a program that is run here, without arguments and without anything to read.
pub(super) fn identity(name: &OsStr, args: &SurroundingsArgs) -> Result<Identity> {
    let program = Program::find(name, std::env::var_os("PATH").as_deref())?;
    let variable = |name: &String| (name.clone(), std::env::var_os(name));
    let folder = match args.cwd {
        true => Some(std::env::current_dir().context("there is no current folder")?),
        false => None,
    };
    let hash = |path: &String| {
        let content = hash_file(Path::new(path));
        Ok((
            path.clone(),
            content.with_context(|| format!("cannot read {path}"))?,
        ))
    };
    Ok(Identity {
        program,
        arguments: Vec::new(),
        folder,
        variables: args.env.iter().map(variable).collect(),
        files: args.file.iter().map(hash).collect::<Result<_>>()?,
        input: None,
    })
}

/// The store that a program's results are kept in.
pub(super) fn store_name(store: Option<&str>, version: Option<&str>, program: &Program) -> String {
    let path = &program.path;
    let base_name = path.file_name().unwrap_or(path.as_os_str());
    let name = store.map_or_else(|| base_name.to_string_lossy(), Cow::from);
    match version {
        Some(version) => format!("{name}#v{version}"),
        None => name.into_owned(),
    }
}

/// What is done with failures.
pub(super) fn failures(args: &KeepArgs) -> Failures {
    match (args.no_failures, args.failure_ttl) {
        (true, _) => Failures::Forget,
        (false, Some(ttl)) => Failures::KeepFor(ttl.duration()),
        (false, None) => Failures::KeepAlike,
    }
}

/// What the command reads, and the SHA-256 of that if runs are told apart by it.
fn input(choice: StdinChoice) -> Result<(Input, Option<[u8; 32]>)> {
    let is_spooled = match choice {
        StdinChoice::None => return Ok((Input::Nothing, None)),
        StdinChoice::Ignore => false,
        StdinChoice::Auto => is_stream(),
        StdinChoice::Hash => true,
    };
    if !is_spooled {
        return Ok((Input::Inherited, None));
    }
    let spool = Spool::of(&mut io::stdin().lock()).context("cannot keep standard input")?;
    let sha256 = spool.sha256();
    Ok((Input::Spooled(spool.into_file()), Some(sha256)))
}

/// Whether standard input has an end: a terminal and /dev/null are devices, a pipe or a file is none.
fn is_stream() -> bool {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}
