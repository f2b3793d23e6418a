//! Gives the entries of one dataset to another one, as FiftyOne does for a clone.
//!
//! Like FiftyOne's `store/clone.py`, this replaces the old dataset's id where it is the whole key,
//! a whole text or an ObjectId in the value, or a name in one of its dicts. A value is changed in
//! its text, so that everything else in it stays as it was written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::Record;
use crate::key::Key;
use crate::scope::{FIFTYONE_ID_LENGTH, StoreAddress, is_fiftyone_id};
use crate::value::Kind;

/// The dataset to which the entries of each dataset go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap {
    datasets: HashMap<Arc<str>, Arc<str>>,
}

impl Remap {
    /// Sends the entries of dataset `from` to dataset `to`. Reports whether `from` had no other
    /// place to go.
    pub fn insert(&mut self, from: Arc<str>, to: Arc<str>) -> bool {
        self.datasets.insert(from, to).is_none()
    }

    /// Returns the datasets whose entries go elsewhere.
    pub fn sources(&self) -> impl Iterator<Item = &Arc<str>> {
        self.datasets.keys()
    }

    /// Reports whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty()
    }

    /// Reports whether the entries of one dataset go to another whose entries go elsewhere.
    #[must_use]
    pub fn is_chained(&self) -> bool {
        self.datasets
            .values()
            .any(|to| self.datasets.contains_key(to))
    }

    /// Changes the dataset of a record, and the ids of datasets in its key and value.
    ///
    /// Arguments stay as they were recorded: the key of a call is made of them.
    pub fn apply(&self, record: &mut Record) {
        let store = match record {
            Record::Entry(entry, value) => {
                if let Some(id) = self.id(entry.address.key.as_str().as_bytes()) {
                    entry.address.key = Key::new(id).expect("an id is a valid key");
                }
                if self.apply_to_value(entry.kind, value) {
                    entry.size = value.len() as u64;
                }
                &mut entry.address.store
            }
            Record::Store(store) => {
                let metadata = store.metadata.as_mut();
                if let Some(metadata) = metadata
                    && let Some(text) = self.replaced(metadata.value.as_bytes())
                {
                    metadata.value = String::from_utf8(text).expect("ids are ASCII");
                }
                &mut store.address
            }
        };
        if let Some(to) = store
            .dataset_id
            .as_ref()
            .and_then(|id| self.datasets.get(id))
        {
            *store = Arc::new(StoreAddress {
                dataset_id: Some(to.clone()),
                ..(**store).clone()
            });
        }
    }

    /// Replaces ids in a value. Reports whether there were any.
    fn apply_to_value(&self, kind: Kind, value: &mut Vec<u8>) -> bool {
        let replaced = match kind {
            Kind::Text => self.id(value).map(|id| id.as_bytes().to_vec()),
            Kind::Json => self.replaced(value),
            Kind::Bytes | Kind::Command => None,
        };
        replaced.is_some_and(|replaced| {
            *value = replaced;
            true
        })
    }

    /// Returns the id that takes the place of a text, if that is the id of a dataset that goes
    /// elsewhere. Only ids of FiftyOne's form are replaced.
    fn id(&self, text: &[u8]) -> Option<&str> {
        let text = std::str::from_utf8(text).ok()?;
        is_fiftyone_id(text)
            .then(|| self.datasets.get(text))
            .flatten()
            .map(|id| &**id)
    }

    /// Returns JSON text with ids replaced, where they are whole strings; `None` if there are none.
    fn replaced(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(quote) = text[at..].iter().position(|byte| *byte == b'"') {
            let start = at + quote + 1;
            at = start;
            // Within a string, a quote follows a backslash.
            if start >= 2 && text[start - 2] == b'\\'
                || text.get(start + FIFTYONE_ID_LENGTH) != Some(&b'"')
            {
                continue;
            }
            if let Some(id) = self.id(&text[start..start + FIFTYONE_ID_LENGTH]) {
                out.extend_from_slice(&text[copied..start]);
                out.extend_from_slice(id.as_bytes());
                copied = start + FIFTYONE_ID_LENGTH;
                at = copied + 1;
            }
        }
        (copied > 0).then(|| {
            out.extend_from_slice(&text[copied..]);
            out
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);
    const OLD: &str = "6b03de1228195dbc2df5c505";
    const NEW: &str = "6b03de1228195dbc2df5c682";
    const OTHER: &str = "6b03de1228195dbc2df5c999";

    fn entry(dataset: Option<&str>, key: &str, kind: Kind, value: &str) -> Record {
        let mut store = StoreAddress::new("s");
        if let Some(dataset) = dataset {
            store = store.with_dataset(dataset);
        }
        let mut entry = Entry::new(store.entry(Key::new(key).expect("a valid key")), kind, NOW);
        entry.size = value.len() as u64;
        Record::Entry(Box::new(entry), value.into())
    }

    fn remap() -> Remap {
        let mut remap = Remap::default();
        assert!(remap.insert(OLD.into(), NEW.into()));
        assert!(!remap.clone().insert(OLD.into(), OTHER.into()));
        remap
    }

    #[test]
    fn a_dataset_is_remapped_and_what_has_none_stays() {
        let mut linked = entry(Some(OLD), "a", Kind::Text, "1");
        remap().apply(&mut linked);
        assert_eq!(linked, entry(Some(NEW), "a", Kind::Text, "1"));
        let mut unlinked = entry(None, "a", Kind::Text, "1");
        remap().apply(&mut unlinked);
        assert_eq!(unlinked, entry(None, "a", Kind::Text, "1"));
    }

    #[test]
    fn a_key_is_remapped_if_it_is_the_id() {
        let mut whole = entry(Some(OLD), OLD, Kind::Text, "1");
        remap().apply(&mut whole);
        assert_eq!(whole, entry(Some(NEW), NEW, Kind::Text, "1"));
        let part = format!("run:{OLD}");
        let mut record = entry(Some(OLD), &part, Kind::Text, "1");
        remap().apply(&mut record);
        assert_eq!(record, entry(Some(NEW), &part, Kind::Text, "1"));
    }

    #[test]
    fn an_id_is_remapped_wherever_it_is_a_whole_text_or_name_of_a_value() {
        for (kind, before, after) in [
            (Kind::Text, "OLD", "NEW"),
            (Kind::Text, "OLD ", "OLD "),
            (Kind::Json, r#""OLD""#, r#""NEW""#),
            (
                Kind::Json,
                r#"{"OLD": {"$oid": "OLD"}}"#,
                r#"{"NEW": {"$oid": "NEW"}}"#,
            ),
            (
                Kind::Json,
                r#"[1.50, "OLD","OLD" , ["OLDER", "OLD", 1e3]]"#,
                r#"[1.50, "NEW","NEW" , ["OLDER", "NEW", 1e3]]"#,
            ),
            (
                Kind::Json,
                r#"["/data/OLD/x", "x OLD"]"#,
                r#"["/data/OLD/x", "x OLD"]"#,
            ),
            (
                Kind::Json,
                r#"["say \"OLD\"", "\"OLD"]"#,
                r#"["say \"OLD\"", "\"OLD"]"#,
            ),
            (Kind::Json, r#"["\\", "OLD"]"#, r#"["\\", "NEW"]"#),
            (Kind::Bytes, r#""OLD""#, r#""OLD""#),
            (Kind::Command, r#""OLD""#, r#""OLD""#),
        ] {
            let spelled = |text: &str| text.replace("OLD", OLD).replace("NEW", NEW);
            let mut record = entry(Some(OLD), "k", kind, &spelled(before));
            remap().apply(&mut record);
            assert_eq!(
                record,
                entry(Some(NEW), "k", kind, &spelled(after)),
                "{before}"
            );
        }
    }

    #[test]
    fn datasets_can_be_swapped() {
        let mut remap = remap();
        remap.insert(NEW.into(), OLD.into());
        assert!(remap.is_chained());
        let text = |one: &str, two: &str| format!(r#"["{one}", "{two}", "{OTHER}"]"#);
        let mut record = entry(Some(OLD), "k", Kind::Json, &text(OLD, NEW));
        remap.apply(&mut record);
        assert_eq!(record, entry(Some(NEW), "k", Kind::Json, &text(NEW, OLD)));
    }

    #[test]
    fn a_name_that_is_no_id_is_replaced_in_the_address_alone() {
        let mut remap = Remap::default();
        remap.insert("a".into(), "bb".into());
        let mut record = entry(Some("a"), "a", Kind::Json, r#"["a"]"#);
        remap.apply(&mut record);
        assert_eq!(record, entry(Some("bb"), "a", Kind::Json, r#"["a"]"#));
    }
}
