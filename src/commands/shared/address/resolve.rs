//! Resolves typed arguments to the address of an entry.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Dimension};
use ecache_core::entry::Entry;
use ecache_core::key::{CallScopes, Key, preimage};
use ecache_core::python_json::Json;
use ecache_core::scope::{self, Address, STORE_KEY, Scopes, StoreAddress};
use ecache_core::time::Timestamp;
use ecache_core::typed_name;
use ecache_core::usage::{Event, Outcome};

use super::abbreviated;
use crate::cli::entry::{EntryArgs, ScopeArgs};
use crate::context::Context;
use crate::datasets::dataset_id;
use crate::error::{hindered, usage, usage_tip};
use crate::near_names;
use crate::output::escape::shell;
use crate::output::own_command;
use crate::units::Ttl;

/// A requested entry, and the metadata to record with it.
#[derive(Debug)]
pub(in crate::commands) struct Request {
    pub(in crate::commands) address: Address,
    pub(in crate::commands) scopes: Scopes,
    /// The arguments as JSON text, if it was asked for by its arguments
    pub(in crate::commands) args: Option<String>,
}

impl Request {
    /// Resolves the entry that `args` name.
    pub(in crate::commands) fn new(context: &Context, args: EntryArgs) -> Result<Self> {
        let store = args.store()?.to_owned();
        let call = match (args.key, args.call.0) {
            (Some(key), _) => Named::Key(key),
            (None, Some(arguments)) => Named::Call(arguments),
            (None, None) => {
                if let Ok(Some(error)) = abbreviated::not_a_store(context, &store) {
                    return Err(error);
                }
                return Err(usage_tip(
                    format!("no entry of {store} is named"),
                    "name its KEY, or the call's arguments with -a, -j or --args",
                ));
            }
        };
        Self::of(context, &store, call, &args.scope)
    }

    pub(in crate::commands) fn of(
        context: &Context,
        store: &str,
        named: Named,
        scope: &ScopeArgs,
    ) -> Result<Self> {
        let token = token(scope)?;
        let (key, args) = match named {
            Named::Key(key) => (parse_key(&key)?, None),
            Named::Call(arguments) => {
                let preimage = preimage(&arguments, &call_scopes(scope, token.as_deref()));
                let args = Json::Array(arguments).dumps();
                (Key::of_preimage(&preimage), Some(args))
            }
        };
        Ok(Self {
            address: store_address(context, store, scope)?.entry(key),
            scopes: scopes(scope, token.as_deref()),
            args,
        })
    }

    /// Returns a request of the entry at an address, whatever call made it.
    pub(in crate::commands) fn of_address(address: Address) -> Self {
        Self {
            address,
            scopes: Scopes::default(),
            args: None,
        }
    }

    /// Returns the call that found no entry, to be counted.
    pub(in crate::commands) fn miss(&self, now: Timestamp) -> Event {
        let store = self.address.store.clone();
        Event {
            key: Some(self.address.key.clone()),
            ..Event::new(Outcome::Miss, now, store, &self.scopes)
        }
    }

    /// Reports whether the recorded scopes or arguments show that an entry with this key belongs to
    /// another call.
    ///
    /// Only values known on both sides are compared: FiftyOne's documents record none of them.
    pub(in crate::commands) fn contradicts(&self, entry: &Entry) -> bool {
        fn differ<T: PartialEq>(asked: &Option<T>, recorded: &Option<T>) -> bool {
            matches!((asked, recorded), (Some(asked), Some(recorded)) if asked != recorded)
        }
        let canonical = |args: &Option<String>| {
            let args = args.as_ref()?;
            Some(Json::parse(args.as_bytes()).ok()?.dumps_sorted())
        };
        differ(&self.scopes.user_id, &entry.scopes.user_id)
            || differ(&self.scopes.operator_uri, &entry.scopes.operator_uri)
            || differ(&self.scopes.prompt_id, &entry.scopes.prompt_id)
            || differ(&self.scopes.jwt_sha256, &entry.scopes.jwt_sha256)
            || differ(&canonical(&self.args), &canonical(&entry.args))
    }
}

impl EntryArgs {
    /// Returns the name of the store.
    pub(in crate::commands) fn store(&self) -> Result<&str> {
        self.store.as_deref().ok_or_else(|| {
            usage_tip(
                "no entry is named",
                format!(
                    "name its STORE and KEY, as {} prints them",
                    own_command("ls")
                ),
            )
        })
    }
}

/// Notes that an entry was made by another call than the one that is asked for.
pub(in crate::commands) fn note_other_call(context: &Context, address: &Address) {
    context.absent(
        &format!("{address} was made by another call"),
        Some(&format!("{} says in what they differ", own_command("why"))),
    );
}

