//! Limits: how much some entries of a store may take.
//!
//! A limit is a setting of the store, so that every writer obeys it. The name of the setting is the
//! scope, as in `limit user~* each`, and its value the bounds, as in `max_size=4194304`.

use std::fmt::{self, Write as _};

use crate::filter::{DatasetPattern, Filter, Pattern, Usage, any_matches};
use crate::scope::StoreAddress;

/// The first word of the names of settings that are limits.
const PREFIX: &str = "limit";

/// The entries that a limit is about.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitScope {
    /// Patterns of collections, stores, datasets, users, operators and prompts
    names: Filter,
    /// One limit for each combination of names that match, instead of one for all
    is_each: bool,
}

/// The bounds of a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Maximum size in bytes, overhead included
    pub max_bytes: Option<u64>,
    /// Maximum number of entries
    pub max_entries: Option<u64>,
    /// Share of the disk, in percent, that stays free: below it the store takes no more space
    pub min_free_percent: Option<u64>,
    /// Lifetime, in milliseconds, of a new entry of policy `evict` that names none
    pub default_ttl_ms: Option<u64>,
    /// Milliseconds that computing a result takes at least if it is kept
    pub min_cost_ms: Option<u64>,
}

/// Returns the value of a setting with a change from `old` to `new` taken back, where `None` is a
/// setting that is not there. A bound of a limit is a setting of its own; what was changed since
/// stays.
pub(crate) fn without_change(
    name: &str,
    value: Option<&str>,
    (old, new): (Option<&str>, Option<&str>),
) -> Option<String> {
    let read = |value: Option<&str>| match value {
        Some(value) => Bounds::read(value),
        None => Some(Bounds::default()),
    };
    let bounds = LimitScope::read(name).and(read(value).zip(read(old)).zip(read(new)));
    match bounds {
        Some(((bounds, old), new)) => {
            let bounds = bounds.without_change(old, new);
            (!bounds.is_empty()).then(|| bounds.setting())
        }
        None => {
            let is_unchanged = value == new;
            if is_unchanged { old } else { value }.map(str::to_owned)
        }
    }
}

/// A limit and its scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The entries
    pub scope: LimitScope,
    /// The bounds of their use
    pub bounds: Bounds,
}

/// A limit and how much of it is used.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LimitUsage {
    /// The limit
    pub limit: Limit,
    /// The names that it is about, of a limit for each
    pub group: Option<String>,
    /// Entries and bytes, with overhead and with entries kept for undo
    pub used: Usage,
    /// Number of entries that it evicted since it was set
    pub evictions: u64,
    /// Number of those whose results were computed again
    pub losses: u64,
    /// Milliseconds that took
    pub lost_ms: u64,
}

impl LimitUsage {
    /// Returns zero usage for a limit, such as one for each of some names, whose groups have the
    /// usage.
    #[must_use]
    pub fn unused(limit: Limit) -> Self {
        Self {
            limit,
            group: None,
            used: Usage::default(),
            evictions: 0,
            losses: 0,
            lost_ms: 0,
        }
    }

    /// Reports whether this is a limit for each of some names itself, and not one of these.
    #[must_use]
    pub fn is_for_each(&self) -> bool {
        self.limit.scope.is_each() && self.group.is_none()
    }

    /// Returns the names that the limit is about, as in `user=ann`.
    #[must_use]
    pub fn name(&self) -> String {
        let group = self.group.clone();
        group.unwrap_or_else(|| self.limit.scope.to_string())
    }

    /// Reports whether the limit is too low for the results in use: half of the evicted ones were
    /// computed again.
    #[must_use]
    pub fn is_thrashing(&self) -> bool {
        self.evictions >= MANY_EVICTIONS && self.losses >= self.evictions / 2
    }
}

/// Number of evictions from which their part that was computed again says something.
const MANY_EVICTIONS: u64 = 20;

