//! Entries as rows of a table for people: the columns that `ls`, `top` and dry runs share.

use ecache_core::backend::{Content, Sort};
use ecache_core::entry::{Entry, Policy};
use ecache_core::filter::{Filter, Freshness};
use ecache_core::time::Timestamp;
use ecache_core::value::Kind;

use super::call_text;
use super::fields::Field;
use crate::datasets::Datasets;
use crate::output::{Cell, Column, Left, Mood, Secrets};

/// The content of a column of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Shown {
    Field(Field),
    /// The time since it was written
    Age,
    /// The time since it was first written
    Created,
    /// The time since it was last written or hit
    Unused,
    /// The time that hits saved
    Saved,
    /// A command, a call, or the start of a value
    Call,
}

/// Formats entries for a table.
pub(in crate::commands) struct Listing<'a> {
    shown: Vec<Shown>,
    columns: Vec<Column>,
    datasets: &'a Datasets,
    secrets: Secrets,
    now: Timestamp,
}

/// The kind of entries in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Entries {
    /// Recorded output of commands alone
    Commands,
    Any,
}

impl Entries {
    /// Returns the kind of some entries.
    pub(in crate::commands) fn of<'b>(entries: impl Iterator<Item = &'b Entry>) -> Self {
        let mut kinds = entries.map(|entry| entry.kind);
        if kinds.all(|kind| kind == Kind::Command) {
            Self::Commands
        } else {
            Self::Any
        }
    }
}

impl<'a> Listing<'a> {
    /// Makes a listing with these columns before those that every listing has.
    pub(in crate::commands) fn new(
        shown: Vec<Shown>,
        entries: Entries,
        datasets: &'a Datasets,
        secrets: Secrets,
        now: Timestamp,
    ) -> Self {
        Self {
            columns: shown.iter().map(|shown| column(*shown, entries)).collect(),
            shown,
            datasets,
            secrets,
            now,
        }
    }

    /// Shows all columns, also those that say nothing.
    pub(in crate::commands) fn asking(mut self) -> Self {
        self.columns.iter_mut().for_each(|one| *one = one.asked());
        self
    }

    /// Keeps the columns by which the entries are sorted or selected, at every width. Those that
    /// the listing lacks are added.
    pub(in crate::commands) fn keeping(mut self, kept: &[Shown]) -> Self {
        for shown in kept {
            let place = self.shown.iter().position(|known| known == shown);
            let place = place.unwrap_or_else(|| {
                // Before the expiry and the call, which stand last.
                let is_last =
                    |shown: &Shown| matches!(shown, Shown::Field(Field::ExpiresAt) | Shown::Call);
                let last = self.shown.iter().position(is_last);
                let place = last.unwrap_or(self.shown.len());
                self.shown.insert(place, *shown);
                self.columns.insert(place, column(*shown, Entries::Any));
                place
            });
            self.columns[place] = self.columns[place].kept();
        }
        self
    }

    /// Returns the columns.
    pub(in crate::commands) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the cells of an entry, whose value was read up to `start`.
    pub(in crate::commands) fn cells<'b>(
        &'b self,
        entry: &'b Entry,
        start: Option<&Content>,
    ) -> Vec<Cell<'b>> {
        let shown = self.shown.iter().map(|shown| match shown {
            Shown::Field(Field::ExpiresAt)
                if entry.policy == Policy::Persist && entry.expires_at.is_none() =>
            {
                Cell::from("persist")
            }
            Shown::Field(field) => field.cell(entry, None, self.datasets, self.secrets, self.now),
            Shown::Age => Cell::Time(entry.written_at().as_millis()),
            Shown::Created => Cell::Time(entry.created_at.as_millis()),
            Shown::Unused => Cell::Time(entry.used_at().as_millis()),
            Shown::Saved => match entry.saved_ms {
                0 => Cell::Null,
                saved => Cell::Duration(saved),
            },
            Shown::Call => Cell::from(call_text::text(entry, start, self.secrets)),
        });
        shown.collect()
    }

    /// Returns the look of an entry's row.
    pub(in crate::commands) fn mood(&self, entry: &Entry) -> Mood {
        if entry.is_expired(self.now) {
            Mood::Muted
        } else {
            Mood::Plain
        }
    }
}

