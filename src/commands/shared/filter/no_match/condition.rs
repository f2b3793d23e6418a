//! The conditions of a filter, each alone, and what comes nearest to it.

use std::collections::BTreeSet;

use ecache_core::entry::Entry;
use ecache_core::filter::{DatasetPattern, Filter, Freshness, Pattern};
use ecache_core::time::{Timestamp, whole_millis};

use super::{hidden, is_fiftyones};
use crate::output::escape::shell;
use crate::output::human;

/// Maximum number of names that are listed.
const NAMED: usize = 5;

/// A condition of a filter.
pub(super) struct Condition {
    pub(super) field: Field,
    /// Completes `87 entries, none`
    what: String,
    /// The condition alone
    pub(super) alone: Filter,
    /// All other conditions
    pub(super) rest: Filter,
}

impl Condition {
    /// Returns the words that say that no entry meets it, and what comes nearest.
    pub(super) fn none(&self, nearest: Option<String>) -> String {
        match nearest {
            Some(nearest) => format!(", none {}; {nearest}", self.what),
            None => format!(", none {}", self.what),
        }
    }
}

/// Returns the conditions of a filter on the entries of some stores.
pub(super) fn conditions(place: &Filter, filter: &Filter, now: Timestamp) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for field in Field::ALL {
        let (mut alone, mut rest) = (place.clone(), filter.clone());
        field.copy(&mut alone, filter);
        field.copy(&mut rest, place);
        if alone != *place {
            conditions.push(Condition {
                field,
                what: field.what(filter, now),
                alone,
                rest,
            });
        }
    }
    conditions
}

/// A field of a filter that is a condition on entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::shared) enum Field {
    Datasets,
    Keys,
    Users,
    Operators,
    Prompts,
    Arguments,
    Kinds,
    WrittenBefore,
    WrittenAfter,
    UnusedSince,
    ExpiresBy,
    MinHits,
    NeverUsed,
    LargerThan,
    SmallerThan,
    CostAbove,
    Freshness,
    Policy,
}

impl Field {
    /// All fields, those first that say most.
    const ALL: [Self; 18] = [
        Self::Datasets,
        Self::Keys,
        Self::Users,
        Self::Operators,
        Self::Prompts,
        Self::Arguments,
        Self::Kinds,
        Self::WrittenBefore,
        Self::WrittenAfter,
        Self::UnusedSince,
        Self::ExpiresBy,
        Self::MinHits,
        Self::NeverUsed,
        Self::LargerThan,
        Self::SmallerThan,
        Self::CostAbove,
        Self::Freshness,
        Self::Policy,
    ];

    /// Copies the field from one filter to another.
    fn copy(self, to: &mut Filter, from: &Filter) {
        match self {
            Self::Datasets => to.datasets.clone_from(&from.datasets),
            Self::Keys => to.keys.clone_from(&from.keys),
            Self::Users => to.users.clone_from(&from.users),
            Self::Operators => to.operators.clone_from(&from.operators),
            Self::Prompts => to.prompts.clone_from(&from.prompts),
            Self::Arguments => to.arguments.clone_from(&from.arguments),
            Self::Kinds => to.kinds.clone_from(&from.kinds),
            Self::WrittenBefore => to.written_before = from.written_before,
            Self::WrittenAfter => to.written_after = from.written_after,
            Self::UnusedSince => to.unused_since = from.unused_since,
            Self::ExpiresBy => to.expires_by = from.expires_by,
            Self::MinHits => to.min_hits = from.min_hits,
            Self::NeverUsed => to.never_used = from.never_used,
            Self::LargerThan => to.larger_than = from.larger_than,
            Self::SmallerThan => to.smaller_than = from.smaller_than,
            Self::CostAbove => to.cost_above = from.cost_above,
            Self::Freshness => {
                to.freshness = from.freshness;
                to.expired_for = from.expired_for;
            }
            Self::Policy => to.policy = from.policy,
        }
    }

