//! Makes the identity of a command from the words after `--` and the options.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use ecache_core::command::{
    Arguments, Call, Failures, FileInput, Identity, Input, InputKey, InputKind, Program, Settings,
    Spool, StreamInput, file_metadata, hash_files, input_kind, is_idle, unkeyed_input,
};
use ecache_core::scope::{Scopes, StoreAddress};

use super::resolve::{Request, check_written, scopes, store_address, token};
use crate::cli::entry::{CommandArgs, IdentityArgs, ScopeArgs, StdinChoice, SurroundingsArgs};
use crate::cli::filter::{FilterArgs, StoreNames};
use crate::cli::value::{Lifetime, parse_lifetime};
use crate::cli::{CacheMode, FailureArgs, KeepArgs};
use crate::context::Context;
use crate::error::{hindered, usage};
use crate::inherited::is_closed;
use crate::variables::{self, variable};

/// Time without a byte after which standard input counts as a pipe that is never closed, as ssh and
/// some CI systems leave it.
const IDLE: Duration = Duration::from_secs(10);

/// Maximum wait for the first byte of standard input when only a key is requested.
const ASKING: Duration = Duration::from_secs(1);

/// A command line and its options.
pub(in crate::commands) struct CommandLine<'a> {
    /// The command's name and its arguments
    pub(in crate::commands) words: &'a [OsString],
    pub(in crate::commands) store: Option<&'a str>,
    pub(in crate::commands) version: Option<&'a str>,
    pub(in crate::commands) identity: &'a IdentityArgs,
    pub(in crate::commands) scope: &'a ScopeArgs,
    pub(in crate::commands) lifetime: Option<Lifetime>,
}

/// A command ready to be run or looked up.
pub(in crate::commands) struct Invocation {
    pub(in crate::commands) call: Call,
    /// Its standard input
    pub(in crate::commands) input: Input,
    /// Reason why the command has no key, if it has none
    pub(in crate::commands) unkeyed: Option<Unkeyed>,
}

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

impl Invocation {
    /// Makes the call of a command line. Consumes standard input only for `--stdin hash`.
    ///
    /// # Errors
    /// Fails with [`Hindered`](crate::error::Hindered) if something that the key depends on is
    /// unknown.
    pub(in crate::commands) fn new(
        context: &Context,
        line: &CommandLine<'_>,
        settings: Settings,
    ) -> Result<Self> {
        let (name, arguments) = line.words.split_first().expect("clap requires a word");
        // The program comes first: a command that cannot be run needs no input.
        let identity = identity(name, &line.identity.surroundings, line.lifetime)?;
        let read = read(context, line.identity.stdin)?;
        let identity = Identity {
            arguments: arguments.to_vec(),
            input: read.key,
            ..identity
        };
        let token = token(line.scope)?;
        let scopes = scopes(line.scope, token.as_deref());
        let store = store_name(line.store, line.version, &identity.program);
        check_written("store", &store)?;
        let store = store_address(context, &store, line.scope)?;
        let scopes = (scopes, token.map(Arc::from));
        let unkeyed =
            unkeyed_input(line.words, None).map(|input| Unkeyed::Input(input.to_string()));
        Ok(Self {
            call: Call::new(identity, &store, scopes, settings),
            input: read.input,
            unkeyed: unkeyed.or(read.unkeyed),
        })
    }

    /// Makes the call of a command whose key is unknown, which runs without the cache.
    pub(in crate::commands) fn unkeyed(line: &CommandLine<'_>, settings: Settings) -> Result<Self> {
        let (name, arguments) = line.words.split_first().expect("clap requires a word");
        let identity = Identity {
            arguments: arguments.to_vec(),
            ..Identity::of(find(name)?)
        };
        let store = store_name(line.store, line.version, &identity.program);
        let store = StoreAddress::new(&store);
        Ok(Self {
            call: Call::new(identity, &store, (Scopes::default(), None), settings),
            input: match line.identity.stdin {
                StdinChoice::None => Input::Nothing,
                StdinChoice::Auto | StdinChoice::Hash | StdinChoice::Ignore => Input::Inherited,
            },
            unkeyed: None,
        })
    }

    /// Waits until the end of a stream can be peeked, or until the time is up.
    pub(in crate::commands) fn wait_for_end(&self) -> Result<()> {
        if let Input::Stream(stream) = &self.input {
            let seen = stream.key(ASKING, IDLE);
            seen.context("cannot look at standard input")?;
        }
        Ok(())
    }

