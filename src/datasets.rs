//! The datasets that live beside a store, by name and by id.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Result;
use ecache_core::backend::Dataset;
use ecache_core::glob::Glob;
use ecache_core::scope::is_fiftyone_id;
use ecache_core::typed_name;

use crate::error::usage_tip;
use crate::near_names::did_you_mean;

/// The names of datasets.
#[derive(Default)]
pub(crate) struct Datasets {
    /// By id; `None` for a store in a file
    known: Option<HashMap<Arc<str>, String>>,
    /// Ids by the names that the user's settings give them, where no database knows names
    named: BTreeMap<String, String>,
    /// These names are shown unasked, as settings are on a terminal alone
    shows_named: bool,
}

impl Datasets {
    /// Takes the datasets that a database knows, or else the names in the user's settings.
    pub(crate) fn new(
        known: Option<Vec<Dataset>>,
        named: BTreeMap<String, String>,
        shows_named: bool,
    ) -> Self {
        let by_id = |known: Vec<Dataset>| {
            let pairs = known.into_iter().map(|dataset| (dataset.id, dataset.name));
            pairs.collect()
        };
        Self {
            known: known.map(by_id),
            named,
            shows_named,
        }
    }

    /// Reports whether names are known.
    pub(crate) fn are_known(&self) -> bool {
        self.known.is_some()
    }

    /// Reports whether some dataset has a name that is shown unasked.
    pub(crate) fn have_names(&self) -> bool {
        self.are_known() || self.shows_named && !self.named.is_empty()
    }

    /// Returns the name of a dataset that exists.
    pub(crate) fn name(&self, id: Option<&str>) -> Option<&str> {
        let id = id?;
        match &self.known {
            Some(known) => known.get(id).map(String::as_str),
            None => {
                let named = self.named.iter().find(|(_, named)| *named == id);
                named.map(|(name, _)| name.as_str())
            }
        }
    }

    /// Returns the id of a dataset that was named by its id or its name.
    ///
    /// # Errors
    /// Fails if names are known, and none is that.
    pub(crate) fn id(&self, named: &str) -> Result<Arc<str>> {
        let Some(known) = &self.known else {
            return Ok(self.named.get(named).map_or(named, String::as_str).into());
        };
        let found = known.iter().find(|(_, name)| *name == named);
        found.map(|(id, _)| id.clone()).ok_or_else(|| {
            let near = did_you_mean(named, &Vec::from_iter(self.names()));
            usage_tip(
                format!("there is no dataset {named:.80?}"),
                near.unwrap_or_else(|| "a deleted one is named by its id".to_owned()),
            )
        })
    }

    /// Returns the names of all datasets.
    pub(crate) fn names(&self) -> impl Iterator<Item = Arc<str>> {
        let known = self.known.iter().flat_map(HashMap::values);
        known
            .chain(self.named.keys())
            .map(|name| name.as_str().into())
    }

    /// Returns the ids of all datasets whose names match.
    pub(crate) fn matching(&self, pattern: &Glob) -> Vec<Arc<str>> {
        let known = self.known.iter().flatten();
        let known = known.map(|(id, name)| (name, id.clone()));
        let named = self
            .named
            .iter()
            .map(|(name, id)| (name, id.as_str().into()));
        let matching = known.chain(named).filter(|(name, _)| pattern.matches(name));
        matching.map(|(_, id)| id).collect()
    }
}

/// Returns the id of a dataset that was named by its id or its name.
pub(crate) fn dataset_id(named: &str, datasets: &dyn Fn() -> Result<Datasets>) -> Result<Arc<str>> {
    // One of another type has no name.
    if is_fiftyone_id(named) || named.starts_with(typed_name::PREFIX) {
        return Ok(named.into());
    }
    datasets()?.id(named)
}
