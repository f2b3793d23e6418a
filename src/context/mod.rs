//! The context of a command: its store, clock and output. Built once.

mod effective_settings;
mod location;
mod print;
mod store;

pub(crate) use self::effective_settings::InForce;

use std::cell::{Cell, LazyCell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use ecache_core::backend::{Backend, Dataset};
use ecache_core::location::Access;
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::{Clock, SystemClock, Timestamp};

use self::location::LocationFile;
use crate::cli::Global;
use crate::config::{Config, SettingsFile};
use crate::datasets::Datasets;
use crate::error::{UsageError, contradiction, hindered, usage_tip};
use crate::fiftyone::Database;
use crate::output::{ColorChoice, Summary, Terminal, Times, Voice, name_location};
use crate::variables;

/// The collections to work in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Collections {
    /// None were named: FiftyOne's own, or all where a command says so
    Default,
    /// The one that the settings name
    Configured(String),
    /// Those that were named
    Named(Vec<String>),
    /// All of the store
    All,
}

/// The user's settings, and where they are.
struct Settings {
    settings_file: SettingsFile,
    config: OnceCell<Config>,
}

impl Settings {
    /// Returns the settings. They are read once.
    fn config(&self) -> Result<&Config> {
        if self.config.get().is_none() {
            // Nothing else sets it.
            let _ = self.config.set(Config::read(&self.settings_file)?);
        }
        Ok(self.config.get().expect("it was set above"))
    }
}

/// The options about the terminal.
struct Typed {
    color: Option<ColorChoice>,
    time: Option<Times>,
}

/// The context of a command.
pub(crate) struct Context {
    /// The collections to work in
    pub(crate) collections: Collections,
    /// The terminal; only commands that print rows need it
    pub(crate) terminal: LazyCell<Terminal, Box<dyn FnOnce() -> Terminal>>,
    /// The report of a change, where it is asked for as JSON
    pub(crate) summary: Summary,
    /// The beginning of messages
    pub(crate) voice: Voice,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// No pager is wanted
    pub(crate) no_pager: bool,
    /// The output goes through a pager
    is_paged: Cell<bool>,
    /// Mode in which the store is opened for writing
    pub(crate) access: Access,
    /// The tip for the end of the command
    last_tip: RefCell<Option<String>>,
    /// A message said that something named is not there
    has_said_absent: Cell<bool>,
    /// A message said that there is no store
    has_noted_no_file: Cell<bool>,
    /// A store that is not there is a miss, which a script knows by the exit code
    expects_misses: Cell<bool>,
    db: Option<PathBuf>,
    db_file: Option<PathBuf>,
    /// The location in the file of `db_file`, or of that setting, once it is read
    location_file: OnceCell<LocationFile>,
    typed: Typed,
    settings: Rc<Settings>,
    /// The store, if it is in a database; the connection is kept
    remote: OnceCell<Arc<dyn Backend>>,
    /// FiftyOne's database, once it was looked for and found
    fiftyone: OnceCell<Database>,
    clock: Arc<dyn Clock>,
}

impl Context {
    /// Builds the context from global options, with the environment as fallback.
    pub(crate) fn new(global: Global, voice: Voice) -> Result<Self> {
        for (option, typed) in [("--db", &global.db), ("--db-file", &global.db_file)] {
            if let Some(path) = typed {
                name_location(option, path);
            }
        }
        let clock = clock()?;
        let now = clock.now().as_millis();
        let (color, times) = (global.color, global.time);
        let settings = Rc::new(Settings {
            settings_file: SettingsFile::from_environment(global.no_config),
            config: OnceCell::new(),
        });
        let of_terminal = Rc::clone(&settings);
        Ok(Self {
            collections: match (global.collection.is_empty(), global.all_collections) {
                (false, true) => {
                    return Err(contradiction("--collection", "--all-collections"));
                }
                (false, false) => Collections::Named(global.collection),
                (true, true) => Collections::All,
                (true, false) => configured_collection(&settings),
            },
            terminal: LazyCell::new(Box::new(move || {
                // Scripts do not depend on the settings of a user.
                let is_terminal = std::io::stdout().is_terminal();
                let word = |key| of_terminal.config().ok()?.text(key).filter(|_| is_terminal);
                let color = color.or_else(|| ColorChoice::from_str(&word("color")?, false).ok());
                let times = times.or_else(|| Times::from_str(&word("time")?, false).ok());
                let (color, times) = (color.unwrap_or_default(), times.unwrap_or_default());
                Terminal::from_environment(color, times, now)
            })),
            summary: Summary::default(),
            voice,
            quiet: global.quiet,
            verbose: global.verbose > 0,
            no_pager: global.no_pager,
            is_paged: Cell::new(false),
            access: if global.durable || variables::is_durable() {
                Access::WriteDurably
            } else {
                Access::Write
            },
            last_tip: RefCell::default(),
            has_said_absent: Cell::new(false),
            has_noted_no_file: Cell::new(false),
            expects_misses: Cell::new(false),
            db: global.db,
            db_file: global.db_file,
            location_file: OnceCell::new(),
            typed: Typed { color, time: times },
            settings,
            remote: OnceCell::new(),
            fiftyone: OnceCell::new(),
            clock,
        })
    }

    /// Returns the collection of an entry named by key.
    ///
    /// # Errors
    /// If several collections were named, or the settings that may name one have a fault.
    pub(crate) fn collection(&self) -> Result<&str> {
        match &self.collections {
            Collections::Default => {
                self.check_settings().map_err(hindered)?;
                Ok(DEFAULT_COLLECTION)
            }
            Collections::Configured(name) => Ok(name),
            Collections::Named(names) => match names.as_slice() {
                [name] => Ok(name),
                _ => Err(usage_tip(
                    "an entry is in one collection",
                    "name it with --collection",
                )),
            },
            Collections::All => Err(usage_tip(
                "an entry is in one collection",
                "name it with --collection instead of --all-collections",
            )),
        }
    }

    /// Reports whether entries of several collections may be listed together.
    pub(crate) fn may_mix_collections(&self) -> bool {
        match &self.collections {
            Collections::Default | Collections::Configured(_) => false,
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

    /// Returns the user's settings.
    pub(crate) fn config(&self) -> Result<&Config> {
        self.settings.config()
    }

    /// Refuses settings with a fault: what they name is unknown. A file that this user cannot read
    /// names nothing for this user.
    pub(crate) fn check_settings(&self) -> Result<()> {
        match self.config() {
            Err(error) if error.is::<UsageError>() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Returns the value of a setting that acts on a terminal alone.
    pub(crate) fn setting_of_terminal(&self, key: &str) -> Option<String> {
        let config = self.config().ok()?;
        config
            .text(key)
            .filter(|_| self.terminal.stdout_is_terminal)
    }

    /// Returns the file of the user's settings.
    pub(crate) fn settings(&self) -> &SettingsFile {
        &self.settings.settings_file
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
        let shows_named = self.terminal.stdout_is_terminal;
        Ok(Datasets::new(known, named, shows_named))
    }
}

/// Returns the collection that the settings name. A fault in them is reported where the collection
/// is asked for.
fn configured_collection(settings: &Settings) -> Collections {
    let config = settings.config().ok();
    let name = config.and_then(|config| config.text("collection"));
    name.filter(|name| name != DEFAULT_COLLECTION)
        .map_or(Collections::Default, Collections::Configured)
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
