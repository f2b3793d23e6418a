//! The exit code of an error, and what to try.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;

use ecache_core::backend::Dimension;
use ecache_core::command::CommandError;
#[cfg(feature = "mongodb")]
use ecache_core::embedded_server::NotFound;
use ecache_core::error::Error;
use ecache_core::interchange::{Problem, ReadError};
use ecache_core::location::{self, Access};
use ecache_core::sidecar::Sidecar;
use ecache_core::value::InvalidValue;

use crate::output::escape::shell;
use crate::output::{own_command, own_command_at};

/// A command was typed that makes no sense; the message says why, and the tip what to type.
#[derive(Debug)]
pub(crate) struct UsageError {
    message: String,
    tip: Option<String>,
}

/// Makes an error of usage, exit code 2.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    let message = message.into();
    UsageError { message, tip: None }.into()
}

/// Makes an error of usage that says what to type.
pub(crate) fn usage_tip(message: impl Into<String>, tip: impl Into<String>) -> anyhow::Error {
    UsageError {
        message: message.into(),
        tip: Some(tip.into()),
    }
    .into()
}

/// Makes an error of usage of two things that exclude each other.
pub(crate) fn contradiction(one: &str, other: &str) -> anyhow::Error {
    usage_tip(
        format!("{one} and {other} contradict each other"),
        format!("leave out {one} or {other}"),
    )
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}

/// An error of the environment or the system, not of the command line. It prevents caching; `run`
/// then runs the command without the cache.
#[derive(Debug)]
pub(crate) struct Hindered(anyhow::Error);

/// Marks an error that does not keep `run` from running the command.
pub(crate) fn hindered(error: anyhow::Error) -> anyhow::Error {
    Hindered(error).into()
}

impl fmt::Display for Hindered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Hindered {}

/// Returns the cause of an error if it is an unreachable server.
pub(crate) fn unreachable(error: &anyhow::Error) -> Option<&Error> {
    let Hindered(cause) = error.downcast_ref()?;
    cause
        .downcast_ref()
        .filter(|cause| matches!(cause, Error::Unreachable { .. }))
}

/// `ecache run` could not do its part; its exit codes differ from the command's own.
#[derive(Debug)]
pub(crate) struct NotRun(anyhow::Error);

/// Makes an error of `ecache run`.
pub(crate) fn not_run(error: anyhow::Error) -> anyhow::Error {
    NotRun(error).into()
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for NotRun {}

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, yes, a hit
    Done,
    /// A miss, or no
    No,
    /// Wrong usage
    Usage,
    /// The operation failed
    Failed,
    /// The store is damaged
    Damaged,
    /// Refused: permissions, a foreign file, a newer schema
    Refused,
    /// Ended by SIGINT
    Interrupted,
    /// As the command ended that `run` ran
    Command(u8),
    /// By the signal that ended the command that `run` ran
    Signal(u8),
}

impl Exit {
    /// Returns the worse of two ways in which a command did not do all.
    pub(crate) fn max_trouble(self, other: Self) -> Self {
        match self {
            Self::Done => other,
            Self::Failed if other == Self::Damaged => other,
            worse => worse,
        }
    }

    /// `run` could not do its part, which is not a fault of the command
    pub(crate) const NOT_RUN: Self = Self::Command(125);

    /// Returns the exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Failed => 3,
            Self::Damaged => 4,
            Self::Refused => 5,
            Self::Interrupted => 130,
            Self::Signal(signal) => 128 + signal,
            Self::Command(code) => code,
        }
    }
}

/// Suggests a command if the word is not a program; none is run through a shell.
fn instead_of_program(error: &CommandError) -> Option<String> {
    let CommandError::NotFound { name } = error else {
        return None;
    };
    let name = name.to_str()?;
    let is_variable = |(name, _): (&str, &str)| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    let is_shell = |c: char| c.is_whitespace() || "|&;<>()$`*?".contains(c);
    if name.is_empty() || name.starts_with(['.', '/', '~']) && !name.contains(is_shell) {
        None
    } else if !name.contains(char::is_whitespace) && name.split_once('=').is_some_and(is_variable) {
        Some(format!(
            "for a variable: {}",
            own_command(&format!("run -- env {} COMMAND", shell(name)))
        ))
    } else if name.contains(is_shell) {
        Some(format!(
            "for a shell line: {}",
            own_command(&format!("run -- sh -c {}", shell(name)))
        ))
    } else if name.contains('/') {
        None
    } else {
        Some(format!(
            "for an alias, a function or a built-in command of the shell: {}",
            own_command(&format!("run -- sh -c {}", shell(&format!("{name} …"))))
        ))
    }
}

