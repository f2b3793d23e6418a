//! Prints the findings, for people and for programs.

use std::io::Write;

use anyhow::Result;
use ecache_core::doctor::{Check, Examination, Finding, Growth, Severity};
use ecache_core::filter::{Filter, Pattern, Usage};
use ecache_core::scope::{Address, DEFAULT_COLLECTION};

use super::{Doctor, SKIPPED};
use crate::commands::shared::changes::deletion::{Run, amount, amount_with};
use crate::commands::shared::changes::jobs::find_running;
use crate::commands::shared::view::findings::{FindingsView, Label};
use crate::output::{Cell, Column, Format, human, stdout};

/// Maximum number of entries or stores shown for a finding.
const SAMPLES: usize = 3;

/// Maximum number of the fastest growing stores shown.
const GROWING: usize = 5;

impl Doctor<'_> {
    pub(super) fn report(&self, examined: &[(String, Examination)]) -> Result<()> {
        match self.context.format(self.args.format.chosen()) {
            Format::Table => self.tell(examined),
            format => self.list(format, examined),
        }
    }

    /// Returns FiftyOne's running jobs, which are not trouble, and their size.
    fn running_jobs(&self, collection: &str) -> Result<(Vec<Address>, Usage)> {
        let filter = Filter {
            collections: vec![Pattern::exact(collection)],
            ..self.filter.clone()
        };
        find_running(self.context, self.backend, &filter, self.now)
    }

    /// Prints a few lines for each finding, for people.
    fn tell(&self, examined: &[(String, Examination)]) -> Result<()> {
        let mut view = FindingsView::new(self.context);
        for (collection, examination) in examined {
            self.tell_good(collection, examination, &mut view);
            for finding in &examination.findings {
                let documents = finding.documents.len() as u64;
                let found = amount_with(finding.usage, documents);
                let what = finding.check.explain(finding.usage.entries.max(documents));
                view.finding(
                    Label::Found(finding.check.severity()),
                    &format!("{found} {what}"),
                );
                for sample in samples(finding) {
                    view.sample(&sample);
                }
                view.tip(&self.command(collection, finding, Run::Dry));
            }
            let mut stores = growing(examination).map(growth);
            let mut growing: Vec<String> = stores.by_ref().take(GROWING).collect();
            if !growing.is_empty() {
                let more = stores.count();
                growing.extend((more > 0).then(|| format!("and {more} more")));
                let growing = growing.join(", ");
                view.finding(
                    Label::Found(Severity::Info),
                    &format!("grew in the last day: {growing}"),
                );
            }
            let (jobs, usage) = self.running_jobs(collection)?;
            if !jobs.is_empty() {
                view.finding(
                    Label::Found(Severity::Info),
                    &format!("running jobs: {}", amount(usage)),
                );
                for job in jobs.iter().take(SAMPLES) {
                    view.sample(&job.to_string());
                }
            }
        }
        if self.abandoned.entries > 0 {
            let left = format!("{} can be removed", self.leftovers());
            view.finding(Label::Found(Severity::Info), &left);
            view.tip(&self.prune(Run::Dry));
        }
        if self.live.is_none() {
            view.finding(Label::Skipped, &SKIPPED.replace("skipped; ", ""));
        }
        stdout().write_all(self.context.terminal.text(&view.finish()).as_bytes())?;
        Ok(())
    }

    /// Returns the words for what killed writers and entries that are gone have left.
    pub(super) fn leftovers(&self) -> String {
        let count = self.abandoned.entries;
        let size = human::size(self.abandoned.bytes);
        if self.backend.is_fiftyones() {
            let entries = human::entries(count);
            let are = human::plural(count, "is", "are");
            return format!("metadata ({size}) of {entries} that {are} gone");
        }
        let values = human::counted(count, "value", "values");
        format!("{values} ({size}) left by killed writers")
    }

    /// Says how much of a collection is as it should be.
    fn tell_good(&self, collection: &str, examination: &Examination, view: &mut FindingsView) {
        let found = |check: Check| {
            let mut findings = examination.findings.iter();
            findings.find(move |finding| finding.check == check)
        };
        let damaged = found(Check::Damaged).map_or(0, |finding| finding.usage.entries);
        let all = examination.usage.entries;
        let mut good = format!(
            "{} of {} match, {}",
            human::count(all.saturating_sub(damaged)),
            human::counted(all, "checksum", "checksums"),
            human::counted(examination.growth.len() as u64, "store", "stores"),
        );
        if found(Check::Structure).is_none() && found(Check::MissingIndexes).is_none() {
            good.push_str(", all indexes present");
        }
        if collection != DEFAULT_COLLECTION {
            good = format!("collection {collection}: {good}");
        }
        view.finding(Label::Good, &good);
    }

    /// Prints one row per finding, for programs.
    fn list(&self, format: Format, examined: &[(String, Examination)]) -> Result<()> {
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
        for (collection, examination) in examined {
            let (jobs, usage) = self.running_jobs(collection)?;
            if !jobs.is_empty() {
                let samples: Vec<String> =
                    jobs.iter().take(SAMPLES).map(ToString::to_string).collect();
                rows.row(&[
                    Cell::from("running-jobs"),
                    Cell::from(Severity::Info.as_str()),
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
                    Cell::from(finding.check.severity().as_str()),
                    Cell::from(collection.as_str()),
                    Cell::Count(finding.usage.entries),
                    Cell::Size(finding.usage.bytes),
                    Cell::Json(serde_json::to_string(&samples(finding))?.into()),
                    // Advice that cannot be typed is in the table alone.
                    Cell::from(
                        Some(self.command(collection, finding, Run::Wet))
                            .filter(|command| command.starts_with("ecache ")),
                    ),
                ])?;
            }
            for store in growing(examination) {
                rows.row(&[
                    Cell::from("growth"),
                    Cell::from(Severity::Info.as_str()),
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
                Cell::from(Severity::Info.as_str()),
                Cell::Null,
                Cell::Count(self.abandoned.entries),
                Cell::Size(self.abandoned.bytes),
                Cell::Json("[]".into()),
                Cell::from(self.prune(Run::Wet)),
            ])?;
        }
        rows.finish()?;
        Ok(())
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
    examination.growth.iter().filter(recent)
}

fn growth(store: &Growth) -> String {
    let [recent, all] = [store.recent, store.usage].map(|usage| human::size(usage.bytes));
    let of = if store.recent == store.usage {
        "(all)".to_owned()
    } else {
        format!("of {all}")
    };
    format!("{} {recent} {of}", store.store_name)
}
