//! Counts entries, and sums them up by group.

use super::MongoBackend;
use super::chosen::{Chosen, one};
use crate::backend::{CountBackend, Dimension, Group, Grouping, Spread};
use crate::error::Result;
use crate::filter::{Filter, Selection, Usage};
use crate::time::Timestamp;

impl CountBackend for MongoBackend {
    fn usage(&self, selection: &Selection, now: Timestamp) -> Result<Usage> {
        let chosen = Chosen::new(self, selection, now)?;
        let mut usage = Usage::default();
        for index in 0..chosen.judge.filters().len() {
            for listed in chosen.first_meant_by(index)? {
                usage += one(listed?.entry.size);
            }
        }
        for meant in chosen.beyond()? {
            usage += one(meant.size);
        }
        Ok(usage)
    }

    fn groups_with_spread(
        &self,
        filter: &Filter,
        by: Dimension,
        now: Timestamp,
        spread: &mut Spread,
    ) -> Result<Vec<Group>> {
        let mut grouping = Grouping::new(by, now, spread);
        for listed in self.entries(filter, now, None)? {
            grouping.add(&listed?.entry);
        }
        Ok(grouping.into_groups())
    }
}