/// The end of a command that failed, and a tip.
pub(crate) struct Advice {
    pub(crate) exit: Exit,
    pub(crate) tip: Option<Cow<'static, str>>,
}

impl Advice {
    #[cfg(feature = "mongodb")]
    fn new(exit: Exit, tip: &'static str) -> Self {
        let tip = Some(Cow::Borrowed(tip));
        Self { exit, tip }
    }

    fn none(exit: Exit) -> Self {
        Self { exit, tip: None }
    }

    /// Returns the advice for an error.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if let Some(UsageError { tip, .. }) = error.downcast_ref() {
            let tip = tip.clone().map(Cow::Owned);
            return Self {
                exit: Exit::Usage,
                tip,
            };
        }
        if let Some(Hindered(error)) = error.downcast_ref() {
            return Self::of(error);
        }
        if let Some(NotRun(error)) = error.downcast_ref() {
            return Self::of_run(error);
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Self::none(match error.kind() {
                io::ErrorKind::PermissionDenied => Exit::Refused,
                io::ErrorKind::InvalidData => Exit::Usage,
                _ => Exit::Failed,
            });
        }
        #[cfg(feature = "mongodb")]
        if let Some(error) = error.downcast_ref::<NotFound>() {
            return Self::of_no_server(error);
        }
        match error.downcast_ref::<Error>() {
            Some(Error::Partial { cause, .. } | Error::Entry { cause, .. }) => {
                Self::of_store(cause)
            }
            Some(error) => Self::of_store(error),
            None => Self::none(Exit::Failed),
        }
    }

    /// Returns the advice for an error of `ecache run`.
    fn of_run(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<CommandError>() {
            Some(CommandError::Cache(_)) | None => Self {
                exit: Exit::NOT_RUN,
                tip: Self::of(error).tip,
            },
            Some(error) => Self {
                exit: Exit::Command(error.exit_code()),
                tip: instead_of_program(error).map(Cow::Owned),
            },
        }
    }

    /// Returns the advice for a store's error.
    fn of_store(error: &Error) -> Self {
        let tip = match error {
            Error::Full { path } if Sidecar::Reserve.path(path).exists() => {
                let [prune, clear] = ["prune", "clear"].map(own_command);
                Some(format!("make room: {prune} and {clear} work on a full disk").into())
            }
            Error::Damaged { path, .. } if is_readable(path) => {
                Some(format!("save what can be read: {}", rescue(path)).into())
            }
            Error::Damaged { path, .. } | Error::UnreadableFile { path, .. } => Some(
                format!(
                    "nothing can be saved; put it away, and the next write begins anew: {}",
                    put_away(path)
                )
                .into(),
            ),
            error => command_tip(error)
                .map(Cow::Owned)
                .or_else(|| tip(error).map(Cow::Borrowed)),
        };
        let exit = exit(error);
        Self { exit, tip }
    }

    /// Returns the advice for a server of FiftyOne's that was not found.
    #[cfg(feature = "mongodb")]
    fn of_no_server(error: &NotFound) -> Self {
        match error {
            NotFound::NotRunning { .. } => Self::new(
                Exit::Failed,
                "FiftyOne starts one and ends it with the last Python that uses it: keep \
                 python -i -c 'import fiftyone' open, or set FIFTYONE_DATABASE_URI to use \
                 another server",
            ),
            NotFound::NotListening { .. } => Self::new(Exit::Failed, "try again in a moment"),
            NotFound::OtherUser { .. } => Self::new(
                Exit::Refused,
                "run ecache as that user, or name the server: mongodb://HOST:PORT/fiftyone",
            ),
            _ => Self::new(
                Exit::Failed,
                "name the server: mongodb://HOST:PORT/fiftyone; in Python, its port is in \
                 fiftyone.core.odm.get_db_conn().client.address",
            ),
        }
    }
}

/// Reports whether `export` gets as far as the entries of a damaged store.
fn is_readable(path: &Path) -> bool {
    let stores = location::open(path.as_os_str(), Access::Read);
    stores.is_ok_and(|backend| backend.names(Dimension::Store).is_ok())
}

/// Returns the commands that move a store away with the files beside it.
fn put_away(path: &Path) -> String {
    let path = path.to_string_lossy();
    let (file, folder) = (shell(&path), format!("{path}.damaged"));
    let folder = shell(&folder);
    format!("mkdir {folder}; mv {file} {file}-* {folder}")
}