    /// Returns the option that sets the field.
    pub(in crate::commands::shared) fn option(self) -> &'static str {
        match self {
            Self::Datasets => "--dataset",
            Self::Keys => "--key",
            Self::Users => "--user",
            Self::Operators => "--operator",
            Self::Prompts => "--prompt",
            Self::Arguments => "--arg",
            Self::Kinds => "--kind",
            Self::WrittenBefore => "--older-than",
            Self::WrittenAfter => "--newer-than",
            Self::UnusedSince => "--unused-for",
            Self::ExpiresBy => "--expiring-within",
            Self::MinHits => "--min-hits",
            Self::NeverUsed => "--never-used",
            Self::LargerThan => "--larger-than",
            Self::SmallerThan => "--smaller-than",
            Self::CostAbove => "--cost-above",
            Self::Freshness => "--expired, --fresh or --no-expiry",
            Self::Policy => "--policy",
        }
    }

    /// Returns the words on what the condition asks for, which follow `none`.
    fn what(self, filter: &Filter, now: Timestamp) -> String {
        let ago = |time: Option<Timestamp>| {
            time.map_or_else(String::new, |time| {
                human::duration(whole_millis(now.since(time)))
            })
        };
        let size = |size: Option<u64>| human::size(size.unwrap_or_default());
        let of = |word: &str, names: &[Pattern]| format!("{word} {}", patterns(names));
        match self {
            Self::Datasets => datasets(&filter.datasets),
            Self::Keys => of("with key", &filter.keys),
            Self::Users => of("of user", &filter.users),
            Self::Operators => of("of operator", &filter.operators),
            Self::Prompts => of("of prompt", &filter.prompts),
            Self::Arguments => of("with argument", &filter.arguments),
            Self::Kinds => {
                let kinds = filter.kinds.iter().map(|kind| kind.as_str());
                format!("of kind {}", Vec::from_iter(kinds).join(" or "))
            }
            Self::WrittenBefore => format!("older than {}", ago(filter.written_before)),
            Self::WrittenAfter => format!("newer than {}", ago(filter.written_after)),
            Self::UnusedSince => format!("unused for {}", ago(filter.unused_since)),
            Self::ExpiresBy => {
                let by = filter.expires_by.unwrap_or(now);
                format!(
                    "that expires within {}",
                    human::duration(whole_millis(by.since(now)))
                )
            }
            Self::MinHits => {
                let hits = filter.min_hits.unwrap_or_default();
                format!("with {} or more", human::counted(hits, "hit", "hits"))
            }
            Self::NeverUsed => "without a hit".to_owned(),
            Self::LargerThan => format!("larger than {}", size(filter.larger_than)),
            Self::SmallerThan => format!("smaller than {}", size(filter.smaller_than)),
            Self::CostAbove => {
                let cost = human::duration(whole_millis(filter.cost_above.unwrap_or_default()));
                format!("that took more than {cost}")
            }
            Self::Freshness => match filter.freshness {
                Some(Freshness::Expired) if !filter.expired_for.is_zero() => {
                    format!(
                        "expired for {}",
                        human::duration(whole_millis(filter.expired_for))
                    )
                }
                Some(Freshness::Expired) => "expired".to_owned(),
                Some(Freshness::Endless) => "that never expires".to_owned(),
                Some(Freshness::Fresh) | None => "that is fresh".to_owned(),
            },
            Self::Policy => {
                let policy = filter.policy.map(|policy| policy.as_str());
                format!("of policy {}", policy.unwrap_or("any"))
            }
        }
    }

    /// Returns the value among some entries that comes nearest to the condition or, for a name, the
    /// names that occur.
    pub(super) fn nearest(
        self,
        filter: &Filter,
        entries: &[Entry],
        now: Timestamp,
    ) -> Option<String> {
        let ago = |time: Timestamp| human::relative(time.as_millis(), now.as_millis());
        let old = |which, time: Timestamp| {
            let age = whole_millis(now.since(time));
            let verb = if age < 1000 { "was" } else { "is" };
            format!("the {which} {verb} {}", human::old(age))
        };
        let names = |what, none, name: fn(&Entry) -> Option<&str>| {
            if let Some((what, _)) = hidden(filter).filter(|_| entries.iter().any(is_fiftyones)) {
                return Some(format!("what FiftyOne wrote has no {what} on record"));
            }
            listed(what, &entries.iter().filter_map(name).collect())
                .or(Some(format!("none has {none}")))
        };
        let written = entries.iter().map(Entry::written_at);
        match self {
            Self::Datasets => {
                let ids = entries.iter();
                let ids = ids.filter_map(|entry| entry.address.store.dataset_id.as_deref());
                listed("datasets", &ids.collect()).or(Some("none has a dataset".to_owned()))
            }
            Self::Users => names("users", "a user", |entry| entry.scopes.user_id.as_deref()),
            Self::Operators => names("operators", "an operator", |entry| {
                entry.scopes.operator_uri.as_deref()
            }),
            Self::Prompts => names("prompts", "a prompt", |entry| {
                entry.scopes.prompt_id.as_deref()
            }),
            Self::Arguments => {
                let is_recorded = entries.iter().any(|entry| entry.args.is_some());
                (!is_recorded).then(|| "none has recorded arguments".to_owned())
            }
            Self::Kinds => {
                let kinds = entries.iter().map(|entry| entry.kind.as_str());
                listed("kinds", &kinds.collect())
            }
            Self::WrittenBefore => Some(old("oldest", written.min()?)),
            Self::WrittenAfter => Some(old("newest", written.max()?)),
            Self::UnusedSince => {
                let longest = entries.iter().map(Entry::used_at).min()?;
                Some(format!("the least recently used was used {}", ago(longest)))
            }
            Self::MinHits => {
                let most = entries.iter().map(|entry| entry.hits).max()?;
                Some(match most {
                    0 => "none was hit yet".to_owned(),
                    most => format!("the most hit has {}", human::count(most)),
                })
            }
            Self::LargerThan => {
                let size = entries.iter().map(|entry| entry.size).max()?;
                Some(format!("the largest is {}", human::size(size)))
            }
            Self::SmallerThan => {
                let size = entries.iter().map(|entry| entry.size).min()?;
                Some(format!("the smallest is {}", human::size(size)))
            }
            Self::CostAbove => {
                let cost = entries.iter().filter_map(|entry| entry.cost_ms).max();
                Some(match cost {
                    Some(cost) => format!("the slowest took {}", human::duration(cost)),
                    None => "what they took is not recorded".to_owned(),
                })
            }
            Self::Freshness if filter.freshness != Some(Freshness::Expired) => None,
            Self::ExpiresBy | Self::Freshness => {
                let mut times = entries.iter().filter_map(|entry| entry.expires_at);
                if times.clone().next().is_none() {
                    return Some("none ever expires".to_owned());
                }
                let next = times.by_ref().filter(|time| *time > now).min()?;
                let left = human::age(whole_millis(next.since(now)));
                Some(format!("the next expires in {left}"))
            }
            Self::Keys | Self::NeverUsed | Self::Policy => None,
        }
    }
}

