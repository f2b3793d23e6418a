//! Removals of this process, in the log of operations.

use super::{Backend, Cause, ChangeOutcome, ChangeReport, Operation, no_progress};
use crate::error::Result;
use crate::filter::{DatasetPattern, Filter, Selection};
use crate::secrets::mask;
use crate::time::Timestamp;

impl dyn Backend + '_ {
    /// Removes entries and stores' own documents so that they can be brought back, or for good
    /// where they are too many for that.
    ///
    /// # Errors
    /// Fails if the store failed; entries removed before that stay removed.
    #[doc(hidden)]
    pub fn remove_logged(
        &self,
        selection: &Selection,
        documents: Option<&Filter>,
        operation: &Operation,
        now: Timestamp,
    ) -> Result<ChangeReport> {
        let progress = &mut no_progress;
        match self.remove_undoably(selection, documents, operation, now, progress)? {
            ChangeOutcome::Done(report) => Ok(report),
            ChangeOutcome::TooMany(_) => {
                self.remove_for_good(selection, documents, operation, now, progress)
            }
        }
    }
}

impl Operation {
    /// Describes a program's call that removes the entries of stores.
    pub(crate) fn of_call(function: &str, filter: &Filter) -> Self {
        let stores = filter.stores.iter().map(|store| store.as_str().to_owned());
        let datasets = filter.datasets.iter().map(|dataset| match dataset {
            DatasetPattern::Unlinked => "no dataset".to_owned(),
            DatasetPattern::Id(id) => format!("dataset {}", id.as_str()),
        });
        let words = mask(&Vec::from_iter(stores.chain(datasets)).join(", ")).into_owned();
        Self::of_this_process(Cause::Cleared, format!("{function}({words})"), words)
    }

    /// Describes an operation of this process. `command` and `filter` must not have secrets.
    ///
    /// The user is that of the process, whatever its environment says.
    #[must_use]
    pub fn of_this_process(cause: Cause, command: String, filter: String) -> Self {
        let uid = rustix::process::geteuid().as_raw().to_string();
        Self {
            user: user_name(&uid).unwrap_or(uid),
            host: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
            command,
            filter,
            cause,
        }
    }
}

/// Returns the name of a user by the file that most systems have.
fn user_name(uid: &str) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let user = users
        .lines()
        .find(|line| line.split(':').nth(2) == Some(uid))?;
    user.split(':').next().map(str::to_owned)
}
