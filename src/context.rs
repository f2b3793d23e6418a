//! The context of a command: its store, clock and output. Built once.

use std::cell::{LazyCell, OnceCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::sqlite::BUSY_TIMEOUT;
use ecache_core::backend::{Backend, Dataset, Lookup};
use ecache_core::error::Error;
use ecache_core::key::Key;
use ecache_core::location::{self, Access};
use ecache_core::scope::{Address, DEFAULT_COLLECTION};
use ecache_core::sidecar;
use ecache_core::statistics;
use ecache_core::time::{Clock, SystemClock, Timestamp};
use ecache_core::usage::{Event, Log};

use crate::cli::{FormatArgs, Global};
use crate::config::{Config, Place};
use crate::datasets::Datasets;
use crate::down;
use crate::error::{hindered, usage};
use crate::fiftyone::{self, Database};
use crate::output::{
    Column, Format, Progress, Summary, Terminal, Writer, paint, say, say_in, stdout,
};
use crate::variables::{self, variable};

/// Where a setting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    File,
    Environment,
    Config,
    Default,
}

/// The collections to work in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Collections {
    /// None were named: FiftyOne's own, or all where a command says so
    Default,
    /// Those that were named
    Named(Vec<String>),
    /// All of the store
    All,
}

/// The context of a command.
pub(crate) struct Context {
    /// The collections to work in
    pub(crate) collections: Collections,
    /// The terminal; only commands that print rows need it
    pub(crate) terminal: LazyCell<Terminal, Box<dyn FnOnce() -> Terminal>>,
    /// The report of a change, where it is asked for as JSON
    pub(crate) summary: Summary,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// Mode in which the store is opened for writing
    pub(crate) access: Access,
    db: Option<PathBuf>,
    db_file: Option<PathBuf>,
    settings: Place,
    config: OnceCell<Config>,
    /// The store, if it is in a database; the connection is kept
    remote: OnceCell<Arc<dyn Backend>>,
    /// FiftyOne's database, once it was looked for and found
    fiftyone: OnceCell<Database>,
    clock: Arc<dyn Clock>,
}

impl Context {
    /// Takes the global options, and from the environment what they leave open.
    pub(crate) fn new(global: Global) -> Result<Self> {
        let clock = clock()?;
        let now = clock.now().as_millis();
        let (color, times) = (global.color, global.time);
        Ok(Self {
            collections: match (global.collection.is_empty(), global.all_collections) {
                (false, true) => {
                    return Err(usage(
                        "--collection and --all-collections contradict each other",
                    ));
                }
                (false, false) => Collections::Named(global.collection),
                (true, true) => Collections::All,
                (true, false) => Collections::Default,
            },
            terminal: LazyCell::new(Box::new(move || {
                Terminal::from_environment(color, times, now)
            })),
            summary: Summary::default(),
            quiet: global.quiet,
            verbose: global.verbose > 0,
            access: if global.durable || variables::is_durable() {
                Access::WriteDurably
            } else {
                Access::Write
            },
            db: global.db,
            db_file: global.db_file,
            settings: Place::from_environment(global.no_config),
            config: OnceCell::new(),
            remote: OnceCell::new(),
            fiftyone: OnceCell::new(),
            clock,
        })
    }

    /// Returns the one collection that an entry is in which was named by its key.
    ///
    /// # Errors
    /// If several collections were named.
    pub(crate) fn collection(&self) -> Result<&str> {
        match &self.collections {
            Collections::Default => Ok(DEFAULT_COLLECTION),
            Collections::Named(names) => match names.as_slice() {
                [name] => Ok(name),
                _ => Err(usage(
                    "an entry is in one collection: name it with --collection",
                )),
            },
            Collections::All => Err(usage(
                "an entry is in one collection: name it with --collection instead of --all-collections",
            )),
        }
    }

    /// Reports whether entries of several collections may be listed together.
    pub(crate) fn may_mix_collections(&self) -> bool {
        match &self.collections {
            Collections::Default => false,
            Collections::Named(names) => names.len() > 1,
            Collections::All => true,
        }
    }

    /// Returns the collection of records that come without one: the single one that was named, or
    /// FiftyOne's.
    pub(crate) fn usual_collection(&self) -> &str {
        self.collection().unwrap_or(DEFAULT_COLLECTION)
    }