impl Bounds {
    /// Reports whether nothing is bounded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns these bounds, and those of `before` where these have none.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            max_bytes: self.max_bytes.or(before.max_bytes),
            max_entries: self.max_entries.or(before.max_entries),
            min_free_percent: self.min_free_percent.or(before.min_free_percent),
            default_ttl_ms: self.default_ttl_ms.or(before.default_ttl_ms),
            min_cost_ms: self.min_cost_ms.or(before.min_cost_ms),
        }
    }

    /// Returns these bounds with a change from `old` to `new` taken back, except of those that were
    /// changed since.
    fn without_change(self, old: Self, new: Self) -> Self {
        let back = |bound: Option<u64>, old, new| if bound == new { old } else { bound };
        Self {
            max_bytes: back(self.max_bytes, old.max_bytes, new.max_bytes),
            max_entries: back(self.max_entries, old.max_entries, new.max_entries),
            min_free_percent: back(
                self.min_free_percent,
                old.min_free_percent,
                new.min_free_percent,
            ),
            default_ttl_ms: back(self.default_ttl_ms, old.default_ttl_ms, new.default_ttl_ms),
            min_cost_ms: back(self.min_cost_ms, old.min_cost_ms, new.min_cost_ms),
        }
    }

    /// Reports whether an amount is within the bounds.
    #[must_use]
    pub fn hold(&self, used: Usage) -> bool {
        used.fits(self.max_bytes, self.max_entries)
    }

    /// Returns the value of the setting.
    #[must_use]
    pub fn setting(&self) -> String {
        let bounds = [
            ("max_size", self.max_bytes),
            ("max_entries", self.max_entries),
            ("min_free_percent", self.min_free_percent),
            ("default_ttl_ms", self.default_ttl_ms),
            ("min_cost_ms", self.min_cost_ms),
        ];
        let bounds = bounds
            .into_iter()
            .filter_map(|(name, bound)| bound.map(|bound| format!("{name}={bound}")));
        Vec::from_iter(bounds).join(" ")
    }

    /// Reads the value of a setting; `None` if it has a bound that this release does not know.
    fn read(value: &str) -> Option<Self> {
        let mut bounds = Self::default();
        for word in value.split_ascii_whitespace() {
            let (name, bound) = word.split_once('=')?;
            let bound = Some(bound.parse().ok()?);
            match name {
                "max_size" => bounds.max_bytes = bound,
                "max_entries" => bounds.max_entries = bound,
                "min_free_percent" => bounds.min_free_percent = bound,
                "default_ttl_ms" => bounds.default_ttl_ms = bound,
                "min_cost_ms" => bounds.min_cost_ms = bound,
                _ => return None,
            }
        }
        Some(bounds)
    }
}

impl LimitScope {
    /// Returns the scope of the entries whose names a filter matches.
    #[must_use]
    pub fn new(names: &Filter, is_each: bool) -> Self {
        let names = Filter {
            keys: Vec::new(),
            arguments: Vec::new(),
            ..names.names()
        };
        Self { names, is_each }.in_order()
    }

    /// Puts its names in order, each once: they mean the same however they were typed.
    fn in_order(mut self) -> Self {
        fn text(pattern: &Pattern) -> (bool, &str) {
            match pattern {
                Pattern::Exact(name) => (false, name),
                Pattern::Glob(glob) => (true, glob.as_str()),
            }
        }
        let names = &mut self.names;
        for patterns in [
            &mut names.collections,
            &mut names.stores,
            &mut names.users,
            &mut names.operators,
            &mut names.prompts,
        ] {
            patterns.sort_by(|one, other| text(one).cmp(&text(other)));
            patterns.dedup();
        }
        let place = |pattern: &DatasetPattern| match pattern {
            DatasetPattern::Id(pattern) => {
                let (is_glob, name) = text(pattern);
                (false, is_glob, name.to_owned())
            }
            DatasetPattern::Unlinked => (true, false, String::new()),
        };
        names.datasets.sort_by_key(place);
        names.datasets.dedup();
        self
    }