/// Notes that there is no entry at an address, and where its key or a near store is.
pub(in crate::commands) fn note_missing(
    context: &Context,
    backend: &dyn Backend,
    address: &Address,
) -> Result<()> {
    let store = &address.store.store_name;
    let stores = backend.names(Dimension::Store)?;
    let (message, tip) =
        if let Some((message, tip)) = abbreviated::elsewhere(backend, address, context.now())? {
            (message, Some(tip))
        } else if stores.iter().any(|name| name == store) {
            let shown = abbreviated::shown_so(backend, address, context.now())?;
            let tip = match (typed_name::respelled(address.key.as_str()), shown) {
                (Some(key), _) => format!("did you mean {}? It is spelled so", shell(&key)),
                (None, Some(tip)) => tip,
                (None, None) => {
                    let ls = own_command(&format!("ls {}", shell(store)));
                    format!("{ls} lists its keys")
                }
            };
            (format!("there is no {address}"), Some(tip))
        } else {
            near_names::no_store(store, &stores)
        };
    context.absent(&message, tip.as_deref());
    Ok(())
}

/// The words that name an entry.
#[derive(Debug)]
pub(in crate::commands) enum Named {
    Key(String),
    Call(Vec<Json>),
}

/// Returns the address of the store of one entry.
pub(in crate::commands) fn store_address(
    context: &Context,
    store: &str,
    scope: &ScopeArgs,
) -> Result<StoreAddress> {
    let dataset_id = match &scope.dataset {
        Some(dataset) => {
            let whole = abbreviated::whole_dataset(context, dataset)?;
            let dataset = check_name("dataset", &whole)?;
            let known = || context.datasets().map_err(hindered);
            Some(dataset_id(dataset, &known)?)
        }
        None => None,
    };
    Ok(StoreAddress {
        collection: check_name("collection", context.collection()?)?.into(),
        store_name: check_store(store)?.into(),
        dataset_id,
    })
}

/// Checks the name of a store. An empty name is valid: FiftyOne has such stores.
fn check_store(name: &str) -> Result<&str> {
    match name {
        "" => Ok(name),
        name => check_name("store", name),
    }
}

/// Refuses an empty name for an entry that is written: most likely, a shell variable is not set.
/// FiftyOne's entries without a name are read, removed, copied and imported.
pub(in crate::commands) fn check_written(what: &str, name: &str) -> Result<()> {
    match name {
        "" => Err(usage_tip(
            format!("the {what} is empty"),
            format!(
                "is a shell variable unset? {} writes entries without one",
                own_command("import")
            ),
        )),
        _ => Ok(()),
    }
}

pub(in crate::commands) fn check_name<'a>(what: &str, name: &'a str) -> Result<&'a str> {
    scope::check_name(name).map_err(|error| usage(format!("invalid {what} {name:.80?}: {error}")))
}

pub(in crate::commands) fn parse_key(key: &str) -> Result<Key> {
    if key == STORE_KEY {
        return Err(usage_tip(
            format!("{STORE_KEY} is the store's own document and no entry"),
            own_command("stores show, set or rm"),
        ));
    }
    Key::new(key).map_err(|error| usage(error.to_string()))
}

/// Reads the user's request token from a file, which keeps it out of process lists.
pub(in crate::commands) fn token(scope: &ScopeArgs) -> Result<Option<String>> {
    let Some(file) = &scope.jwt_file else {
        return Ok(None);
    };
    let attempt = || format!("cannot read the token from {}", file.display());
    let token = std::fs::read_to_string(file).with_context(attempt)?;
    match token.trim() {
        "" => Err(usage_tip(
            format!("the token in {} is empty", file.display()),
            "write the token into it",
        )),
        token => Ok(Some(token.to_owned())),
    }
}

pub(in crate::commands) fn call_scopes<'a>(
    scope: &'a ScopeArgs,
    token: Option<&'a str>,
) -> CallScopes<'a> {
    CallScopes {
        operator_uri: scope.operator.as_deref(),
        prompt_id: scope.prompt.as_deref(),
        user_request_token: token,
        user_id: scope.user.as_deref(),
    }
}

pub(in crate::commands) fn scopes(scope: &ScopeArgs, token: Option<&str>) -> Scopes {
    let name = |name: &Option<String>| {
        name.as_deref()
            .filter(|name| !name.is_empty())
            .map(Arc::from)
    };
    Scopes {
        user_id: name(&scope.user),
        operator_uri: name(&scope.operator),
        prompt_id: name(&scope.prompt),
        jwt_sha256: token.map(scope::token_hash),
    }
}

/// Returns the expiry of an entry that is written now with a lifetime.
pub(in crate::commands) fn expiry(now: Timestamp, ttl: Option<Ttl>) -> Option<Timestamp> {
    match ttl {
        Some(Ttl::Millis(millis)) => Some(now.saturating_add(Duration::from_millis(millis))),
        Some(Ttl::Never) | None => None,
    }
}