    /// Returns the current time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the clock.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Returns the clock, for users that outlive the context.
    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// Returns the location of the store, and the origin of that setting.
    pub(crate) fn location(&self) -> Result<(PathBuf, Origin)> {
        let (path, origin) = self.named_location()?;
        Ok((self.by_name(path)?, origin))
    }

    /// Returns the option that named the store on the command line, and its value as typed.
    pub(crate) fn typed_location(&self) -> Option<(&'static str, &Path)> {
        match (self.named_location(), &self.db, &self.db_file) {
            (Ok((_, Origin::Flag)), Some(path), _) => Some(("--db", path)),
            (Ok((_, Origin::File)), _, Some(file)) => Some(("--db-file", file)),
            _ => None,
        }
    }

    /// Returns the location of a store that was typed as an argument; `@` is
    /// [`Context::location`].
    pub(crate) fn location_of(&self, typed: &Path) -> Result<PathBuf> {
        if typed.as_os_str() == "@" {
            Ok(self.location()?.0)
        } else {
            self.by_name(without_password(typed)?)
        }
    }

    /// Returns a location, or that of FiftyOne's database in the place of its name.
    fn by_name(&self, location: PathBuf) -> Result<PathBuf> {
        if location.as_os_str() != fiftyone::NAME {
            return Ok(location);
        }
        if self.fiftyone.get().is_none() {
            let database = fiftyone::database().map_err(hindered)?;
            // Nothing else sets it.
            let _ = self.fiftyone.set(database);
        }
        Ok(self
            .fiftyone
            .get()
            .map_or(location, |found| found.url.clone()))
    }

    fn named_location(&self) -> Result<(PathBuf, Origin)> {
        match (&self.db, &self.db_file) {
            (Some(_), Some(_)) => Err(usage("--db and --db-file contradict each other")),
            (None, Some(file)) => Ok((location_in(&at_home(file))?, Origin::File)),
            (Some(path), None) => Ok((without_password(&at_home(path))?, Origin::Flag)),
            (None, None) => match variable(variables::STORE) {
                Some(path) => Ok((at_home(Path::new(&path)), Origin::Environment)),
                None => self.configured_location(),
            },
        }
    }

    /// Returns the location that the settings name, or the default one.
    fn configured_location(&self) -> Result<(PathBuf, Origin)> {
        let config = self.config()?;
        let set = |key| config.text(key).filter(|value| !value.is_empty());
        match (set("db"), set("db_file")) {
            (Some(_), Some(_)) => Err(usage("the settings have both db and db_file")),
            (None, Some(file)) => Ok((location_in(&at_home(Path::new(&file)))?, Origin::Config)),
            (Some(path), None) => Ok((
                without_password(&at_home(Path::new(&path)))?,
                Origin::Config,
            )),
            (None, None) => Ok((data_folder()?.join(location::DEFAULT_FILE), Origin::Default)),
        }
    }

    /// Returns the user's settings. They are read once.
    pub(crate) fn config(&self) -> Result<&Config> {
        if self.config.get().is_none() {
            // Nothing else sets it.
            let _ = self.config.set(Config::read(&self.settings)?);
        }
        Ok(self.config.get().expect("it was set above"))
    }

    /// Returns the place of the user's settings.
    pub(crate) fn settings(&self) -> &Place {
        &self.settings
    }

    /// Returns the base path of this host's sidecar files for a store that is no file.
    pub(crate) fn beside(&self, location: &Path) -> Option<PathBuf> {
        if !location::is_url(location.as_os_str()) {
            return None;
        }
        let folder = data_folder().ok()?;
        sidecar::make_home(&folder).ok()?;
        let shown = location::shown(location.as_os_str());
        let name = match self.fiftyone.get() {
            Some(found) if found.url == location => location::shown(found.lasting_name.as_ref()),
            _ => shown,
        };
        let name = Key::of_preimage(&name);
        Some(folder.join(name.as_str()))
    }

    /// Returns the store if it is in a database. Connects once.
    fn remote(&self, path: &Path) -> Result<Option<Arc<dyn Backend>>> {
        if !location::is_url(path.as_os_str()) {
            return Ok(None);
        }
        if let Some(remote) = self.remote.get() {
            return Ok(Some(remote.clone()));
        }
        let remote = location::open(path.as_os_str(), self.access)?;
        if let Some(beside) = self.beside(path) {
            down::forget(&beside);
        }
        Ok(Some(self.remote.get_or_init(|| remote).clone()))
    }

