//! A command line as one call: the program with its inputs, and the entry that holds the result.
//!
//! `run`, `warm`, `why` and `key` all make a [`Call`], so that they agree on the key of a command
//! line.

mod files;
pub(crate) mod identity;
pub(crate) mod input_files;
mod pattern;
pub(crate) mod program;
pub(crate) mod rerun;
pub(crate) mod unkeyed_input;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use crate::command::{Identity, InputFiles, InputKey, Program, Settings};
use crate::key::{CallScopes, Key, preimage};
use crate::python_json::Json;
use crate::scope::{Address, Scopes, StoreAddress};

/// Name of the mark that identifies the entry beside a command's own.
pub(crate) const STREAMS_MARK: &str = "streams";

/// A memoized command line.
#[derive(Clone, Debug)]
pub struct Call {
    /// The inputs that identify it
    pub identity: Identity,
    /// The files of the identity, which must not change while it runs
    pub files: Arc<InputFiles>,
    /// The folder it is run in, if that is not this process's
    pub folder: Option<PathBuf>,
    /// The scopes it is run in
    pub scopes: Scopes,
    /// The request token of those scopes: a secret
    pub token: Option<Arc<str>>,
    /// The entry that holds its result
    pub entry: CallEntry,
    /// Cache settings
    pub settings: Settings,
}

/// The entry of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEntry {
    /// Its address
    pub address: Address,
    /// The arguments of the call, JSON with sorted keys
    pub args: String,
}

impl Call {
    /// Returns the call of a command with this identity, with its entry in this store.
    #[must_use]
    pub fn new(
        identity: Identity,
        store: &StoreAddress,
        (scopes, token): (Scopes, Option<Arc<str>>),
        settings: Settings,
    ) -> Self {
        let entry = entry(&identity, store, &call_scopes(&scopes, token.as_deref()));
        Self {
            identity,
            files: Arc::default(),
            folder: None,
            scopes,
            token,
            entry,
            settings,
        }
    }

    /// Returns the program that is run.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.identity.program
    }

    /// Returns the arguments of the command.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.identity.arguments
    }

    /// Returns the path of the program or of a file that is no longer as the identity says. The
    /// result of a run that began before does not belong to this call.
    pub(crate) fn changed_file(&self) -> Option<PathBuf> {
        let program = self.program();
        let is_other = program.is_other_now();
        let program = is_other.then(|| program.called.clone());
        program.or_else(|| self.files.changed())
    }

    /// Returns the text that is hashed for the key.
    #[must_use]
    pub fn preimage(&self) -> String {
        preimage(&self.identity.call(), &self.call_scopes())
    }

    /// Returns the same command line with another input.
    #[must_use]
    pub fn with_input(&self, input: InputKey) -> Self {
        self.with_identity(Identity {
            input,
            ..self.identity.clone()
        })
    }

    /// Returns the same command line with a further distinction.
    #[must_use]
    pub fn with_mark(&self, (name, mark): (OsString, String)) -> Self {
        let mut identity = self.identity.clone();
        identity.marks.insert(name, mark);
        self.with_identity(identity)
    }

    /// Returns the same command line with the entry beside its own, for the other output form.
    #[must_use]
    pub fn beside(&self) -> Self {
        self.with_mark((STREAMS_MARK.into(), "other".to_owned()))
    }

    fn with_identity(&self, identity: Identity) -> Self {
        let store = &self.entry.address.store;
        Self {
            entry: entry(&identity, store, &self.call_scopes()),
            identity,
            ..self.clone()
        }
    }

    fn call_scopes(&self) -> CallScopes<'_> {
        call_scopes(&self.scopes, self.token.as_deref())
    }
}

fn call_scopes<'a>(scopes: &'a Scopes, token: Option<&'a str>) -> CallScopes<'a> {
    CallScopes {
        operator_uri: scopes.operator_uri.as_deref(),
        prompt_id: scopes.prompt_id.as_deref(),
        user_request_token: token,
        user_id: scopes.user_id.as_deref(),
    }
}

fn entry(identity: &Identity, store: &StoreAddress, scopes: &CallScopes<'_>) -> CallEntry {
    let arguments = identity.call();
    let key = Key::of_preimage(&preimage(&arguments, scopes));
    CallEntry {
        address: store.entry(key),
        args: Json::Array(arguments).dumps_sorted(),
    }
}
