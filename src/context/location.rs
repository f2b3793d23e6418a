//! Finds the location of the store, and the files of this host for a store in a database.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ecache_core::key::Key;
use ecache_core::{location, sidecar};

use super::Context;
use crate::error::{contradiction, hindered, usage_tip};
use crate::fiftyone;
use crate::output::escape::shell;
use crate::variables::{self, variable};

/// The source of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    File,
    Environment,
    Config,
    Default,
}

impl Context {
    /// Returns the location of the store, and the origin of that setting.
    pub(crate) fn location(&self) -> Result<(PathBuf, Origin)> {
        let (path, origin) = self.named_location()?;
        Ok((self.by_name(path)?, origin))
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

    /// Refuses an option that names the store where neither location is `@`, which means it.
    pub(crate) fn refuse_unused_location(&self, [from, to]: [&Path; 2]) -> Result<()> {
        let option = match (&self.db, &self.db_file) {
            (Some(_), _) => "--db",
            (None, Some(_)) => "--db-file",
            (None, None) => return Ok(()),
        };
        if from.as_os_str() == "@" || to.as_os_str() == "@" {
            return Ok(());
        }
        Err(usage_tip(
            format!("{option} is neither FROM nor TO"),
            "write @ where it is meant",
        ))
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

    pub(super) fn named_location(&self) -> Result<(PathBuf, Origin)> {
        match (&self.db, &self.db_file) {
            (Some(_), Some(_)) => Err(contradiction("--db", "--db-file")),
            (None, Some(file)) => Ok((self.location_in(&at_home(file))?, Origin::File)),
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
            (Some(_), Some(_)) => Err(contradiction("the setting db", "the setting db_file")),
            (None, Some(file)) => Ok((
                self.location_in(&at_home(Path::new(&file)))?,
                Origin::Config,
            )),
            (Some(path), None) => Ok((
                without_password(&at_home(Path::new(&path)))?,
                Origin::Config,
            )),
            (None, None) => Ok((data_folder()?.join(location::DEFAULT_FILE), Origin::Default)),
        }
    }

    /// Reads the location from a file, once: it may be a pipe.
    fn location_in(&self, file: &Path) -> Result<PathBuf> {
        if let Some(read) = self.location_file.get() {
            return Ok(read.location.clone());
        }
        let read = LocationFile::read(file)?;
        Ok(self.location_file.get_or_init(|| read).location.clone())
    }

    /// Warns of a file with a password that other users can read.
    pub(crate) fn warn_of_exposed_password(&self) {
        if let Some(LocationFile {
            exposed: Some(file),
            ..
        }) = self.location_file.get()
        {
            let shown = file.display();
            self.warn(&format!("other users can read the password in {shown}"));
            let file = file.to_string_lossy();
            let tip = format!("chmod go= {}", shell(&file));
            self.voice.tip_below(&tip);
        }
    }

    /// Returns the base path of this host's sidecar files for a store that is not a file.
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
}

/// Returns the folder of ecache's own files.
fn data_folder() -> Result<PathBuf> {
    location::data_folder(|name| std::env::var_os(name)).ok_or_else(|| {
        usage_tip(
            "there is no home folder to keep the store in",
            "set HOME or XDG_DATA_HOME, or name a file with --db",
        )
    })
}

/// Refuses a typed location with a password, which other users can see.
fn without_password(typed: &Path) -> Result<PathBuf> {
    if location::has_password(typed.as_os_str()) {
        Err(usage_tip(
            "a password on the command line can be read by others",
            "put the location into ECACHE_DB, or into a file and name that with --db-file",
        ))
    } else {
        Ok(typed.to_owned())
    }
}

/// The location that a file names.
pub(super) struct LocationFile {
    location: PathBuf,
    /// The file, if it has a password that other users can read
    exposed: Option<PathBuf>,
}

impl LocationFile {
    fn read(file: &Path) -> Result<Self> {
        let attempt = || format!("cannot read the location from {}", file.display());
        let mut opened = File::open(file).with_context(attempt)?;
        let mut text = String::new();
        opened.read_to_string(&mut text).with_context(attempt)?;
        let location = match text.trim() {
            "" => Err(usage_tip(
                format!("the location in {} is empty", file.display()),
                "write a path or a URL into it",
            )),
            text => Ok(PathBuf::from(text)),
        }?;
        let is_exposed = location::has_password(location.as_os_str()) && is_readable(&opened);
        Ok(Self {
            exposed: is_exposed.then(|| file.to_owned()),
            location,
        })
    }
}

/// Reports whether other users can read a file.
#[cfg(unix)]
fn is_readable(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata();
    metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_readable(_: &File) -> bool {
    false
}

/// Replaces a leading `~/` by the home folder: shells do so for a word of its own alone, and not
/// behind `--db=`.
fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), variable("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}
