//! From what was typed after `--` to what identifies a command.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use ecache_core::command::{
    Arguments, Failures, Identity, Input, Program, Settings, Spool, file_metadata, hash_files,
    is_idle,
};
use ecache_core::python_json::Json;

use crate::cli::entry::{IdentityArgs, StdinChoice, SurroundingsArgs};
use crate::cli::value::{Lifetime, parse_lifetime};
use crate::cli::{CacheMode, FailureArgs, KeepArgs};
use crate::context::Context;
use crate::error::{hindered, usage};
use crate::variables::{self, variable};

/// After this long without a byte, standard input is taken for a pipe that nobody closes, as ssh and some CI systems
/// leave it.
const IDLE: Duration = Duration::from_secs(10);

/// A command as it is about to be run, or asked for.
pub(super) struct Invocation {
    pub(super) program: Program,
    /// What its key is made of
    pub(super) call: Vec<Json>,
    /// What it reads
    pub(super) input: Input,
    /// Why that is not part of the key, although it should be
    pub(super) unknown_input: Option<String>,
}

/// What a command reads.
struct Read {
    input: Input,
    /// Its SHA-256, if runs are told apart by it
    sha256: Option<[u8; 32]>,
    /// Why they are not, although they should be
    unknown: Option<String>,
}

impl Read {
    /// What runs are not told apart by.
    fn aside(input: Input) -> Self {
        Self {
            input,
            sha256: None,
            unknown: None,
        }
    }
}

impl Invocation {
    /// The command of these words, of which the first is its name. Standard input is read if it is part of that.
    ///
    /// `lifetime` is part of it if it is that of a boot or a session.
    ///
    /// # Errors
    /// [`Hindered`](crate::error::Hindered), if something that is to be part of the key cannot be known.
    pub(super) fn new(
        context: &Context,
        words: &[OsString],
        args: &IdentityArgs,
        lifetime: Option<Lifetime>,
    ) -> Result<Self> {
        let (name, arguments) = words.split_first().expect("clap requires a word");
        // Before the input is read: what cannot be run needs none.
        let identity = identity(name, &args.surroundings, lifetime)?;
        let read = read(context, args.stdin)?;
        let identity = Identity {
            arguments: arguments.to_vec(),
            input: read.sha256,
            ..identity
        };
        Ok(Self {
            call: identity.call(),
            program: identity.program,
            input: read.input,
            unknown_input: read.unknown,
        })
    }

    /// The same where it has no key, as [`Hindered`] says.
    pub(super) fn unkeyed(words: &[OsString], stdin: StdinChoice) -> Result<Self> {
        Ok(Self {
            program: find(&words[0])?,
            call: Vec::new(),
            input: match stdin {
                StdinChoice::None => Input::Nothing,
                StdinChoice::Auto | StdinChoice::Hash | StdinChoice::Ignore => Input::Inherited,
            },
            unknown_input: None,
        })
    }

    /// Refuses a command whose key is not known.
    ///
    /// # Errors
    /// If standard input is to be part of it, and is not.
    pub(super) fn with_key(self) -> Result<Self> {
        match self.unknown_input {
            None => Ok(self),
            Some(why) => bail!(why),
        }
    }
}

/// What else runs are told apart by.
fn marks(
    args: &SurroundingsArgs,
    lifetime: Option<Lifetime>,
) -> Result<BTreeMap<OsString, String>> {
    let mut marks = BTreeMap::new();
    match lifetime {
        Some(Lifetime::Boot) => marks.insert("boot".into(), boot()?),
        Some(Lifetime::Session) => marks.insert("session".into(), session()?),
        Some(Lifetime::Ttl(_)) | None => None,
    };
    let scope = variable(variables::BKT_SCOPE);
    if let Some(name) = args.name.as_ref().map(OsString::from).or(scope) {
        let name = name
            .into_string()
            .map_err(|_| hindered(anyhow!("BKT_SCOPE is not UTF-8")))?;
        marks.insert("scope".into(), name);
    }
    for path in &args.modtime {
        // As for bkt, a file that is not there is a state of it.
        let modified = match file_metadata(path) {
            Ok(file) => format!("{}.{:09}", file.mtime(), file.mtime_nsec()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => "none".to_owned(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot look at {}", path.display()));
            }
        };
        let mut name = OsString::from("modtime ");
        name.push(path);
        marks.insert(name, modified);
    }
    Ok(marks)
}

/// What tells this run of the machine from any other.
fn boot() -> Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let id = id
        .context("cannot tell this boot from others, as --ttl boot and --ttl session need")
        .map_err(hindered)?;
    Ok(id.trim_end().to_owned())
}

