//! The command that fixes a finding.

use ecache_core::backend::Lookup;
use ecache_core::doctor::{Check, Finding, NEAR_LIMIT};
use ecache_core::scope::{Address, DEFAULT_COLLECTION, StoreAddress};

use super::Doctor;
use crate::cli::filter::{FilterArgs, PolicyChoice, StoreNames};
use crate::commands::shared::changes::deletion::Run;
use crate::context::Collections;
use crate::error::rescue;
use crate::output::escape::shell;
use crate::output::own_command;

impl Doctor<'_> {
    /// Returns the command that fixes it, or the first of them, or what to do instead.
    ///
    /// One that removes something says in a dry run what it would remove.
    pub(super) fn command(&self, collection: &str, finding: &Finding, run: Run) -> String {
        match finding.check {
            Check::SharedStores => "give each function a store_name of its own".to_owned(),
            // Only files have pages.
            Check::Structure => match self.context.location() {
                Ok((path, _)) => rescue(&std::path::absolute(&path).unwrap_or(path)),
                Err(_) => self.line(collection, "export --output FILE"),
            },
            Check::Foreign => "no action is needed".to_owned(),
            Check::Thrashing => {
                let list = self.line(collection, "limit ls");
                let set = own_command("limit set");
                format!("raise the limit with {set}; {list} shows what is used")
            }
            _ => {
                let (verb, filter) = self.advice(finding);
                let removes = ["clear", "prune", "doctor --fix"];
                let removes = removes.iter().any(|removing| verb.starts_with(removing));
                let dry = if removes { dry(run) } else { "" };
                self.line(collection, &format!("{verb}{}{dry}", filter.words(shell)))
            }
        }
    }

    /// Returns the verb and the filter for the findings: they remove them where removal fixes them.
    pub(super) fn advice(&self, finding: &Finding) -> (String, FilterArgs) {
        // Entries that pruning and clearing leave in place.
        let is_persistent = finding.persistent == finding.usage.entries;
        let typed = &self.args.filter;
        let policy = is_persistent.then_some(PolicyChoice::Any).or(typed.policy);
        let every = |names: &mut Vec<String>| {
            if names.is_empty() {
                names.push("*".to_owned());
            }
        };
        let mut filter = typed.clone();
        let verb = match finding.check {
            Check::Orphaned if is_persistent && finding.usage.entries > 0 => {
                let datasets = finding.datasets().into_iter();
                filter.dataset = datasets.map(|id| typed.spelled(&id)).collect();
                filter.policy = policy;
                "clear"
            }
            Check::Orphaned => match &self.args.live_datasets {
                Some(list) => {
                    let list = list.to_string_lossy();
                    let verb = format!("prune --orphaned --live-datasets {}", shell(&list));
                    return (verb, filter);
                }
                None => "prune --orphaned",
            },
            Check::Expired => {
                filter.expired = true;
                "prune"
            }
            Check::EndlessPrompts => {
                filter = endless(typed);
                every(&mut filter.prompt);
                "clear"
            }
            Check::EndlessUsers => {
                filter = endless(typed);
                every(&mut filter.user);
                "clear"
            }
            Check::OldVersions => {
                let stores = finding.stores.iter();
                filter.store = stores.map(|name| typed.spelled(name)).collect();
                filter.policy = policy;
                "clear"
            }
            Check::NearLimit => {
                filter.larger_than = typed.larger_than.max(Some(NEAR_LIMIT - 1));
                "ls"
            }
            Check::PersistExpiry => match finding.entries.first() {
                Some(entry) => {
                    filter = self.only(entry);
                    "touch --policy evict"
                }
                None => "ls",
            },
            check => return (format!("doctor --fix {}", check.id()), filter),
        };
        (verb.to_owned(), filter)
    }

    /// Returns the filter that selects one entry of a collection, be it expired or not.
    fn only(&self, entry: &Address) -> FilterArgs {
        let StoreAddress {
            store_name,
            dataset_id,
            ..
        } = &*entry.store;
        let lookup = self.backend.lookup_unread(entry, self.now);
        FilterArgs {
            store: StoreNames::from_iter([store_name.to_string()]),
            dataset: dataset_id.iter().map(ToString::to_string).collect(),
            no_dataset: dataset_id.is_none(),
            key: vec![entry.key.as_str().to_owned()],
            expired: matches!(lookup, Ok(Lookup::Stale(_))),
            ..FilterArgs::default()
        }
    }

    /// Returns a command for the same store and collection.
    pub(super) fn line(&self, collection: &str, what: &str) -> String {
        let is_named = matches!(self.context.collections, Collections::Named(_));
        if collection == DEFAULT_COLLECTION && !is_named {
            return own_command(what);
        }
        own_command(&format!("{what} --collection {}", shell(collection)))
    }

    /// Returns the command that shows the growth of stores.
    pub(super) fn stats(&self, collection: &str) -> String {
        let typed = FilterArgs {
            newer_than: None,
            ..self.args.filter.clone()
        };
        let what = format!("stats --newer-than 1d{}", typed.words(shell));
        self.line(collection, &what)
    }

    /// Returns the command that removes the values of killed writers.
    pub(super) fn prune(&self, run: Run) -> String {
        let what = format!("prune --expired{}", dry(run));
        self.line(self.context.usual_collection(), &what)
    }
}

/// Returns the option of a dry run.
fn dry(run: Run) -> &'static str {
    match run {
        Run::Dry => " -n",
        Run::Wet => "",
    }
}

/// Returns the filter of entries of policy `evict` that never expire, with patterns for names.
fn endless(typed: &FilterArgs) -> FilterArgs {
    FilterArgs {
        fresh: false,
        no_expiry: true,
        ..typed.as_patterns()
    }
}