    /// Returns the call whose entry answers, for verbs that run nothing. Consumes no standard
    /// input.
    ///
    /// # Errors
    /// Fails if the key is unknown.
    pub(in crate::commands) fn settle(self, context: &Context) -> Result<Call> {
        if let Some(why) = self.unkeyed {
            bail!("{why}");
        }
        let Input::Stream(stream) = &self.input else {
            return Ok(self.call);
        };
        let settled = context
            .reader()
            .ok()
            .map(|backend| self.call.settled(&backend, stream, context.clock()));
        let settled = match settled {
            Some(settled) => settled?,
            None => None,
        };
        let known = match settled {
            Some(input) => Some(input),
            None => stream
                .key(ASKING, IDLE)
                .context("cannot look at standard input")?,
        };
        let input = known.context(
            "the end of standard input is not in sight, so its key is not known; \
             --stdin hash reads it to its end, --stdin none leaves it out",
        )?;
        Ok(self.call.with_input(input))
    }
}

/// Returns the call of the command that is meant by a verb that runs nothing.
pub(in crate::commands) fn meant_call(
    context: &Context,
    args: &CommandArgs,
    scope: &ScopeArgs,
) -> Result<Call> {
    let line = CommandLine {
        words: &args.command,
        store: args.command_store.as_deref(),
        version: args.version.as_deref(),
        identity: &args.identity,
        scope,
        lifetime: lifetime(args.ttl)?,
    };
    Invocation::new(context, &line, Settings::default())?.settle(context)
}

/// Returns the entries that a command's result may be in: its own, and the one beside it for the
/// other order of its streams.
pub(in crate::commands) fn meant_entries(
    context: &Context,
    args: &CommandArgs,
    scope: &ScopeArgs,
) -> Result<[Request; 2]> {
    let call = meant_call(context, args, scope)?;
    let beside = call.beside().entry.address;
    Ok([call.entry.address, beside].map(|address| Request {
        address,
        scopes: Scopes::default(),
        args: None,
    }))
}

/// Returns the store and the scopes of results, from options that are filters elsewhere.
pub(in crate::commands) fn scope_of(
    filter: &FilterArgs,
    jwt_file: Option<PathBuf>,
) -> Result<(Option<&str>, ScopeArgs)> {
    fn one<'a>(flag: &str, names: &'a [String]) -> Result<Option<&'a String>> {
        match names {
            [] => Ok(None),
            [name] => Ok(Some(name)),
            _ => Err(usage(format!("with a command there is one {flag}"))),
        }
    }
    let scope = ScopeArgs {
        dataset: one("--dataset", &filter.dataset)?.cloned(),
        user: one("--user", &filter.user)?.cloned(),
        operator: one("--operator", &filter.operator)?.cloned(),
        prompt: one("--prompt", &filter.prompt)?.cloned(),
        jwt_file,
    };
    let rest = FilterArgs {
        store: StoreNames::default(),
        dataset: Vec::new(),
        user: Vec::new(),
        operator: Vec::new(),
        prompt: Vec::new(),
        ..filter.clone()
    };
    if rest == FilterArgs::default() {
        Ok((one("--store", &filter.store)?.map(String::as_str), scope))
    } else {
        Err(usage(
            "with a command after --, only --store, --dataset, --user, --operator and --prompt say more about it",
        ))
    }
}

/// Returns the further parts of the key: the boot or session, the scope, and the modification times
/// of files.
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
        // As for bkt, a missing file is a state of its own.
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

/// Returns the id of the current boot.
fn boot() -> Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let id = id
        .context("cannot tell this boot from others, as --ttl boot and --ttl session need")
        .map_err(hindered)?;
    Ok(id.trim_end().to_owned())
}

/// Returns an id of the session of this terminal or cron job: the boot, and the PID and start time
/// of the session leader, usually a shell.
fn session() -> Result<String> {
    // SAFETY: this only asks, and does not fail for the calling process.
    let leader = unsafe { libc::getsid(0) };
    // A leader that has ended, or is outside this container, is identified by its PID alone.
    let status = std::fs::read_to_string(format!("/proc/{leader}/stat")).unwrap_or_default();
    let fields = status.rsplit_once(") ").map(|(_, fields)| fields);
    let started = fields.and_then(|fields| fields.split(' ').nth(19));
    Ok(format!("{} {leader} {}", boot()?, started.unwrap_or("-")))
}