/// What tells the session of this terminal, or of this cron job, from any other: the process that leads it, which
/// is a shell mostly, and when that was started.
fn session() -> Result<String> {
    // SAFETY: this only asks, and does not fail for the calling process.
    let leader = unsafe { libc::getsid(0) };
    // One that has ended, or is outside of this container, is known by its number alone.
    let status = std::fs::read_to_string(format!("/proc/{leader}/stat")).unwrap_or_default();
    let fields = status.rsplit_once(") ").map(|(_, fields)| fields);
    let started = fields.and_then(|fields| fields.split(' ').nth(19));
    Ok(format!("{} {leader} {}", boot()?, started.unwrap_or("-")))
}

fn find(name: &OsStr) -> Result<Program> {
    Ok(Program::find(name, std::env::var_os("PATH").as_deref())?)
}

/// What identifies a program that is run here, without arguments and without anything to read.
pub(super) fn identity(
    name: &OsStr,
    args: &SurroundingsArgs,
    lifetime: Option<Lifetime>,
) -> Result<Identity> {
    let program = find(name)?;
    let value = |name: &String| (name.clone(), std::env::var_os(name));
    let folder = match args.cwd {
        true => Some(
            std::env::current_dir()
                .context("cannot find the current folder, as --cwd needs")
                .map_err(hindered)?,
        ),
        false => None,
    };
    let hash = |path: &OsString| {
        let content = hash_files(path);
        let content = content.with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path.clone(), content))
    };
    Ok(Identity {
        program,
        arguments: Vec::new(),
        folder,
        variables: args.env.iter().map(value).collect(),
        files: args.file.iter().map(hash).collect::<Result<_>>()?,
        input: None,
        marks: marks(args, lifetime)?,
    })
}

/// How long a result is one, as it was typed, or else as bkt's variable says.
pub(super) fn lifetime(typed: Option<Lifetime>) -> Result<Option<Lifetime>> {
    if typed.is_some() {
        return Ok(typed);
    }
    let Some(ttl) = variable(variables::BKT_TTL) else {
        return Ok(None);
    };
    let lifetime = parse_lifetime(&ttl.to_string_lossy());
    Ok(Some(lifetime.map_err(|error| {
        hindered(usage(format!("BKT_TTL: {error}")))
    })?))
}

/// How the cache is used, as it was typed, or else as the environment says.
pub(super) fn cache_mode(typed: Option<CacheMode>) -> Result<CacheMode> {
    match (typed, variable(variables::MODE)) {
        (Some(mode), _) => Ok(mode),
        (None, None) => Ok(CacheMode::On),
        (None, Some(value)) => CacheMode::from_str(&value.to_string_lossy(), false).map_err(|_| {
            let value = value.display();
            hindered(usage(format!(
                "ECACHE is {value:?}, not on, off, readonly or refresh"
            )))
        }),
    }
}

/// What is kept of a command, by the options that `run` and `warm` share.
pub(super) fn kept(keep: &KeepArgs, lifetime: Option<Lifetime>) -> Settings {
    Settings {
        ttl: match lifetime {
            Some(Lifetime::Ttl(ttl)) => ttl.duration(),
            Some(Lifetime::Boot | Lifetime::Session) | None => None,
        },
        failures: failures(keep.failures),
        arguments: match keep.no_record_args {
            true => Arguments::Forget,
            false => Arguments::Record,
        },
        max_output: keep.max_output,
        ..Settings::default()
    }
}

/// Which failures are kept and printed again.
pub(super) fn failures(args: FailureArgs) -> Failures {
    match (args.no_failures, args.failure_ttl) {
        (true, _) => Failures::Forget,
        (false, Some(ttl)) => Failures::KeepFor(ttl.duration()),
        (false, None) => Failures::KeepAlike,
    }
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

/// What the command reads. It is waited for where it is part of the key, unless nobody said that it is and none comes:
/// without the cache the command need not read it either.
fn read(context: &Context, choice: StdinChoice) -> Result<Read> {
    let is_spooled = match choice {
        StdinChoice::None => return Ok(Read::aside(Input::Nothing)),
        StdinChoice::Ignore => false,
        StdinChoice::Auto => is_stream(),
        StdinChoice::Hash => true,
    };
    if !is_spooled {
        return Ok(Read::aside(Input::Inherited));
    }
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = File::from(stdin.context("cannot use standard input")?);
    if is_idle(&stdin, IDLE) {
        let why = format!("nothing came on standard input for {} s", IDLE.as_secs());
        context.note(&format!(
            "ecache: {why}, which is part of the key; if the command reads none, say --stdin none"
        ));
        if choice == StdinChoice::Auto {
            return Ok(Read {
                unknown: Some(why),
                ..Read::aside(Input::Inherited)
            });
        }
    }
    Ok(match Spool::of(stdin) {
        Ok(spool) => Read {
            sha256: Some(spool.sha256()),
            ..Read::aside(Input::Spooled(spool.into_file()))
        },
        Err(unkept) => Read {
            unknown: Some(format!("cannot keep standard input: {}", unkept.why())),
            ..Read::aside(Input::Unkept(unkept))
        },
    })
}

/// Whether standard input has an end: a terminal and /dev/null are devices, a pipe or a file is none.
pub(super) fn is_stream() -> bool {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}
