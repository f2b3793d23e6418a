//! What a command works with: the store, the clock, and where its output goes. Built once.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::Backend;
use ecache_core::location::{self, Access};
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::{Clock, SystemClock, Timestamp};

use crate::cli::{FormatArgs, Global};
use crate::error::usage;
use crate::output::{Column, Format, Progress, Terminal, Writer};

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Environment,
    Default,
}

/// What a command works with.
pub(crate) struct Context {
    /// The collection to work in
    pub(crate) collection: String,
    /// Whether it was named
    pub(crate) is_collection_named: bool,
    pub(crate) terminal: Terminal,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    db: Option<PathBuf>,
    clock: Arc<dyn Clock>,
}

impl Context {
    /// Takes the global options, and from the environment what they leave open.
    pub(crate) fn new(global: Global) -> Result<Self> {
        Ok(Self {
            is_collection_named: global.collection.is_some(),
            collection: global
                .collection
                .unwrap_or_else(|| DEFAULT_COLLECTION.into()),
            terminal: Terminal::from_environment(),
            quiet: global.quiet,
            verbose: global.verbose > 0,
            db: global.db,
            clock: clock()?,
        })
    }

    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What tells the present.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// What tells the present, for what lives longer than this.
    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Where the store is, and who said so.
    pub(crate) fn location(&self) -> Result<(PathBuf, Origin)> {
        if let Some(path) = &self.db {
            let from_environment = std::env::var_os("ECACHE_DB").is_some_and(|db| db == **path);
            let origin = match from_environment {
                true => Origin::Environment,
                false => Origin::Flag,
            };
            return Ok((path.clone(), origin));
        }
        // The specification says to ignore a relative path here.
        let absolute = |name| {
            let value = std::env::var_os(name).map(PathBuf::from);
            value.filter(|path| path.is_absolute())
        };
        let data = match absolute("XDG_DATA_HOME") {
            Some(data) => data,
            None => absolute("HOME")
                .map(|home| home.join(".local/share"))
                .ok_or_else(|| {
                    usage("there is no home folder to keep the store in: set HOME or XDG_DATA_HOME, or name a file with --db")
                })?,
        };
        Ok((data.join("ecache/store.db"), Origin::Default))
    }

    /// The store, to be read. One that does not exist yet is an empty one.
    pub(crate) fn reader(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        match location::open(path.as_os_str(), Access::Read) {
            Err(ecache_core::error::Error::Missing { path }) => {
                self.detail(&format!("there is no store at {} yet", path.display()));
                Ok(location::empty())
            }
            result => Ok(result?),
        }
    }

    /// The store, to be written. It is created if it does not exist.
    pub(crate) fn writer(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        Ok(location::open(path.as_os_str(), Access::Write)?)
    }

    /// The store, to remove from it. One that does not exist yet is an empty one, and stays away.
    pub(crate) fn remover(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        match path.try_exists() {
            Ok(false) => self.reader(),
            _ => self.writer(),
        }
    }

    /// The format that was asked for, or else the one that suits standard output.
    pub(crate) fn format(&self, args: FormatArgs) -> Format {
        args.format
            .unwrap_or_else(|| Format::default_for(&self.terminal))
    }

    /// Starts to print rows on standard output.
    pub(crate) fn rows<'a>(&self, format: Format, columns: &'a [Column]) -> io::Result<Writer<'a>> {
        Writer::new(format, columns, io::stdout().lock(), &self.terminal)
    }

    /// Starts a counter on standard error.
    pub(crate) fn progress(&self, verb: &'static str, total: Option<u64>) -> Progress {
        let hidden = Terminal {
            stderr_is_terminal: false,
            ..self.terminal
        };
        let terminal = if self.quiet { &hidden } else { &self.terminal };
        Progress::new(terminal, verb, total)
    }

    /// Says what was done, on standard error.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            // Who closed standard error does not want to know.
            let _ = writeln!(io::stderr(), "{message}");
        }
    }

    /// Says more, to whoever asked for it.
    pub(crate) fn detail(&self, message: &str) {
        if self.verbose {
            self.note(message);
        }
    }

    /// Says what is wrong although the command goes on.
    pub(crate) fn warn(&self, message: &str) {
        let _ = writeln!(io::stderr(), "ecache: {message}");
    }
}

/// The machine's clock, or for tests one that stands still.
fn clock() -> Result<Arc<dyn Clock>> {
    match std::env::var("ECACHE_TEST_NOW") {
        Ok(time) => {
            let millis = crate::units::parse_time(&time).context("in ECACHE_TEST_NOW")?;
            Ok(Arc::new(Timestamp::from_millis(millis)))
        }
        Err(_) => Ok(Arc::new(SystemClock)),
    }
}
