//! `ecache doctor`: finds problems in the content of a store, advises commands, and fixes them.

mod advice;
mod report;

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::Result;
use ecache_core::backend::{Backend, Cause, CollectionDamage};
use ecache_core::doctor::{Check, Examination, Finding, Remedy, examine};
use ecache_core::entry::Policy;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Freshness, Pattern, Selection, Usage};
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::time::Timestamp;

use super::shared::changes::deletion::{Run, Step, Verb, counting, metadata, open, remove_logged};
use super::shared::changes::jobs::{note_running, without_running};
use super::shared::changes::loss::Keeping;
use super::shared::filter::live_datasets::Live;
use super::shared::filter::{DefaultSelection, filter, note_unknown_names};
use crate::cli::{DoctorArgs, FailOn, Fix};
use crate::context::{Collections, Context};
use crate::error::Exit;
use crate::output::own_command;
use crate::output::{Format, human};

/// Says that orphans were not looked for.
const SKIPPED: &str = "orphaned: skipped; needs --live-datasets FILE";

pub(crate) fn run(context: &Context, args: DoctorArgs) -> Result<Exit> {
    let now = context.now();
    let run = Run::from(args.dry_run);
    let filter = filter(context, &args.filter, DefaultSelection::AnyCollection, now)?;
    if !context.has_store()? {
        let (path, _) = context.location()?;
        return Err(Error::Missing { path }.into());
    }
    let backend = if args.fix.is_empty() {
        context.reader()?
    } else {
        open(context, run)?
    };
    note_unknown_names(context, backend.as_ref(), &filter)?;
    let live = Live::find(context, backend.as_ref(), args.live_datasets.as_deref())?;
    let is_orphaned = |check: Check| check == Check::Orphaned;
    let fixes = args.fix.iter().filter_map(|fix| match fix {
        Fix::Check(check) => Some(*check),
        Fix::All => None,
    });
    let fails_on = args.fail_on.iter().filter_map(|choice| match choice {
        FailOn::Check(check) => Some(*check),
        FailOn::Any | FailOn::None => None,
    });
    if live.is_none() && fixes.chain(fails_on).any(is_orphaned) {
        return Err(Live::unknown());
    }
    if live.is_none() && context.format(args.format.chosen()) != Format::Table {
        context.note(SKIPPED);
    }
    let mut doctor = Doctor {
        context,
        args: &args,
        filter,
        backend: backend.as_ref(),
        live,
        now,
        abandoned: unless_damaged(backend.abandoned(now))?.unwrap_or_default(),
        has_failed: Cell::new(false),
    };
    let mut examined = Vec::new();
    for collection in doctor.collections()? {
        let mut examination = doctor.examine(&collection)?;
        let is_meant = |finding: &&Finding| args.fix.iter().any(|fix| fix.includes(finding.check));
        let mut is_mended = false;
        for finding in examination.findings.iter().filter(is_meant) {
            doctor.fix(&collection, finding, run)?;
            is_mended |= run == Run::Wet;
        }
        if is_mended {
            examination = doctor.examine(&collection)?;
        }
        examined.push((collection, examination));
    }
    if args.fix.contains(&Fix::All) && doctor.abandoned != Usage::default() {
        let left = doctor.leftovers();
        match run {
            Run::Dry => context.note(&format!("{} {left}", Verb::REMOVE.would)),
            Run::Wet => {
                backend.collect_garbage(now)?;
                doctor.abandoned = backend.abandoned(now)?;
                context.note(&format!("{} {left}", Verb::REMOVE.done));
            }
        }
    }
    doctor.report(&examined)?;
    let fails = |finding: &Finding| doctor.fails(finding.check);
    let mut findings = examined.iter().flat_map(|(_, seen)| &seen.findings);
    let is_empty = examined.iter().all(|(_, seen)| seen.usage.entries == 0);
    Ok(if findings.any(fails) || doctor.has_failed.get() {
        Exit::No
    } else {
        args.filter.exit(is_empty)
    })
}