    /// Returns the datasets of the database that the store is in; none for a file.
    pub(crate) fn datasets(&self) -> Result<Datasets> {
        let (path, _) = self.location()?;
        let known = match self.remote(&path)? {
            Some(backend) => backend.datasets()?,
            None => None,
        };
        self.datasets_of(known)
    }

    /// Returns the datasets that a database knows, or those that the user's settings name.
    pub(crate) fn datasets_of(&self, known: Option<Vec<Dataset>>) -> Result<Datasets> {
        let named = match known {
            Some(_) => BTreeMap::new(),
            None => self.config()?.datasets(),
        };
        Ok(Datasets::new(known, named))
    }

    /// Reports whether the store exists; that of a server is assumed to.
    pub(crate) fn has_store(&self) -> Result<bool> {
        let (path, _) = self.location()?;
        Ok(location::is_url(path.as_os_str()) || path.exists())
    }

    /// Opens the store for reading. A store that does not exist yet is empty.
    pub(crate) fn reader(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        if let Some(remote) = self.remote(&path)? {
            return Ok(remote);
        }
        match location::open(path.as_os_str(), Access::Read) {
            Err(Error::Missing { path }) => {
                self.detail(&format!("there is no store at {} yet", path.display()));
                Ok(location::empty())
            }
            result => Ok(result?),
        }
    }

    /// Opens the store for reading, and looks up one entry, in the fastest way. The backend must be
    /// dropped before this process writes to the store.
    pub(crate) fn look_up_once(
        &self,
        address: &Address,
        now: Timestamp,
    ) -> Result<(Arc<dyn Backend>, Lookup)> {
        let (path, _) = self.location()?;
        if let Some(remote) = self.remote(&path)? {
            let lookup = remote.lookup_unread(address, now)?;
            return Ok((remote, lookup));
        }
        match location::look_up_once(path.as_os_str(), BUSY_TIMEOUT, address, now) {
            Err(Error::Missing { path }) => {
                self.detail(&format!("there is no store at {} yet", path.display()));
                Ok((location::empty(), Lookup::Missing))
            }
            result => Ok(result?),
        }
    }

    /// Opens the store for writing, and creates it if it does not exist.
    pub(crate) fn writer(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        if let Some(remote) = self.remote(&path)? {
            return Ok(remote);
        }
        let missing = path
            .parent()
            .filter(|folder| self.verbose && !folder.exists());
        let missing = missing.map(|folder| folder.display().to_string());
        let backend = location::open(path.as_os_str(), self.access)?;
        if let Some(folder) = missing.filter(|folder| !folder.is_empty()) {
            self.detail(&format!("created the folder {folder}, for you alone"));
        }
        Ok(backend)
    }

    /// Opens the store for removals. A store that does not exist yet is empty, and is not created.
    pub(crate) fn remover(&self) -> Result<Arc<dyn Backend>> {
        let (path, _) = self.location()?;
        match path.try_exists() {
            Ok(false) if !location::is_url(path.as_os_str()) => self.reader(),
            _ => {
                // The hits of entries that go must not count for later ones of their keys.
                let writer = self.writer()?;
                if let Ok(log) = self.usage_log() {
                    let _ = statistics::fold(writer.as_ref(), &log, self.now());
                }
                Ok(writer)
            }
        }
    }

    /// Returns the usage log of the store: beside its file, or for a server on this host.
    pub(crate) fn usage_log(&self) -> Result<Log> {
        let (path, _) = self.location()?;
        Ok(Log::beside(&self.beside(&path).unwrap_or(path)))
    }

    /// Appends calls to the usage log. Best effort: a store that cannot be written to is read all
    /// the same.
    pub(crate) fn count(&self, events: &[Event]) {
        let appended = self.usage_log().and_then(|log| {
            let is_hit = events.iter().any(|event| event.outcome.is_use());
            // A store that does not exist gets no log either.
            if !is_hit && !self.has_store()? {
                return Ok(0);
            }
            Ok(log.append(events)?)
        });
        match appended {
            Ok(size) if size > statistics::FOLD_NOW_ABOVE => self.fold_usage(),
            Ok(_) => {}
            Err(error) => self.detail(&format!("the call was not counted: {error:#}")),
        }
    }

