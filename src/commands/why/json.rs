//! The explanation as JSON.

use ecache_core::backend::{Cause, Fate, OperationRecord};
use ecache_core::command::Outputs;
use ecache_core::entry::Entry;
use ecache_core::explain::{Difference, Explanation, Missing};
use ecache_core::python_json::Json;
use serde_json::{Value, json};

use super::reason::Reason;
use super::{Sides, View};

impl View<'_> {
    pub(super) fn json(&self, explanation: &Explanation) -> Value {
        let store = &self.question.address.store;
        let reason = Reason::of(self, explanation);
        let entry = reason.entry();
        let mut object = json!({
            "hit": matches!(reason, Reason::Hit(_)),
            "reason": reason.as_str(),
            "key": self.question.address.key.as_str(),
            "store_name": &*store.store_name,
            "dataset_id": store.dataset_id.as_deref(),
            "written_at": entry.map(|entry| entry.written_at().to_string()),
            "expires_at": entry.and_then(|entry| entry.expires_at).map(|time| time.to_string()),
            "cost_ms": entry.and_then(|entry| entry.cost_ms),
        });
        if let Some(only) = self.only {
            object["outputs"] = match only {
                Outputs::Merged => "one",
                Outputs::Apart => "two",
            }
            .into();
        }
        match explanation {
            Explanation::Another(entry, found) => {
                object["differences"] = self.json_differences(entry, found);
            }
            Explanation::Missing(missing) => self.add_missing(&mut object, missing),
            _ => {}
        }
        if let Some(Fate::Kept(operation, _)) = &self.fate
            && !matches!(explanation, Explanation::Missing(_))
        {
            object["replaced_by"] = named(operation);
        }
        object
    }

    /// Adds the way in which the entry went, and other entries that are near to the call.
    fn add_missing(&self, object: &mut Value, missing: &Missing) {
        let elsewhere = missing.elsewhere.iter().map(|entry| {
            let store = &entry.address.store;
            json!({
                "collection": &*store.collection,
                "store_name": &*store.store_name,
                "dataset_id": store.dataset_id.as_deref(),
                "written_at": entry.written_at().to_string(),
            })
        });
        let nearest = missing.nearest.iter().map(|near| {
            json!({
                "key": near.entry.address.key.as_str(),
                "written_at": near.entry.written_at().to_string(),
                "differences": self.json_differences(&near.entry, &near.differences),
            })
        });
        object["elsewhere"] = elsewhere.collect();
        let operation = match &self.fate {
            Some(Fate::Kept(operation, _)) => Some(&**operation),
            Some(Fate::Gone(tombstone)) => {
                object["removed_at"] = tombstone.at.to_string().into();
                if tombstone.cause == Cause::Evicted && !tombstone.note.is_empty() {
                    object["limit"] = tombstone.note.as_str().into();
                }
                object["expired_at"] = tombstone.expired_at.map(|at| at.to_string()).into();
                tombstone.operation.as_ref()
            }
            None => self.renamed.as_ref(),
        };
        if let Some(operation) = operation {
            object["removed_by"] = named(operation);
        }
        object["nearest"] = nearest.collect();
        object["read"] = missing.read.into();
    }

    fn json_differences(&self, entry: &Entry, differences: &[Difference]) -> Value {
        let differences = differences.iter();
        differences
            .map(|difference| self.json_difference(entry, difference))
            .collect()
    }

    fn json_difference(&self, entry: &Entry, difference: &Difference) -> Value {
        let Sides { asked, recorded } = self.sides(entry, difference);
        // JSON that only Python accepts becomes a string.
        let value = |json: Json| {
            let text = json.dumps();
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        json!({
            "part": difference.part.to_string(),
            "asked": asked.map(value),
            "recorded": recorded.map(value),
        })
    }
}

fn named(operation: &OperationRecord) -> Value {
    json!({
        "op": operation.id,
        "at": operation.at.to_string(),
        "command": operation.operation.command,
    })
}
