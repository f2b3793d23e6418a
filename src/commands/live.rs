//! Which datasets exist: from a list, or from FiftyOne's own database.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ecache_core::backend::{Backend, Dimension};
use ecache_core::filter::{DatasetPattern, Filter};
use ecache_core::location::{self, Access};

use super::request::check_name;
use crate::context::Context;
use crate::error::usage;
use crate::fiftyone;

/// The ids of the datasets that exist.
pub(super) struct Live(HashSet<Arc<str>>);

impl Live {
    /// Reads them from `source`, or else asks the store's own engine; `None` if neither knows.
    ///
    /// A list without any dataset is refused: whatever was to write it failed, or every entry that is linked to
    /// one would be taken for dead.
    pub(super) fn find(
        context: &Context,
        backend: &dyn Backend,
        source: Option<&Path>,
    ) -> Result<Option<Self>> {
        let live = match source {
            None => match backend.datasets()? {
                None => return Ok(None),
                Some(datasets) => datasets.into_iter().map(|dataset| dataset.id).collect(),
            },
            Some(source) if is_database(source) => {
                let place = context.location_of(source)?;
                let known = location::open(place.as_os_str(), Access::Read)?.datasets()?;
                let known = known.ok_or_else(|| {
                    let place = location::shown(place.as_os_str());
                    usage(format!("{place} knows no datasets"))
                })?;
                known.into_iter().map(|dataset| dataset.id).collect()
            }
            Some(list) => {
                let attempt = || format!("cannot read the datasets from {}", list.display());
                let text = match list == OsStr::new("-") {
                    true => {
                        let mut text = String::new();
                        let read = io::stdin().read_to_string(&mut text);
                        read.map(|_| text)
                    }
                    false => std::fs::read_to_string(list),
                };
                parse(&text.with_context(attempt)?).with_context(attempt)?
            }
        };
        match live.is_empty() && source.is_some() {
            true => Err(usage(
                "there is no live dataset: every entry that is linked to one would be taken for dead; `ecache clear --dataset '*' --glob` removes them all",
            )),
            false => Ok(Some(Self(live))),
        }
    }

    /// The datasets as a set of ids.
    pub(super) fn ids(&self) -> &HashSet<Arc<str>> {
        &self.0
    }

    /// Narrows a filter to entries of datasets that do not exist; `None` if there are none.
    pub(super) fn orphans(&self, backend: &dyn Backend, filter: &Filter) -> Result<Option<Filter>> {
        let mut dead = backend.names(Dimension::Dataset)?;
        dead.retain(|dataset| {
            let is_meant = |pattern: &DatasetPattern| pattern.matches(Some(dataset));
            !self.0.contains(dataset)
                && (filter.datasets.is_empty() || filter.datasets.iter().any(is_meant))
        });
        let datasets = dead
            .iter()
            .map(|dataset| DatasetPattern::exact(Some(dataset)))
            .collect();
        // No pattern at all would mean every dataset.
        Ok((!dead.is_empty()).then(|| Filter {
            datasets,
            ..filter.clone()
        }))
    }
}

/// Whether a list of datasets is a database that knows them.
fn is_database(source: &Path) -> bool {
    location::is_url(source.as_os_str()) || source == OsStr::new(fiftyone::NAME)
}

/// One id a line; what follows it, such as a name after a tab, is passed over.
fn parse(text: &str) -> Result<HashSet<Arc<str>>> {
    let mut live = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let Some(id) = line.split_whitespace().next() else {
            continue;
        };
        let attempt = || format!("line {}", index + 1);
        if id.starts_with(['{', '[']) {
            return Err(usage(
                "it is JSON; name one id a line, as `jq -r '._id.\"$oid\"'` does",
            ))
            .with_context(attempt);
        }
        live.insert(check_name("dataset", id).with_context(attempt)?.into());
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
    fn json_is_no_list() {
        let error = parse("a\n{\"_id\": 1}").expect_err("no list");
        assert!(format!("{error:#}").starts_with("line 2: it is JSON"));
    }
}
