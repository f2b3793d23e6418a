//! The existing datasets: from a list, or from FiftyOne's own database.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Dataset, Dimension};
use ecache_core::filter::{DatasetPattern, Filter};
use ecache_core::location::{self, Access};
use ecache_core::scope::is_fiftyone_id;
use ecache_core::typed_name;

use crate::commands::shared::address::resolve::check_name;
use crate::context::Context;
use crate::error::{usage, usage_tip};
use crate::fiftyone;
use crate::output::own_command;
use crate::output::stdin;

/// The ids of the datasets that exist.
pub(in crate::commands) struct Live(HashSet<Arc<str>>);

impl Live {
    /// Reads them from `source`, or else asks the store's own engine; `None` if neither knows.
    ///
    /// Refuses a list that has no id of a dataset with entries: the program that was to write it
    /// may have failed, and every entry linked to a dataset would be an orphan.
    pub(in crate::commands) fn find(
        context: &Context,
        backend: &dyn Backend,
        source: Option<&Path>,
    ) -> Result<Option<Self>> {
        let ids = |known: Vec<Dataset>| known.into_iter().map(|dataset| dataset.id).collect();
        let Some(source) = source else {
            return Ok(backend.datasets()?.map(|known| Self(ids(known))));
        };
        let live: HashSet<Arc<str>> = if is_server(source) {
            let place = context.location_of(source)?;
            let known = location::open(place.as_os_str(), Access::Read)?.datasets()?;
            let known = known.ok_or_else(|| {
                let place = location::shown(place.as_os_str());
                usage(format!("{place} knows no datasets"))
            })?;
            ids(known)
        } else {
            let attempt = || format!("cannot read the datasets from {}", source.display());
            let text = if source == OsStr::new("-") {
                io::read_to_string(stdin())
            } else {
                std::fs::read_to_string(source)
            };
            parse(&text.with_context(attempt)?).with_context(attempt)?
        };
        let linked = backend.names(Dimension::Dataset)?;
        if !linked.is_empty() && !linked.iter().any(|dataset| live.contains(dataset)) {
            return Err(usage_tip(
                format!(
                    "none of the {} live datasets has entries here, so every dataset would be taken for deleted",
                    live.len()
                ),
                format!(
                    "{} says what clearing all datasets would remove",
                    own_command("clear --dataset '*' --glob -n")
                ),
            ));
        }
        Ok(Some(Self(live)))
    }

    /// Returns the error for a store whose datasets neither a list nor the engine knows.
    pub(in crate::commands) fn unknown() -> anyhow::Error {
        usage_tip(
            "it is not known which datasets exist",
            "name a file with their ids, one a line, with --live-datasets",
        )
    }

    /// Returns the ids of the datasets.
    pub(in crate::commands) fn ids(&self) -> &HashSet<Arc<str>> {
        &self.0
    }

    /// Narrows a filter to entries whose dataset no longer exists; `None` if all exist.
    ///
    /// List the datasets of the entries before asking which exist, so that one that is created in
    /// between is not an orphan.
    pub(in crate::commands) fn orphans(
        &self,
        mut datasets: Vec<Arc<str>>,
        filter: &Filter,
    ) -> Option<Filter> {
        datasets.retain(|dataset| {
            let is_meant = |pattern: &DatasetPattern| pattern.matches(Some(dataset));
            // A dataset's id is an ObjectId: nothing of another type was ever deleted.
            !typed_name::is_typed_dataset(dataset)
                && !self.0.contains(dataset)
                && (filter.datasets.is_empty() || filter.datasets.iter().any(is_meant))
        });
        // No pattern at all would mean every dataset.
        (!datasets.is_empty()).then(|| Filter {
            datasets: datasets
                .iter()
                .map(|dataset| DatasetPattern::exact(Some(dataset)))
                .collect(),
            ..filter.clone()
        })
    }
}

/// Reports whether the datasets are to be read from a database, not from a list.
fn is_server(source: &Path) -> bool {
    location::is_url(source.as_os_str()) || source == OsStr::new(fiftyone::NAME)
}

/// Reads one id per line. The rest of a line, such as a name after a tab, is ignored.
fn parse(text: &str) -> Result<HashSet<Arc<str>>> {
    let mut live: HashSet<Arc<str>> = HashSet::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let Some(id) = line.split_whitespace().next() else {
            continue;
        };
        let attempt = || format!("line {}", index + 1);
        if id.contains(['{', '[', '(', '"', '\'']) {
            return Err(usage_tip(
                "it is more than an id",
                "name one a line, as jq -r '._id.\"$oid\"' prints them",
            ))
            .with_context(attempt);
        }
        live.insert(check_name("dataset", id).with_context(attempt)?.into());
    }
    if live.is_empty() {
        return Err(usage("there is no dataset in it"));
    }
    // Among ids, another text is a name, or an id that was cut off.
    if live.iter().any(|id| is_fiftyone_id(id))
        && let Some(other) = live.iter().find(|id| !is_fiftyone_id(id))
    {
        return Err(usage(format!(
            "{other:?} is not an id of 24 hex digits, as others are"
        )));
    }
    Ok(live)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_id_a_line() {
        let live = parse("a\tquickstart\n\n  b  \r\nc").expect("a list");
        let mut ids: Vec<&str> = live.iter().map(|id| &**id).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    #[test]
    fn lines_that_are_not_ids_are_refused() {
        let id = "6b03de1228195dbc2df5c505";
        for (list, problem) in [
            (
                "a\n{\"_id\": 1}".to_owned(),
                "line 2: it is more than an id",
            ),
            (format!("\"{id}\""), "line 1: it is more than an id"),
            (format!("ObjectId('{id}')"), "line 1: it is more than an id"),
            (format!("{id}\nquickstart"), "\"quickstart\" is not an id"),
            (
                format!("{id}\n{}", &id[..20]),
                "\"6b03de1228195dbc2df5\" is not an id",
            ),
            (
                format!("{id}\n{}", id.to_uppercase()),
                "\"6B03DE1228195DBC2DF5C505\" is not an id",
            ),
            ("\n".to_owned(), "there is no dataset"),
        ] {
            let error = parse(&list).expect_err("no list");
            let error = format!("{error:#}");
            assert!(error.starts_with(problem), "{error}");
        }
        assert!(
            parse(&format!("\u{feff}{id}\n"))
                .expect("a list")
                .contains(id)
        );
    }
}