    /// Moves what the usage log counted into the store, for commands that show or select by use.
    /// Best effort: what cannot be moved now is still in the log.
    pub(crate) fn fold_usage(&self) {
        let fold = || -> Result<()> {
            let log = self.usage_log()?;
            if log.size() == 0 || !self.has_store()? {
                return Ok(());
            }
            // Opening a store to write takes longer than a look at the offset.
            if statistics::is_folded(self.reader()?.as_ref(), &log)? {
                return Ok(());
            }
            Ok(statistics::fold(self.writer()?.as_ref(), &log, self.now())?)
        };
        if let Err(error) = fold() {
            self.detail(&format!("the latest hits are not counted in: {error:#}"));
        }
    }

    /// Returns the requested format, or else the one that suits standard output.
    pub(crate) fn format(&self, args: FormatArgs) -> Format {
        args.chosen()
            .unwrap_or_else(|| Format::default_for(&self.terminal))
    }

    /// Starts to print rows on standard output.
    pub(crate) fn rows<'a>(&self, format: Format, columns: &'a [Column]) -> io::Result<Writer<'a>> {
        Writer::new(format, columns, stdout(), &self.terminal)
    }

    /// Starts to print rows of which a table cuts nothing.
    pub(crate) fn wide_rows<'a>(
        &self,
        format: Format,
        columns: &'a [Column],
    ) -> io::Result<Writer<'a>> {
        Writer::new(format, columns, stdout(), &self.terminal.widened())
    }

    /// Prints the summary of a change as one JSON object, if it was asked for.
    pub(crate) fn finish_summary(&self, dry_run: bool) -> Result<()> {
        let Some(fields) = self.summary.fields(dry_run) else {
            return Ok(());
        };
        let (columns, cells): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .map(|(name, cell)| (Column::text(name), cell))
            .unzip();
        let mut rows = self.rows(Format::Jsonl, &columns)?;
        rows.row(&cells)?;
        Ok(rows.finish()?)
    }

    /// Starts a counter on standard error.
    pub(crate) fn progress(&self, verb: &'static str, total: Option<u64>) -> Progress {
        let hidden = Terminal {
            stderr_is_terminal: false,
            ..Terminal::clone(&self.terminal)
        };
        let terminal = if self.quiet { &hidden } else { &self.terminal };
        Progress::new(terminal, verb, total)
    }

    /// Prints a note on standard error, unless `--quiet`.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            say(message);
        }
    }

    /// Prints a line below a table on a terminal, unless `--quiet`.
    pub(crate) fn footer(&self, text: &str) {
        if !self.quiet && self.terminal.stdout_is_terminal {
            say_in(paint::style::MUTED, text, self.terminal.stderr_color);
        }
    }

    /// Prints a note with `--verbose`.
    pub(crate) fn detail(&self, message: &str) {
        if self.verbose {
            self.note(message);
        }
    }

    /// Prints a warning on standard error; the command continues.
    pub(crate) fn warn(&self, message: &str) {
        say(&format!("ecache: {message}"));
    }
}

/// Returns the folder of ecache's own files.
fn data_folder() -> Result<PathBuf> {
    location::data_folder(|name| std::env::var_os(name)).ok_or_else(|| {
        usage("there is no home folder to keep the store in: set HOME or XDG_DATA_HOME, or name a file with --db")
    })
}

/// Refuses a typed location with a password, which other users can see.
fn without_password(typed: &Path) -> Result<PathBuf> {
    if location::has_password(typed.as_os_str()) {
        Err(usage(
            "a password on the command line can be read by others: put the location into ECACHE_DB, or into a file and name that with --db-file",
        ))
    } else {
        Ok(typed.to_owned())
    }
}

/// Reads the location from a file.
fn location_in(file: &Path) -> Result<PathBuf> {
    let attempt = || format!("cannot read the location from {}", file.display());
    let text = std::fs::read_to_string(file).with_context(attempt)?;
    match text.trim() {
        "" => Err(usage(format!(
            "the location in {} is empty",
            file.display()
        ))),
        text => Ok(text.into()),
    }
}

/// Returns the system's clock, or for tests one that stands still.
fn clock() -> Result<Arc<dyn Clock>> {
    match std::env::var("ECACHE_TEST_NOW") {
        Ok(time) => {
            let millis = crate::units::parse_time(&time).context("in ECACHE_TEST_NOW")?;
            Ok(Arc::new(Timestamp::from_millis(millis)))
        }
        Err(_) => Ok(Arc::new(SystemClock)),
    }
}

/// Replaces a leading `~/` by the home folder: shells do so for a word of its own alone, and not
/// behind `--db=`.
fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), variable("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}