    /// Returns the filter of its entries.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.names
    }

    /// Reports whether the limit holds for each combination of names.
    #[must_use]
    pub fn is_each(&self) -> bool {
        self.is_each
    }

    /// Returns the number of kinds of names that it restricts: a narrower scope has more.
    pub(crate) fn narrowness(&self) -> usize {
        let names = &self.names;
        [
            names.stores.len(),
            names.datasets.len(),
            names.users.len(),
            names.operators.len(),
            names.prompts.len(),
        ]
        .into_iter()
        .filter(|count| *count > 0)
        .count()
    }

    /// Reports which names are the same in all entries of one group, or of the whole scope if it
    /// has no groups.
    pub(crate) fn is_one(&self) -> IsOne {
        let is_one = |patterns: &[Pattern]| match patterns {
            [] => false,
            [Pattern::Exact(_)] => true,
            _ => self.is_each,
        };
        IsOne {
            user: is_one(&self.names.users),
            operator: is_one(&self.names.operators),
            prompt: is_one(&self.names.prompts),
        }
    }

    /// Reports whether an entry of these names is in the scope.
    pub(crate) fn matches(&self, entry: &LimitNames<'_>) -> bool {
        self.names.matches_store(entry.store)
            && any_matches(&self.names.users, entry.user)
            && any_matches(&self.names.operators, entry.operator)
            && any_matches(&self.names.prompts, entry.prompt)
    }

    /// Returns the part of the scope that an entry of these names belongs to: all of it, or those
    /// with the same names.
    pub(crate) fn group(&self, entry: &LimitNames<'_>) -> Self {
        if !self.is_each {
            return self.clone();
        }
        let one = |patterns: &[Pattern], name: Option<&str>| {
            let name = name.filter(|_| !patterns.is_empty());
            name.map(Pattern::exact).into_iter().collect()
        };
        let names = &self.names;
        let dataset = entry.store.dataset_id.as_deref();
        let names = Filter {
            stores: one(&names.stores, Some(&entry.store.store_name)),
            datasets: match names.datasets[..] {
                [] => Vec::new(),
                _ => vec![DatasetPattern::exact(dataset)],
            },
            users: one(&names.users, entry.user),
            operators: one(&names.operators, entry.operator),
            prompts: one(&names.prompts, entry.prompt),
            ..names.clone()
        };
        Self {
            names,
            is_each: false,
        }
    }

    /// Returns the name of the setting.
    #[must_use]
    pub fn setting(&self) -> String {
        format!("{PREFIX} {self}")
    }

    /// Reads the name of a setting; `None` if it is not a limit.
    fn read(name: &str) -> Option<Self> {
        let mut words = name.split(' ');
        if words.next() != Some(PREFIX) {
            return None;
        }
        let mut scope = Self {
            names: Filter {
                collections: Vec::new(),
                ..Filter::default()
            },
            is_each: false,
        };
        for word in words {
            match word {
                "everything" => continue,
                "each" => scope.is_each = true,
                "no-dataset" => scope.names.datasets.push(DatasetPattern::Unlinked),
                _ => {
                    let end = word.find(['=', '~'])?;
                    let (dimension, name) = word.split_at(end);
                    let text = unescaped(&name[1..])?;
                    let pattern = match name.as_bytes()[0] {
                        b'=' => Pattern::Exact(text),
                        _ => Pattern::glob(&text).ok()?,
                    };
                    match dimension {
                        "collection" => scope.names.collections.push(pattern),
                        "store" => scope.names.stores.push(pattern),
                        "dataset" => scope.names.datasets.push(DatasetPattern::Id(pattern)),
                        "user" => scope.names.users.push(pattern),
                        "operator" => scope.names.operators.push(pattern),
                        "prompt" => scope.names.prompts.push(pattern),
                        _ => return None,
                    }
                }
            }
        }
        if scope.names.collections.is_empty() {
            scope.names.collections = Filter::default().collections;
        }
        Some(scope.in_order())
    }
}

impl Limit {
    /// Reads a setting; `None` if it is not a limit, or one that this release does not know.
    #[must_use]
    pub fn read(name: &str, value: &str) -> Option<Self> {
        Some(Self {
            scope: LimitScope::read(name)?,
            bounds: Bounds::read(value)?,
        })
    }
}

impl fmt::Display for LimitScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        let mut add = |dimension: &str, pattern: &Pattern| {
            let (sign, text) = match pattern {
                Pattern::Exact(name) => ('=', name.as_str()),
                Pattern::Glob(glob) => ('~', glob.as_str()),
            };
            words.push(format!("{dimension}{sign}{}", escaped(text)));
        };
        let names = &self.names;
        if names.collections.is_empty() {
            add("collection", &Pattern::glob("*").expect("a pattern"));
        } else if names.collections != Filter::default().collections {
            for pattern in &names.collections {
                add("collection", pattern);
            }
        }
        for pattern in &names.stores {
            add("store", pattern);
        }
        for pattern in &names.datasets {
            if let DatasetPattern::Id(pattern) = pattern {
                add("dataset", pattern);
            }
        }
        for (dimension, patterns) in [
            ("user", &names.users),
            ("operator", &names.operators),
            ("prompt", &names.prompts),
        ] {
            for pattern in patterns {
                add(dimension, pattern);
            }
        }
        if names.datasets.contains(&DatasetPattern::Unlinked) {
            words.push("no-dataset".into());
        }
        if words.is_empty() {
            words.push("everything".into());
        }
        if self.is_each {
            words.push("each".into());
        }
        f.write_str(&words.join(" "))
    }
}

/// Escapes what would end a word.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '%' || c.is_whitespace() || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(text, "%{byte:02x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Returns a name in the text of a scope as it is.
#[must_use]
pub fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The kinds of names that are the same in all entries of a group.
pub(crate) struct IsOne {
    pub(crate) user: bool,
    pub(crate) operator: bool,
    pub(crate) prompt: bool,
}

/// The names that decide which limits an entry belongs to.
pub(crate) struct LimitNames<'a> {
    pub(crate) store: &'a StoreAddress,
    pub(crate) user: Option<&'a str>,
    pub(crate) operator: Option<&'a str>,
    pub(crate) prompt: Option<&'a str>,
}

#[cfg(test)]
mod tests;