/// Returns `None` if pages are damaged, which the examination reports.
fn unless_damaged<T>(read: ecache_core::error::Result<T>) -> Result<Option<T>> {
    match read {
        Err(Error::Damaged { .. }) => Ok(None),
        read => Ok(Some(read?)),
    }
}

struct Doctor<'a> {
    context: &'a Context,
    args: &'a DoctorArgs,
    /// The entries to examine
    filter: Filter,
    backend: &'a dyn Backend,
    live: Option<Live>,
    now: Timestamp,
    /// Leftovers of killed writers and of entries that are gone; they belong to no collection
    abandoned: Usage,
    /// Set once something could not be fixed
    has_failed: Cell<bool>,
}

impl Doctor<'_> {
    /// Returns the collections that were named, or all.
    fn collections(&self) -> Result<BTreeSet<String>> {
        match &self.context.collections {
            Collections::Named(names) => return Ok(names.iter().cloned().collect()),
            Collections::Configured(name) => return Ok(BTreeSet::from([name.clone()])),
            Collections::Default | Collections::All => {}
        }
        let Some(stores) = unless_damaged(self.backend.stores())? else {
            return Ok(BTreeSet::from([DEFAULT_COLLECTION.to_owned()]));
        };
        let names = stores
            .iter()
            .map(|store| store.address.collection.to_string());
        Ok(names.collect())
    }

    fn examine(&self, collection: &str) -> Result<Examination> {
        let live = self.live.as_ref().map(Live::ids);
        let mut bar = self.context.progress("examining", None);
        let examination = examine(
            self.backend,
            collection,
            &self.filter,
            live,
            self.now,
            &mut counting(&mut bar),
        );
        bar.finish();
        Ok(examination?)
    }

    fn fails(&self, check: Check) -> bool {
        let is_named = |choice: &FailOn| match choice {
            FailOn::Any => check.is_fault(),
            FailOn::None => false,
            FailOn::Check(chosen) => *chosen == check,
        };
        if self.args.fail_on.is_empty() {
            check.is_fault()
        } else {
            self.args.fail_on.iter().any(is_named)
        }
    }

    /// Removes the entries of a finding as one operation, as the advised command would, or counts
    /// again.
    fn fix(&self, collection: &str, finding: &Finding, run: Run) -> Result<()> {
        match finding.check.remedy() {
            Remedy::Recount => return self.count_again(finding, run),
            Remedy::Reindex => return self.restore_indexes(collection, finding, run),
            _ => {}
        }
        let meant = self.selection(collection, finding)?;
        let selection = without_running(self.context, &meant)?;
        self.context.note(&format!("{}:", finding.check.id()));
        let (cause, keeping) = match finding.check {
            Check::Expired => (Cause::Expired, Keeping::Forgone),
            Check::Orphaned => (Cause::Orphaned, Keeping::Forgone),
            Check::Damaged => (Cause::Removed, Keeping::Forgone),
            _ => (Cause::Removed, Keeping::Kept),
        };
        let orphans = selection.any_of.first().cloned();
        let documents = orphans.filter(|_| finding.check == Check::Orphaned);
        let documents = documents.map(|orphans| Filter {
            policy: None,
            ..orphans
        });
        let step = Step {
            selection: &selection,
            documents: documents.as_ref(),
            keeping,
            cause,
        };
        remove_logged(self.context, self.backend, &step, run, self.now)?;
        self.fix_documents(finding, run)?;
        let going = Usage::default();
        note_running(self.context, self.backend, &meant, going, self.now)
    }

    /// Counts the use of every limit again.
    fn count_again(&self, finding: &Finding, run: Run) -> Result<()> {
        let id = finding.check.id();
        match run {
            Run::Dry => self
                .context
                .note(&format!("{id}: would recount the entries of all limits")),
            Run::Wet => {
                self.backend.count_limits_again()?;
                self.context
                    .note(&format!("{id}: counted the entries of all limits again"));
            }
        }
        Ok(())
    }

    /// Makes the indexes of a collection that are missing, unless an entry is there several times.
    fn restore_indexes(&self, collection: &str, finding: &Finding, run: Run) -> Result<()> {
        let id = finding.check.id();
        let damage = self.backend.collection_damage(collection)?;
        for damage in &damage {
            if let CollectionDamage::Repeated(address, count) = damage {
                self.has_failed.set(true);
                self.context.warn(&format!(
                    "{id}: the indexes of {collection} cannot be made: {address} is there {count} \
                     times; {} removes all of them",
                    own_command("rm")
                ));
                return Ok(());
            }
        }
        let verb = match run {
            Run::Dry => "would make",
            Run::Wet => {
                self.backend.restore_indexes(collection)?;
                "made"
            }
        };
        let mut told = format!("{id}: {verb} the indexes that FiftyOne makes");
        let expires = |one: &CollectionDamage| matches!(one, CollectionDamage::MissingIndex(field) if field == "expires_at");
        if damage.iter().any(expires) {
            let expired = Filter {
                collections: vec![Pattern::exact(collection)],
                freshness: Some(Freshness::Expired),
                ..Filter::default()
            };
            let expired = self.backend.usage(&expired.into(), self.now)?.entries;
            if expired > 0 {
                told.push_str(&format!(
                    "; by one of them MongoDB removes expired entries, {} now",
                    human::count(expired)
                ));
            }
        }
        self.context.note(&told);
        Ok(())
    }

    /// Removes the damaged documents of stores, unless they were fixed meanwhile.
    fn fix_documents(&self, finding: &Finding, run: Run) -> Result<()> {
        let mut count = 0;
        for document in &finding.documents {
            let read = self.backend.document(&document.store);
            if let Err(Error::DamagedEntry { .. }) = read {
                if run == Run::Wet {
                    self.backend.set_metadata(&document.store, None)?;
                }
                count += 1;
            }
        }
        if count > 0 {
            let word = match run {
                Run::Dry => Verb::REMOVE.would,
                Run::Wet => Verb::REMOVE.done,
            };
            self.context.note(&format!("{word} {}", metadata(count)));
        }
        Ok(())
    }

    /// Returns the entries that fixing removes: those that the advised command does.
    fn selection(&self, collection: &str, finding: &Finding) -> Result<Selection> {
        if finding.check.remedy() == Remedy::ByName {
            return Ok(finding.selection(self.now));
        }
        let here = |filter| Filter {
            collections: vec![Pattern::exact(collection)],
            ..filter
        };
        let advised = || {
            let (_, advised) = self.advice(finding);
            filter(
                self.context,
                &advised,
                DefaultSelection::AnyCollection,
                self.now,
            )
        };
        if finding.check == Check::Expired {
            return Ok(here(advised()?).into());
        }
        // Entries of policy `persist` that have not expired are only removed by name, never here.
        if self.filter.policy == Some(Policy::Persist) {
            return Ok(Selection::default());
        }
        let evictable = |filter| Filter {
            policy: Some(Policy::Evict),
            ..here(filter)
        };
        if finding.check != Check::Orphaned {
            return Ok(evictable(advised()?).into());
        }
        // Entries of a dataset that was created since the examination are not orphans.
        let again = match self.args.live_datasets {
            Some(_) => None,
            None => Live::find(self.context, self.backend, None)?,
        };
        let live = again.as_ref().or(self.live.as_ref());
        let live = live.expect("orphans are told by what lives");
        let datasets = finding.datasets().into_iter().collect();
        let orphans = live.orphans(datasets, &evictable(self.filter.clone()));
        Ok(orphans.map(Selection::from).unwrap_or_default())
    }
}