fn find(name: &OsStr) -> Result<Program> {
    Ok(Program::find(name, std::env::var_os("PATH").as_deref())?)
}

/// Returns the identity of a program that is run here, without its arguments and its input.
pub(in crate::commands) fn identity(
    name: &OsStr,
    args: &SurroundingsArgs,
    lifetime: Option<Lifetime>,
) -> Result<Identity> {
    let program = find(name)?;
    let value = |name: &String| (name.clone(), std::env::var_os(name));
    let folder = if args.cwd {
        Some(
            std::env::current_dir()
                .context("cannot find the current folder, as --cwd needs")
                .map_err(hindered)?,
        )
    } else {
        None
    };
    let hash = |path: &OsString| {
        let content = hash_files(path);
        let content = content.with_context(|| format!("cannot read {}", path.display()))?;
        Ok((path.clone(), content))
    };
    Ok(Identity {
        folder,
        variables: args.env.iter().map(value).collect(),
        files: args.file.iter().map(hash).collect::<Result<_>>()?,
        marks: marks(args, lifetime)?,
        ..Identity::of(program)
    })
}

/// Returns the lifetime of results from the option, or else from bkt's variable.
pub(in crate::commands) fn lifetime(typed: Option<Lifetime>) -> Result<Option<Lifetime>> {
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

/// Returns the cache mode from the option, or else from the environment.
pub(in crate::commands) fn cache_mode(typed: Option<CacheMode>) -> Result<CacheMode> {
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

/// Maximum size of a result that is kept, unless an option or a setting says otherwise.
const MAX_OUTPUT: u64 = 100 << 20;

/// Returns the wait for another process that runs the same.
pub(in crate::commands) fn wait_timeout(typed: Option<u64>) -> Duration {
    const WAIT_TIMEOUT: Duration = Duration::from_secs(600);
    typed.map_or(WAIT_TIMEOUT, Duration::from_millis)
}

/// Returns the settings for keeping results, from the options that `run` and `warm` share.
pub(in crate::commands) fn kept(keep: &KeepArgs, lifetime: Option<Lifetime>) -> Settings {
    Settings {
        ttl: match lifetime {
            Some(Lifetime::Ttl(ttl)) => ttl.duration(),
            Some(Lifetime::Boot | Lifetime::Session) | None => None,
        },
        failures: failures(keep.failures),
        arguments: if keep.no_record_args {
            Arguments::Forget
        } else {
            Arguments::Record
        },
        max_output: keep.max_output.unwrap_or(MAX_OUTPUT),
        ..Settings::default()
    }
}

/// Returns the failure policy that the options request.
pub(in crate::commands) fn failures(args: FailureArgs) -> Failures {
    match (args.no_failures, args.failure_ttl) {
        (true, _) => Failures::Forget,
        (false, Some(ttl)) => Failures::KeepFor(ttl.duration()),
        (false, None) => Failures::KeepAlike,
    }
}

/// Returns the store of a program's results.
pub(in crate::commands) fn store_name(
    store: Option<&str>,
    version: Option<&str>,
    program: &Program,
) -> String {
    let path = &program.path;
    let base_name = path.file_name().unwrap_or(path.as_os_str());
    let name = store.map_or_else(|| base_name.to_string_lossy(), Cow::from);
    match version {
        Some(version) => format!("{name}#v{version}"),
        None => name.into_owned(),
    }
}

/// A command's standard input, prepared for the run and for the key.
struct Read {
    input: Input,
    /// Its part of the key
    key: InputKey,
    /// Reason why the input is not part of the key
    unkeyed: Option<Unkeyed>,
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
fn read(context: &Context, choice: StdinChoice) -> Result<Read> {
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
                Unkeyed::Trouble(format!("cannot look at standard input: {error}")),
            ),
        },
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
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    let stdin = File::from(stdin.context("cannot use standard input")?);
    if is_idle(&stdin, IDLE) {
        context.note(&format!(
            "ecache: nothing came on standard input for {} s, which --stdin hash waits for",
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
            Read::unkeyed(Input::Unkept(unkept), Unkeyed::Trouble(why))
        }
    })
}

/// Reports whether standard input is a stream, which another process could not read again.
pub(in crate::commands) fn is_stream() -> bool {
    matches!(
        input_kind(io::stdin()),
        InputKind::Stream(_) | InputKind::Other
    )
}