/// Returns the column of a content.
fn column(shown: Shown, entries: Entries) -> Column {
    match shown {
        Shown::Field(Field::CostMs) if entries == Entries::Any => Field::CostMs.column().optional(),
        Shown::Field(field) => field.column(),
        Shown::Age => Column::age("updated_at"),
        Shown::Created => Column::age("created_at").titled("CREATED"),
        Shown::Unused => Column::age("last_used_at").titled("UNUSED"),
        Shown::Saved => Column::number("saved_ms"),
        Shown::Call => Column::free("call").titled(match entries {
            Entries::Commands => "COMMAND",
            Entries::Any => "CALL",
        }),
    }
}

/// Returns the columns of the measures by which entries are sorted or selected.
pub(in crate::commands) fn measured(filter: &Filter, sort: Option<Sort>) -> Vec<Shown> {
    let sorted = match sort {
        Some(Sort::Created) => Some(Shown::Created),
        Some(Sort::Updated) => Some(Shown::Age),
        Some(Sort::Expires) => Some(Shown::Field(Field::ExpiresAt)),
        Some(Sort::Used) => Some(Shown::Unused),
        Some(Sort::Size) => Some(Shown::Field(Field::Size)),
        Some(Sort::Hits) => Some(Shown::Field(Field::Hits)),
        Some(Sort::Cost) => Some(Shown::Field(Field::CostMs)),
        Some(Sort::Saved) => Some(Shown::Saved),
        Some(Sort::Waste) => Some(Shown::Unused),
        Some(Sort::Worth) => Some(Shown::Field(Field::Worth)),
        // By key, or by the backend's own order.
        _ => None,
    };
    let is_of_expiry = filter.expires_by.is_some()
        || matches!(
            filter.freshness,
            Some(Freshness::Expired | Freshness::Fresh)
        );
    let selected = [
        (is_of_expiry, Shown::Field(Field::ExpiresAt)),
        (
            filter.written_before.is_some() || filter.written_after.is_some(),
            Shown::Age,
        ),
        (filter.unused_since.is_some(), Shown::Unused),
        (filter.min_hits.is_some(), Shown::Field(Field::Hits)),
        (
            filter.larger_than.is_some() || filter.smaller_than.is_some(),
            Shown::Field(Field::Size),
        ),
        (filter.cost_above.is_some(), Shown::Field(Field::CostMs)),
    ];
    let selected = selected.into_iter().filter(|(is_asked, _)| *is_asked);
    let mut measured = Vec::from_iter(sorted);
    for (_, shown) in selected {
        if !measured.contains(&shown) {
            measured.push(shown);
        }
    }
    measured
}

/// Returns the columns that say whose an entry is.
pub(in crate::commands) fn scopes(datasets: &Datasets) -> Vec<Shown> {
    let dataset = if datasets.have_names() {
        vec![Field::DatasetName, Field::DatasetId]
    } else {
        vec![Field::DatasetId]
    };
    let others = [Field::UserId, Field::OperatorUri, Field::PromptId];
    dataset
        .into_iter()
        .chain(others)
        .map(Shown::Field)
        .collect()
}

/// Returns the columns that a table omitted because every row has the same value, with that value.
pub(in crate::commands) fn shared_by_all(left: &Left) -> String {
    let mut text = String::new();
    let is_named = |name: &str, value: &str| name == "dataset_name" && value != "-";
    let names_dataset = left
        .constants
        .iter()
        .any(|(name, value)| is_named(name, value));
    for (name, value) in &left.constants {
        // The name of a dataset says which it is.
        if *name == "dataset_id" && names_dataset {
            continue;
        }
        text.push_str(&match *name {
            "store_name" => format!(" of {value}"),
            "dataset_id" | "dataset_name" if value == "-" => " of no dataset".to_owned(),
            "dataset_id" | "dataset_name" => format!(" in {value}"),
            _ if value == "-" => continue,
            "collection" | "kind" | "policy" => format!(", {name} {value}"),
            "user_id" => format!(" for {value}"),
            _ => format!(" by {value}"),
        });
    }
    text
}
