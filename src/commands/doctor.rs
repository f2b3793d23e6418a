//! `ecache doctor`: finds problems in the content of a store, advises commands, and mends them.

use std::collections::BTreeSet;
use std::io::{LineWriter, Write};

use anyhow::{Result, anyhow};
use ecache_core::backend::Backend;
use ecache_core::doctor::{Check, Examination, Finding, Growth, NEAR_LIMIT, examine};
use ecache_core::entry::Policy;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Freshness, Pattern, Selection, Usage};
use ecache_core::scope::{Address, DEFAULT_COLLECTION};
use ecache_core::time::Timestamp;

use super::shared::deletion::{
    Run, amount, amount_with, counting, entries, open, remove_documents, remove_with,
};
use super::shared::filter::{Unless, filter, note_unknown_names};
use super::shared::jobs::find_running;
use super::shared::live_datasets::Live;
use crate::cli::filter::{FilterArgs, PolicyChoice, StoreNames};
use crate::cli::{DoctorArgs, FailOn, Fix};
use crate::context::{Collections, Context};
use crate::error::Exit;
use crate::output::escape::{for_line, shell};
use crate::output::{Cell, Column, Format, human, stdout};

/// Maximum number of entries or stores shown for a finding.
const SAMPLES: usize = 3;

/// Maximum number of the fastest growing stores shown.
const GROWING: usize = 5;

pub(crate) fn run(context: &Context, args: DoctorArgs) -> Result<Exit> {
    let now = context.now();
    let run = Run::from(args.dry_run);
    let filter = filter(context, &args.filter, Unless::AnyCollection, now)?;
    let backend = if args.fix.is_empty() {
        context.reader()?
    } else {
        open(context, run)?
    };
    if !context.has_store()? {
        let (place, _) = context.location()?;
        return Err(anyhow!("there is no store at {}", place.display()));
    }
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
    if live.is_none() {
        context.note("skipped  orphaned: say which datasets exist with --live-datasets FILE");
    }
    let doctor = Doctor {
        context,
        args: &args,
        filter,
        backend: backend.as_ref(),
        live,
        now,
        abandoned: backend.describe()?.unnamed.abandoned,
    };
    let mut patients = Vec::new();
    for collection in doctor.collections()? {
        let mut examination = doctor.examine(&collection)?;
        let is_meant = |finding: &&Finding| args.fix.iter().any(|fix| fix.includes(finding.check));
        let mut is_mended = false;
        for finding in examination.findings.iter().filter(is_meant) {
            doctor.mend(&collection, finding, run)?;
            is_mended |= run == Run::Wet;
        }
        if is_mended {
            examination = doctor.examine(&collection)?;
        }
        patients.push((collection, examination));
    }
    doctor.report(&patients)?;
    let fails = |finding: &Finding| doctor.fails(finding.check);
    let mut findings = patients.iter().flat_map(|(_, seen)| &seen.findings);
    Ok(if findings.any(fails) {
        Exit::No
    } else {
        Exit::Done
    })
}

struct Doctor<'a> {
    context: &'a Context,
    args: &'a DoctorArgs,
    /// The entries to examine
    filter: Filter,
    backend: &'a dyn Backend,
    live: Option<Live>,
    now: Timestamp,
    /// Large values left behind by killed writers; they belong to no collection
    abandoned: Usage,
}