/// `users: bob, carl`; `None` without names.
pub(in crate::commands::shared) fn listed(what: &str, names: &BTreeSet<&str>) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(NAMED);
    let first = names.iter().take(NAMED).map(|name| shell(name));
    let first = Vec::from_iter(first).join(", ");
    Some(match more {
        0 => format!("{what}: {first}"),
        more => format!("{what}: {first} and {more} more"),
    })
}

/// `ann or 'b*'`
fn patterns(names: &[Pattern]) -> String {
    let names = names.iter().map(|pattern| match pattern {
        Pattern::Exact(name) => shell(name).into_owned(),
        Pattern::Glob(glob) => shell(glob.as_str()).into_owned(),
    });
    Vec::from_iter(names).join(" or ")
}

fn datasets(patterns_of: &[DatasetPattern]) -> String {
    let mut names = Vec::new();
    let mut is_unlinked = false;
    for pattern in patterns_of {
        match pattern {
            DatasetPattern::Id(pattern) => names.push(pattern.clone()),
            DatasetPattern::Unlinked => is_unlinked = true,
        }
    }
    match (names.is_empty(), is_unlinked) {
        (true, _) => "without a dataset".to_owned(),
        (false, false) => format!("in dataset {}", patterns(&names)),
        (false, true) => format!("in dataset {} or without one", patterns(&names)),
    }
}
