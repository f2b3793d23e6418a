//! Recognizes the job records of FiftyOne's `TransientJobCoordinator`.
//!
//! A job is an entry of policy `evict` with an expiry. Its value has the job's state, and while a
//! worker has claimed it a *lease*: the time until which the worker owns the job unless it renews
//! that. A *fencing token* keeps a worker whose lease has passed from writing.

use crate::entry::{Entry, Policy};
use crate::mongo_types::{timestamp, wrapper};
use crate::python_json::Json;
use crate::time::Timestamp;
use crate::value::Kind;

/// A field that a job has and few other values do.
pub(crate) const TOKEN: &str = "fencing_token";

/// Further fields that a job has.
pub(crate) const FIELDS: [&str; 5] = ["id", "owner", "scope", "payload", "progress"];

/// The state of a job that a worker has claimed.
pub(crate) const RUNNING: &str = "running";

/// A job's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its state, as in `running`
    pub state: String,
    /// Time at which its entry expires
    pub expires_at: Timestamp,
    /// Time until which a worker owns it
    pub lease_expires_at: Option<Timestamp>,
}

impl Job {
    /// Returns the job that an entry with this value is; `None` if it is none.
    #[must_use]
    pub fn of(entry: &Entry, value: &[u8]) -> Option<Self> {
        let expires_at = entry.expires_at?;
        if entry.policy != Policy::Evict || entry.kind != Kind::Json || !contains(value, TOKEN) {
            return None;
        }
        let value = Json::parse(value).ok()?;
        let is_there = |field: &str| value.get(field).is_some();
        if !FIELDS.into_iter().all(is_there) {
            return None;
        }
        let token = value.get(TOKEN)?;
        let is_fenced = matches!(token, Json::Integer(_)) || wrapper::int64(token).is_some();
        if !is_fenced || !matches!(value.get("cancel_requested")?, Json::Bool(_)) {
            return None;
        }
        Some(Self {
            state: value.get("state")?.as_str()?.to_owned(),
            expires_at,
            lease_expires_at: match value.get("lease_expires_at")? {
                Json::Null => None,
                lease => Some(date(lease)?),
            },
        })
    }

    /// Reports whether a worker owns the job, and its entry has not expired.
    #[must_use]
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.state == RUNNING
            && self.expires_at > now
            && self.lease_expires_at.is_some_and(|until| until > now)
    }
}

fn contains(value: &[u8], name: &str) -> bool {
    value
        .windows(name.len())
        .any(|window| window == name.as_bytes())
}

/// Returns the time that the text of a value has for a date of BSON.
fn date(value: &Json) -> Option<Timestamp> {
    let date = value.get("$bson")?.get("$date")?;
    let millis = match date {
        Json::String(text) => timestamp::parse(text.as_str()?)?,
        other => other.get("$numberLong")?.as_str()?.parse().ok()?,
    };
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;
    use crate::scope::StoreAddress;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn entry() -> Entry {
        let key = Key::new("job-1").expect("a valid key");
        Entry {
            expires_at: Some(Timestamp::from_millis(NOW.as_millis() + 86_400_000)),
            ..Entry::new(StoreAddress::new("jobs").entry(key), Kind::Json, NOW)
        }
    }

    fn value(state: &str, lease: &str) -> String {
        format!(
            r#"{{"id": "job-1", "owner": "ann", "scope": {{}}, "payload": null, "state": "{state}",
            "created_at": {{"$date": "2026-11-23T06:32:50Z"}}, "lease_expires_at": {lease},
            "fencing_token": 1, "cancel_requested": false, "progress": null, "result": null}}"#
        )
    }

    #[test]
    fn a_job_runs_while_its_worker_has_a_lease() {
        for (state, lease, is_running) in [
            ("requested", "null", false),
            (
                "running",
                r#"{"$bson": {"$date": "2026-11-23T06:32:50.949Z"}}"#,
                true,
            ),
            (
                "running",
                r#"{"$bson": {"$date": {"$numberLong": "1795415570949"}}}"#,
                true,
            ),
            (
                "running",
                r#"{"$bson": {"$date": "2026-11-23T06:32:50.948Z"}}"#,
                false,
            ),
            ("running", "null", false),
            ("completed", "null", false),
        ] {
            let job = Job::of(&entry(), value(state, lease).as_bytes()).expect("a job");
            assert_eq!(
                (&*job.state, job.is_running(NOW)),
                (state, is_running),
                "{lease}"
            );
        }
    }

    #[test]
    fn a_job_that_has_expired_runs_no_more() {
        let lease = r#"{"$bson": {"$date": "2026-12-23T06:32:50Z"}}"#;
        for (expires_in, is_running) in [(1, true), (0, false)] {
            let expires_at = Timestamp::from_millis(NOW.as_millis() + expires_in);
            let entry = Entry {
                expires_at: Some(expires_at),
                ..entry()
            };
            let job = Job::of(&entry, value("running", lease).as_bytes()).expect("a job");
            assert_eq!(job.is_running(NOW), is_running);
        }
    }

    #[test]
    fn other_values_are_no_jobs() {
        let value = value("running", "null");
        let is_job = |entry: &Entry, value: &str| Job::of(entry, value.as_bytes()).is_some();
        assert!(is_job(&entry(), &value));
        let expires_at = None;
        assert!(!is_job(
            &Entry {
                expires_at,
                ..entry()
            },
            &value
        ));
        let policy = Policy::Persist;
        assert!(!is_job(&Entry { policy, ..entry() }, &value));
        let kind = Kind::Text;
        assert!(!is_job(&Entry { kind, ..entry() }, &value));
        for (one, other) in [
            ("fencing_token\": 1", "fencing_token\": \"1\""),
            ("fencing_token", "token"),
            (
                "lease_expires_at\": null",
                "lease_expires_at\": \"tomorrow\"",
            ),
            ("\"owner\"", "\"who\""),
            ("}", ""),
        ] {
            assert!(!is_job(&entry(), &value.replace(one, other)), "{one}");
        }
        assert!(!is_job(&entry(), r#"["fencing_token"]"#));
    }
}