impl Doctor<'_> {
    /// Returns the collections that were named, or all.
    fn collections(&self) -> Result<BTreeSet<String>> {
        if let Collections::Named(names) = &self.context.collections {
            return Ok(names.iter().cloned().collect());
        }
        let stores = self.backend.stores()?;
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

    /// Removes the entries of a finding, as the advised command would.
    fn mend(&self, collection: &str, finding: &Finding, run: Run) -> Result<()> {
        let selection = self.selection(collection, finding)?;
        self.context.note(&format!("{}:", finding.check.id()));
        let documents = || self.mend_documents(finding, &selection, run);
        remove_with(
            self.context,
            self.backend,
            &selection,
            run,
            self.now,
            documents,
        )?;
        Ok(())
    }

    /// Removes the stores' own documents of a finding, unless they were mended meanwhile.
    fn mend_documents(&self, finding: &Finding, selection: &Selection, run: Run) -> Result<u64> {
        let mut count = 0;
        match finding.check {
            Check::Orphaned => {
                for orphans in &selection.any_of {
                    let whatever_policy = Filter {
                        policy: None,
                        ..orphans.clone()
                    };
                    count += remove_documents(self.backend, &whatever_policy, run)?;
                }
            }
            _ => {
                for document in &finding.documents {
                    if let Err(Error::DamagedEntry { .. }) = self.backend.document(&document.store)
                    {
                        if run == Run::Wet {
                            self.backend.set_metadata(&document.store, None)?;
                        }
                        count += 1;
                    }
                }
            }
        }
        Ok(count)
    }

    /// Returns the entries that mending removes, the same as [`Doctor::command`] does.
    fn selection(&self, collection: &str, finding: &Finding) -> Result<Selection> {
        let any = Filter {
            collections: vec![Pattern::exact(collection)],
            ..self.filter.clone()
        };
        // Entries of policy `persist` are only removed by name, never here.
        let removes_by_name = matches!(finding.check, Check::Damaged | Check::Unreadable);
        if self.filter.policy == Some(Policy::Persist) && !removes_by_name {
            return Ok(Selection::default());
        }
        let evictable = Filter {
            policy: Some(Policy::Evict),
            ..any
        };
        let endless = Filter {
            freshness: Some(Freshness::Endless),
            ..evictable.clone()
        };
        // The filter's own names narrow it further.
        let every = |named: &[Pattern]| {
            if named.is_empty() {
                Pattern::glob("*").map(|glob| vec![glob])
            } else {
                Ok(named.to_vec())
            }
        };
        let filter = match finding.check {
            Check::Damaged | Check::Unreadable => return Ok(finding.selection(self.now)),
            Check::Orphaned => {
                let datasets = finding.datasets();
                // Entries of a dataset that was created since the examination are no orphans.
                let again = match self.args.live_datasets {
                    Some(_) => None,
                    None => Live::find(self.context, self.backend, None)?,
                };
                let live = again.as_ref().or(self.live.as_ref());
                let live = live.expect("orphans are told by what lives");
                let orphans = live.orphans(datasets.into_iter().collect(), &evictable);
                return Ok(orphans.map(Selection::from).unwrap_or_default());
            }
            Check::Expired => Filter {
                freshness: Some(Freshness::Expired),
                ..evictable
            },
            Check::EndlessPrompts => Filter {
                prompts: every(&endless.prompts)?,
                ..endless
            },
            Check::EndlessUsers => Filter {
                users: every(&endless.users)?,
                ..endless
            },
            Check::SharedStores
            | Check::OldVersions
            | Check::NearLimit
            | Check::PersistExpiry
            | Check::Structure
            | Check::MissingIndexes
            | Check::Foreign => {
                unreachable!("{:?} is not mendable", finding.check)
            }
        };
        Ok(filter.into())
    }

    /// Returns the command that mends it, or the first of them, or what to do instead.
    fn command(&self, collection: &str, finding: &Finding) -> String {
        // Entries that pruning and clearing leave in place.
        let is_persistent = finding.persistent == finding.usage.entries;
        let typed = &self.args.filter;
        let any_policy = is_persistent.then_some(PolicyChoice::Any).or(typed.policy);
        let (verb, filter) = match finding.check {
            Check::Damaged | Check::Unreadable => {
                let verb = format!("doctor --fix {}", finding.check.id());
                (verb, typed.clone())
            }
            Check::Orphaned if is_persistent && finding.usage.entries > 0 => {
                let datasets = finding.datasets().into_iter();
                let filter = FilterArgs {
                    dataset: datasets.map(|id| typed.spelled(&id)).collect(),
                    policy: any_policy,
                    ..typed.clone()
                };
                ("clear".to_owned(), filter)
            }
            Check::Orphaned => {
                let verb = match &self.args.live_datasets {
                    Some(list) => format!(
                        "prune --orphaned --live-datasets {}",
                        shell(&list.to_string_lossy())
                    ),
                    None => "prune --orphaned".to_owned(),
                };
                (verb, typed.clone())
            }
            Check::Expired => {
                let filter = FilterArgs {
                    expired: true,
                    policy: any_policy,
                    ..typed.clone()
                };
                ("prune".to_owned(), filter)
            }
            Check::EndlessPrompts => {
                let mut filter = endless(typed);
                if filter.prompt.is_empty() {
                    filter.prompt = vec!["*".to_owned()];
                }
                ("clear".to_owned(), filter)
            }
            Check::EndlessUsers => {
                let mut filter = endless(typed);
                if filter.user.is_empty() {
                    filter.user = vec!["*".to_owned()];
                }
                ("clear".to_owned(), filter)
            }
            Check::OldVersions => {
                let stores = finding.stores.iter();
                let filter = FilterArgs {
                    store: stores.map(|name| typed.spelled(name)).collect(),
                    policy: any_policy,
                    ..typed.clone()
                };
                ("clear".to_owned(), filter)
            }
            Check::SharedStores => {
                return "give each function a store_name of its own".to_owned();
            }
            Check::NearLimit => {
                let filter = FilterArgs {
                    larger_than: typed.larger_than.max(Some(NEAR_LIMIT - 1)),
                    ..typed.clone()
                };
                ("ls".to_owned(), filter)
            }
            Check::PersistExpiry => match finding.entries.first() {
                Some(entry) => {
                    let filter = FilterArgs {
                        store: StoreNames(vec![entry.store.store_name.to_string()]),
                        key: vec![entry.key.as_str().to_owned()],
                        ..FilterArgs::default()
                    };
                    ("touch --policy evict".to_owned(), filter)
                }
                None => ("ls".to_owned(), typed.clone()),
            },
            Check::Structure => {
                let save = self.line(collection, "export --output FILE");
                let clear = self.line(collection, "clear --all --policy any");
                return format!("{save}; {clear}; {}", self.line(collection, "import FILE"));
            }
            Check::Foreign => {
                return "nothing is to be done: they stay as they are".to_owned();
            }
            Check::MissingIndexes => {
                return "let FiftyOne open the store: it makes them".to_owned();
            }
        };
        self.line(collection, &format!("{verb}{}", filter.words(shell)))
    }

    /// Returns a command for the same store and collection.
    fn line(&self, collection: &str, what: &str) -> String {
        let mut line = format!("ecache {what}");
        if let Some((option, typed)) = self.context.typed_location() {
            line.push_str(&format!(" {option} {}", shell(&typed.to_string_lossy())));
        }
        let is_named = matches!(self.context.collections, Collections::Named(_));
        if collection != DEFAULT_COLLECTION || is_named {
            line.push_str(&format!(" --collection {}", shell(collection)));
        }
        line
    }

    fn report(&self, patients: &[(String, Examination)]) -> Result<()> {
        match self.context.format(self.args.format) {
            Format::Table => self.tell(patients),
            format => self.list(format, patients),
        }
    }

    /// Returns FiftyOne's running jobs, which are no trouble, and their size.
    fn running_jobs(&self, collection: &str) -> Result<(Vec<Address>, Usage)> {
        let filter = Filter {
            collections: vec![Pattern::exact(collection)],
            ..self.filter.clone()
        };
        find_running(self.context, self.backend, &filter, self.now)
    }

    /// Prints a few lines for each finding, for people.
    fn tell(&self, patients: &[(String, Examination)]) -> Result<()> {
        let mut out = LineWriter::new(stdout());
        let mut count = 0;
        for (collection, examination) in patients {
            count += examination.usage.entries;
            for finding in &examination.findings {
                let id = finding.check.id();
                let what = finding.check.explain();
                let found = amount_with(finding.usage, finding.documents.len() as u64);
                writeln!(out, "{id}: {found} {what}")?;
                for sample in samples(finding) {
                    writeln!(out, "    {}", for_line(&sample))?;
                }
                writeln!(out, "  {}", for_line(&self.command(collection, finding)))?;
            }
            let growing: Vec<String> = growing(examination).map(growth).collect();
            if !growing.is_empty() {
                let growing = growing.join(", ");
                writeln!(out, "written within a day: {}", for_line(&growing))?;
            }
            let (jobs, usage) = self.running_jobs(collection)?;
            if !jobs.is_empty() {
                writeln!(out, "running jobs: {}", amount(usage))?;
                for job in jobs.iter().take(SAMPLES) {
                    writeln!(out, "    {}", for_line(&job.to_string()))?;
                }
            }
        }
        if self.abandoned.entries > 0 {
            let (values, size) = (self.abandoned.entries, human::size(self.abandoned.bytes));
            writeln!(
                out,
                "abandoned: {values} values ({size}) whose writers were killed"
            )?;
            writeln!(out, "  {}", for_line(&self.prune()))?;
        }
        let mut findings = patients.iter().flat_map(|(_, seen)| &seen.findings);
        if !findings.any(|finding| finding.check.is_fault()) {
            writeln!(out, "nothing is wrong with {}", entries(count))?;
        }
        Ok(())
    }

    /// Prints one row per finding, for programs.
    fn list(&self, format: Format, patients: &[(String, Examination)]) -> Result<()> {
        let columns = [
            Column::whole("check"),
            Column::whole("severity"),
            Column::text("collection"),
            Column::number("entries"),
            Column::number("size"),
            Column::text("samples"),
            Column::text("command"),
        ];
        let mut rows = self.context.rows(format, &columns)?;
        for (collection, examination) in patients {
            let (jobs, usage) = self.running_jobs(collection)?;
            if !jobs.is_empty() {
                let samples: Vec<String> =
                    jobs.iter().take(SAMPLES).map(ToString::to_string).collect();
                rows.row(&[
                    Cell::from("running-jobs"),
                    Cell::from("info"),
                    Cell::from(collection.as_str()),
                    Cell::Count(usage.entries),
                    Cell::Size(usage.bytes),
                    Cell::Json(serde_json::to_string(&samples)?.into()),
                    Cell::from(self.line(collection, "ls --kind job")),
                ])?;
            }
            for finding in &examination.findings {
                rows.row(&[
                    Cell::from(finding.check.id()),
                    Cell::from(match finding.check {
                        Check::Damaged | Check::Structure | Check::Unreadable => "error",
                        Check::Foreign => "info",
                        _ => "warning",
                    }),
                    Cell::from(collection.as_str()),
                    Cell::Count(finding.usage.entries),
                    Cell::Size(finding.usage.bytes),
                    Cell::Json(serde_json::to_string(&samples(finding))?.into()),
                    Cell::from(self.command(collection, finding)),
                ])?;
            }
            for store in growing(examination) {
                rows.row(&[
                    Cell::from("growth"),
                    Cell::from("info"),
                    Cell::from(collection.as_str()),
                    Cell::Count(store.recent.entries),
                    Cell::Size(store.recent.bytes),
                    Cell::Json(serde_json::to_string(&[&*store.store_name])?.into()),
                    Cell::from(self.stats(collection)),
                ])?;
            }
        }
        if self.abandoned.entries > 0 {
            rows.row(&[
                Cell::from("abandoned"),
                Cell::from("info"),
                Cell::Null,
                Cell::Count(self.abandoned.entries),
                Cell::Size(self.abandoned.bytes),
                Cell::Json("[]".into()),
                Cell::from(self.prune()),
            ])?;
        }
        rows.finish()?;
        Ok(())
    }

    /// Returns the command that shows the growth of stores.
    fn stats(&self, collection: &str) -> String {
        let typed = FilterArgs {
            newer_than: None,
            ..self.args.filter.clone()
        };
        let what = format!("stats --newer-than 1d{}", typed.words(shell));
        self.line(collection, &what)
    }

    /// Returns the command that removes the values of killed writers.
    fn prune(&self) -> String {
        self.line(self.context.usual_collection(), "prune --expired")
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

/// Returns the first few reasons of a finding, or else its first few entries and stores.
fn samples(finding: &Finding) -> Vec<String> {
    if finding.reasons.is_empty() {
        let found = finding.entries.iter().chain(&finding.documents);
        found.take(SAMPLES).map(ToString::to_string).collect()
    } else {
        finding.reasons.iter().take(SAMPLES).cloned().collect()
    }
}

fn growing(examination: &Examination) -> impl Iterator<Item = &Growth> {
    let recent = |store: &&Growth| store.recent.entries > 0;
    examination.growth.iter().filter(recent).take(GROWING)
}

fn growth(store: &Growth) -> String {
    format!(
        "{} {} of {}",
        store.store_name,
        human::size(store.recent.bytes),
        human::size(store.usage.bytes)
    )
}