/// Returns the commands that begin a new store with the readable entries of a damaged one.
pub(crate) fn rescue(path: &Path) -> String {
    format!(
        "{}; {}; {}",
        own_command_at(path, "export --all-collections --output FILE"),
        put_away(path),
        own_command_at(path, "import FILE")
    )
}

/// Returns how a command ends because of a store's error.
fn exit(error: &Error) -> Exit {
    match error {
        Error::NotUndoable(_) | Error::StoreExists { .. } | Error::Conflict { .. } => Exit::No,
        Error::Name(_)
        | Error::UnsupportedScheme { .. }
        | Error::MalformedUrl { .. }
        | Error::InvalidLocation { .. }
        | Error::InvalidDatasetId { .. }
        | Error::LocationOption { .. }
        | Error::Unacknowledged => Exit::Usage,
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Exit::Usage,
        Error::Input(error) => match error.downcast_ref::<ReadError>() {
            Some(error) if !matches!(error.problem, Problem::Io(_)) => Exit::Usage,
            _ => Exit::Failed,
        },
        Error::Damaged { .. }
        | Error::UnreadableFile { .. }
        | Error::DamagedLog { .. }
        | Error::DamagedLeft { .. }
        | Error::DamagedEntry { .. } => Exit::Damaged,
        Error::NotAStore { .. }
        | Error::Foreign { .. }
        | Error::NewerSchema { .. }
        | Error::Untrusted { .. }
        | Error::Permission { .. }
        | Error::OverLimit { .. }
        | Error::NoLimits
        | Error::Denied { .. } => Exit::Refused,
        Error::Interrupted { .. } => Exit::Interrupted,
        _ => Exit::Failed,
    }
}

/// Returns the command to try after a store's error.
fn command_tip(error: &Error) -> Option<String> {
    let own = own_command;
    Some(match error {
        Error::NotUndoable(_) => format!("{} lists the operations", own("log")),
        Error::OverLimit { .. } => format!(
            "raise it with {}, or remove entries; {} shows what is used",
            own("limit set"),
            own("limit ls")
        ),
        Error::NoLimits => format!("remove what is too much with {}", own("prune --max-size")),
        Error::DamagedLog { .. } => format!(
            "any command that writes begins a new one, such as {}",
            own("prune")
        ),
        Error::DamagedLeft { .. } => format!(
            "{} removes damaged entries; where some stay, save the others with {} and delete the file",
            own("doctor --fix damaged"),
            own("export")
        ),
        Error::DamagedEntry { .. } => format!(
            "{} says which entries are damaged and would go",
            own("doctor --fix damaged -n")
        ),
        _ => return None,
    })
}

/// Returns what else to try after a store's error.
fn tip(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NotAStore { .. } => "name a file with --db",
        Error::Foreign { .. } => {
            "name another file with --db, or move this one away; \
             import reads JSON lines and mongodumps"
        }
        Error::NewerSchema { .. } => "upgrade ecache",
        Error::Untrusted { .. } => {
            "make it yours alone (chown, chmod go-w), or name another file with --db"
        }
        Error::Permission { .. } => "check its owner and mode, or name another file with --db",
        Error::Full { .. } => {
            "make room on its disk; without a reserve beside the store, nothing can be removed \
             from it"
        }
        Error::Busy => "try again when it is done",
        Error::StoreExists { .. } => "choose another name, or move the entries there with --merge",
        Error::Conflict { .. } => "choose with --on-conflict replace, keep or newer",
        Error::Replaced | Error::FileReplaced { .. } => "try again",
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            match error.get_ref().and_then(|source| source.downcast_ref())? {
                InvalidValue::Text => "for binary data add --type bytes",
                InvalidValue::Json(_) => "name its type with --type",
            }
        }
        Error::UnsupportedScheme { scheme } => match scheme.as_str() {
            "mongodb+srv" => {
                "name its servers, which dig +short SRV _mongodb._tcp.HOST lists: \
                 mongodb://host:port,host:port/name?tls=true&authSource=admin"
            }
            "mongodb" => {
                "build one that can, in a clone of its repository: \
                 cargo install --locked --path . --features mongodb"
            }
            _ => "name a file",
        },
        Error::MalformedUrl { .. } => {
            "write mongodb://host/database for a database, or ./ before a file's name"
        }
        Error::LocationOption { .. } => "leave it out, or correct its value",
        Error::Unacknowledged => {
            "write w=1 or w=majority, or leave it out: ecache says what was written"
        }
        Error::WriteConcern { .. } => "write w=1 or w=majority in the location, or leave it out",
        Error::Unreachable { .. } => "check that it runs, and that this is its address",
        Error::Denied { .. } => "check the user, the password and the roles that it has there",
        _ => return None,
    })
}
