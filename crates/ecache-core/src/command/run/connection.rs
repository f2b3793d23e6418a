//! Opens the store of a run: to look the command up, and to keep its result.
//!
//! A process that opens the store for writing reads the log and the schema once more. It does so
//! while the command runs, on another processor, and the output waits for less than a millisecond.
//! Designs weighed: a thread that opens the store (one more start), and opening it after the
//! command (nothing is gained).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::stale::Usable;
use crate::backend::Backend;
use crate::command::Runner;
use crate::command::settings::{Opening, StoreUse};
use crate::error::{Error, Result, Unsupported};
use crate::location::{self, Access};

/// Maximum wait for other processes that write to the store: the cache must not delay a command.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// The connection of a run to its store.
pub(crate) enum Connection {
    /// A writer
    Writer(Arc<dyn Backend>),
    /// The reader of the first look. It takes the second one as well, and is dropped for a writer,
    /// which cannot write beside it, once the command has started
    Reader(Arc<dyn Backend>),
}

impl Connection {
    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        match self {
            Self::Writer(backend) | Self::Reader(backend) => backend,
        }
    }
}

impl Runner<'_> {
    /// Opens the store; waits for other processes as long as a run may.
    pub(crate) fn open(&self, path: &Path, access: Access) -> Result<Arc<dyn Backend>> {
        match self.connected {
            Some(backend) => Ok(Arc::clone(backend)),
            None => location::open_within(path.as_os_str(), access, STORE_PATIENCE),
        }
    }

    /// Returns the writer over an existing connection, or opens the store.
    pub(crate) fn writer(
        &self,
        path: &Path,
        shared: Option<Arc<dyn Backend>>,
    ) -> Result<Arc<dyn Backend>> {
        shared.map_or_else(|| self.open(path, self.call.settings.access), Ok)
    }

    /// Reports whether the first look-up is a one-shot one, beside which this process cannot write.
    /// It is not if others in the process use the store, or if an old result, read beside a writer,
    /// may be of use.
    pub(crate) fn is_one_shot(&self) -> bool {
        self.call.settings.store_use == StoreUse::Alone
            && !self.call.settings.uses_stale()
            && self.connected.is_none()
    }

    /// Reports whether the store is opened for writing only while the command runs. That of a
    /// server is not: the connection of the first look serves the write as well.
    pub(crate) fn opens_late(&self, path: &Path) -> bool {
        self.call.settings.opening == Opening::DuringRun && !location::is_url(path.as_os_str())
    }

    /// Looks the command up for the first time.
    pub(crate) fn look(&self, path: &Path) -> Result<(Arc<dyn Backend>, Usable)> {
        let now = self.clock.now();
        let (backend, kept) = if self.is_one_shot() {
            let address = &self.call.entry.address;
            let location = path.as_os_str();
            let (backend, lookup) = location::look_up_once(location, STORE_PATIENCE, address, now)?;
            let kept = self.kept(backend.as_ref(), Some(lookup), now)?;
            (backend, kept)
        } else {
            let backend = self.open(path, Access::Read)?;
            let kept = self.find(&backend, <dyn Backend>::lookup_unread, now)?;
            (backend, kept)
        };
        match (kept, self.call.identity.input.fallback()) {
            (Usable::Nothing, Some(input)) => {
                let call = self.call.with_input(input);
                let kept = self
                    .of(&call)
                    .find(&backend, <dyn Backend>::lookup_unread, now)?;
                Ok((backend, kept))
            }
            (kept, _) => Ok((backend, kept)),
        }
    }

    /// Reports whether opening the store for writing resolves an error that a reader had: a writer
    /// creates a missing store, upgrades one of an older release, and reads a log or starts a
    /// damaged one anew.
    pub(crate) fn is_for_a_writer(error: &Error) -> bool {
        matches!(
            error,
            Error::Missing { .. }
                | Error::Unsupported(
                    Unsupported::OlderSchema { .. } | Unsupported::UnreadableLog { .. }
                )
                | Error::DamagedLog { .. }
        )
    }

    /// Reports an error that a writer resolves, if it is worth reporting.
    pub(crate) fn tell_of(&self, error: Error) -> Result<()> {
        match error {
            Error::DamagedLog { .. } => self.caller.on_trouble(error),
            _ => Ok(()),
        }
    }
}
