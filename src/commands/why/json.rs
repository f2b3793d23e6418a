//! The explanation as JSON.

use ecache_core::backend::{Cause, Effect, Fate, OperationRecord};
use ecache_core::command::Outputs;
use ecache_core::entry::Entry;
use ecache_core::explain::{Difference, Explanation};
use ecache_core::python_json::Json;
use serde_json::{Value, json};

use super::View;

impl View<'_> {
    pub(super) fn json(&self, explanation: &Explanation) -> Value {
        let store = &self.question.address.store;
        let (reason, entry): (_, Option<&Entry>) = match explanation {
            Explanation::Hit(entry) => ("hit", Some(entry)),
            Explanation::Stale(entry) if entry.is_expired(self.now) => ("expired", Some(entry)),
            Explanation::Stale(entry) => ("future", Some(entry)),
            Explanation::Failure(entry, _) => ("failure", Some(entry)),
            Explanation::Damaged => ("damaged", None),
            Explanation::Another(entry, _) => ("another", Some(entry)),
            Explanation::Missing(_) => match &self.fate {
                Some(Fate::Kept(operation, entry)) if operation.effect == Effect::Written => {
                    ("replaced", Some(entry))
                }
                Some(Fate::Kept(operation, entry)) => {
                    (word(operation.operation.cause), Some(entry))
                }
                Some(Fate::Gone(tombstone)) => (word(tombstone.cause), None),
                None if self.renamed.is_some() => ("renamed", None),
                None => ("missing", None),
            },
        };
        let mut object = json!({
            "hit": reason == "hit",
            "reason": reason,
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
        let differences = |entry: &Entry, differences: &[Difference]| -> Value {
            differences
                .iter()
                .map(|difference| self.json_difference(entry, difference))
                .collect()
        };
        match explanation {
            Explanation::Another(entry, found) => object["differences"] = differences(entry, found),
            Explanation::Missing(missing) => {
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
                        "differences": differences(&near.entry, &near.differences),
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
            _ => {}
        }
        if let Some(Fate::Kept(operation, _)) = &self.fate
            && !matches!(explanation, Explanation::Missing(_))
        {
            object["replaced_by"] = named(operation);
        }
        object
    }

    fn json_difference(&self, entry: &Entry, difference: &Difference) -> Value {
        let (asked, recorded) = self.sides(entry, difference);
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

/// Names a cause for programs.
fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Removed => "removed",
        Cause::Cleared => "cleared",
        Cause::Expired => "expired",
        Cause::Orphaned => "orphaned",
        Cause::Pruned => "pruned",
        Cause::Evicted => "evicted",
    }
}
