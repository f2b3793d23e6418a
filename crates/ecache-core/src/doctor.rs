//! Finds faults in the entries of a store, present ones and coming ones, in one pass, and sums up
//! the entries and bytes of each.
//!
//! Nothing is changed here. A [`Finding`] names its entries, so that a fix removes the entries that
//! were found.
//!
//! Weighed: a query for each check (each an own scan, and a backend would have to know all of
//! them), and one scan with values that every check looks at (chosen: one pass, and any backend
//! that can be scanned has a doctor).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::{
    Backend, Content, Foreign, Lookup, Progress, Row, Scan, Trouble, Values, read_value,
};
use crate::entry::{Entry, Policy};
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern, Selection, Usage};
use crate::python_json::Json;
use crate::scope::{Address, STORE_KEY, StoreAddress};
use crate::stored::why_fiftyone_raises;
use crate::time::Timestamp;
use crate::typed_name;
use crate::value::Kind;

/// The largest document that MongoDB takes, in bytes.
pub const DOCUMENT_SIZE: u64 = 16 << 20;

/// A value of this many bytes is near that: the arguments and names of an entry need some room,
/// too.
pub const NEAR_LIMIT: u64 = DOCUMENT_SIZE / 4 * 3;

/// Maximum number of entries that a finding names.
const NAMED: usize = 100_000;

/// Growth is what was written within this time.
pub const RECENT: Duration = Duration::from_secs(86_400);

/// Something that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The value is not what was written
    Damaged,
    /// The pages of the file, or its indexes, contradict each other
    Structure,
    /// FiftyOne's decorator raises whenever it reads the value
    Unreadable,
    /// The dataset was deleted
    Orphaned,
    /// Expired, and still there
    Expired,
    /// Made in a prompt, which ends, but without expiry
    EndlessPrompts,
    /// Made for a user, but without expiry
    EndlessUsers,
    /// Several functions use one store, and take each other's entries for theirs
    SharedStores,
    /// A newer version of the function uses another store
    OldVersions,
    /// Nearly too large for MongoDB
    NearLimit,
    /// The policy is `persist`, but MongoDB removes the entry when it expires
    PersistExpiry,
    /// Indexes that queries count on are not there
    MissingIndexes,
    /// Another program wrote something that an entry of ours cannot have, which is no fault
    Foreign,
}

impl Check {
    /// Every check, the worst first.
    pub const ALL: [Self; 13] = [
        Self::Damaged,
        Self::Structure,
        Self::Unreadable,
        Self::Orphaned,
        Self::Expired,
        Self::EndlessPrompts,
        Self::EndlessUsers,
        Self::SharedStores,
        Self::OldVersions,
        Self::NearLimit,
        Self::PersistExpiry,
        Self::MissingIndexes,
        Self::Foreign,
    ];

    /// Its name.
    pub fn id(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Structure => "structure",
            Self::Unreadable => "unreadable",
            Self::Orphaned => "orphaned",
            Self::Expired => "expired",
            Self::EndlessPrompts => "endless-prompts",
            Self::EndlessUsers => "endless-users",
            Self::SharedStores => "shared-stores",
            Self::OldVersions => "old-versions",
            Self::NearLimit => "near-limit",
            Self::PersistExpiry => "persist-expiry",
            Self::MissingIndexes => "missing-indexes",
            Self::Foreign => "foreign",
        }
    }

    /// Reports whether removing the entries fixes it.
    pub fn is_mendable(self) -> bool {
        matches!(
            self,
            Self::Damaged
                | Self::Unreadable
                | Self::Orphaned
                | Self::Expired
                | Self::EndlessPrompts
                | Self::EndlessUsers
        )
    }

    /// Reports whether something is wrong with the entries at all.
    pub fn is_fault(self) -> bool {
        self != Self::Foreign
    }

    /// Describes the fault of the entries, as in `3 entries …`.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Damaged => "are not what was written",
            Self::Structure => {
                "are in a file whose pages or indexes are damaged: more of them may be hidden"
            }
            Self::Unreadable => "have a value that FiftyOne's decorator raises on at every hit",
            Self::Orphaned => "belong to datasets that were deleted",
            Self::Expired => "are expired, and still there",
            Self::EndlessPrompts => {
                "were made in a prompt, which has ended or will, and never expire"
            }
            Self::EndlessUsers => "were made for a user, and never expire",
            Self::SharedStores => {
                "are in stores that several functions use, which take each other's entries for theirs"
            }
            Self::OldVersions => "belong to versions that a newer one has replaced",
            Self::NearLimit => "have a value that is nearly too large for MongoDB (16 MiB)",
            Self::PersistExpiry => {
                "are of policy persist and have an expiry, at which MongoDB removes them all the same"
            }
            Self::MissingIndexes => "are read without the indexes that FiftyOne makes",
            Self::Foreign => {
                "have something that ecache cannot keep elsewhere: they are listed and counted, \
                 and left out by export and copy"
            }
        }
    }
}

/// One trouble, with all that has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The check that failed
    pub check: Check,
    /// Number of entries that have it, and the bytes of their values
    pub usage: Usage,
    /// Number of these entries with policy `persist`, which clearing and pruning leave in place
    pub persistent: u64,
    /// The entries, up to 100,000 of them
    pub entries: Vec<Address>,
    /// The stores' own documents that have it, which are no entries
    pub documents: Vec<Address>,
    /// Details of the first entries, or of stores
    pub reasons: Vec<String>,
    /// The stores all of whose entries have it, for a trouble of whole stores
    pub stores: BTreeSet<Arc<str>>,
}

impl Finding {
    /// Returns the datasets of the entries and documents that it names.
    pub fn datasets(&self) -> BTreeSet<Arc<str>> {
        let named = self.entries.iter().chain(&self.documents);
        let dataset = |named: &Address| named.store.dataset_id.clone();
        named.filter_map(dataset).collect()
    }

    /// Selects the entries that it names, unless they were written since `examined`; of any policy
    /// if they are damaged, and otherwise of policy `evict` only.
    pub fn selection(&self, examined: Timestamp) -> Selection {
        let mut stores: BTreeMap<&StoreAddress, Vec<Pattern>> = BTreeMap::new();
        for entry in &self.entries {
            let keys = stores.entry(&entry.store).or_default();
            keys.push(Pattern::exact(entry.key.as_str()));
        }
        let any_of = stores.into_iter().map(|(store, keys)| Filter {
            keys,
            written_before: Some(examined),
            // The policy of a damaged entry is not known.
            policy: (self.check != Check::Damaged).then_some(Policy::Evict),
            ..Filter::store(store)
        });
        Selection {
            any_of: any_of.collect(),
            beyond: None,
        }
    }
}

/// The growth of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// The store
    pub store_name: Arc<str>,
    /// All of its entries
    pub usage: Usage,
    /// Its entries that were written within [`RECENT`]
    pub recent: Usage,
}

/// The result of examining one collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    /// The checks that found something, in the order of [`Check::ALL`]
    pub findings: Vec<Finding>,
    /// The stores, the one that grows fastest first
    pub growth: Vec<Growth>,
    /// All entries that were examined
    pub usage: Usage,
}

/// Examines every entry of a collection that `filter` matches; the filter's own collections are
/// ignored.
///
/// Conditions on entries hide a part of each store, so that nothing is [`Check::SharedStores`] or
/// [`Check::OldVersions`] then. `live` are the datasets that exist; without them nothing is
/// [`Check::Orphaned`].
///
/// ```
/// use ecache_core::backend::{memory::MemoryBackend, no_progress};
/// use ecache_core::doctor::examine;
/// use ecache_core::filter::Filter;
/// use ecache_core::scope::DEFAULT_COLLECTION;
/// use ecache_core::time::Timestamp;
///
/// let now = Timestamp::from_millis(1_795_415_570_948);
/// let (store, all) = (MemoryBackend::new(), Filter::default());
/// let healthy = examine(&store, DEFAULT_COLLECTION, &all, None, now, &mut no_progress)?;
/// assert!(healthy.findings.is_empty());
/// # Ok::<(), ecache_core::error::Error>(())
/// ```
///
/// # Errors
/// Those of [`ReadBackend::scan`](crate::backend::ReadBackend::scan), and [`Error::Interrupted`] if
/// `progress` breaks off.
pub fn examine(
    backend: &dyn Backend,
    collection: &str,
    filter: &Filter,
    live: Option<&HashSet<Arc<str>>>,
    now: Timestamp,
    progress: Progress<'_>,
) -> Result<Examination> {
    let filter = Filter {
        collections: vec![Pattern::exact(collection)],
        ..filter.clone()
    };
    let scan = Scan {
        values: Values::Include,
        ..Scan::new(filter.clone())
    };
    let mut chart = Chart::new(live, now);
    for row in backend.scan(&scan, now)? {
        match row? {
            Row::Entry(entry, content) => {
                let reason = match content {
                    Some(content) => why_unreadable(backend, &entry, content)?,
                    None => None,
                };
                chart.note(&entry, reason);
            }
            Row::Damaged(address) if address.key.as_str() == STORE_KEY => {
                chart.find_document(Check::Damaged, address);
            }
            Row::Foreign(foreign) => {
                let Foreign {
                    entry,
                    content,
                    reason,
                } = *foreign;
                let unreadable = match content {
                    Some(content) => why_unreadable(backend, &entry, content)?,
                    None => None,
                };
                chart.note(&entry, unreadable);
                chart.find(Check::Foreign, &entry.address, entry.size, Some(reason));
            }
            Row::Damaged(address) => chart.find(Check::Damaged, &address, 0, None),
        }
        if progress(chart.usage.entries) == ControlFlow::Break(()) {
            return Err(Error::Interrupted { done: chart.usage });
        }
    }
    for store in backend.stores()? {
        let policy = store.metadata.as_ref().map(|metadata| metadata.policy);
        let is_meant = policy.is_some() && filter.matches_document(&store.address, policy);
        if is_meant && chart.is_orphaned(&store.address) {
            chart.find_document(Check::Orphaned, store.address.document());
        }
    }
    for trouble in backend.troubles(collection)? {
        match trouble {
            Trouble::PersistExpiry(address, size) => {
                if !filter.is_narrowed() || is_meant(backend, &filter, &address, now)? {
                    chart.find(Check::PersistExpiry, &address, size, None);
                }
            }
            Trouble::MissingIndex(fields) => {
                let usage = chart.usage;
                let finding = chart.finding(Check::MissingIndexes);
                finding.usage = usage;
                finding
                    .reasons
                    .push(format!("there is no index on {fields}"));
            }
            Trouble::Structure(fault) => {
                let usage = chart.usage;
                let finding = chart.finding(Check::Structure);
                finding.usage = usage;
                finding.reasons.push(fault);
            }
        }
    }
    if filter.means_whole_stores() {
        chart.note_stores();
    }
    Ok(chart.finish())
}

/// Reports whether a filter means the entry of an address.
fn is_meant(
    backend: &dyn Backend,
    filter: &Filter,
    address: &Address,
    now: Timestamp,
) -> Result<bool> {
    Ok(match backend.lookup(address, now)? {
        Lookup::Hit(entry, _) | Lookup::Stale(entry) | Lookup::Foreign(entry, _) => {
            filter.matches(&entry, now)
        }
        Lookup::Missing | Lookup::Damaged(_) => false,
    })
}

/// Returns why FiftyOne's decorator raises on a value.
///
/// The decorator reads nothing but entries of policy `evict` whose keys are hashes. Everything else
/// is read by FiftyOne's stores, which take any value. A value that is too large for MongoDB cannot
/// come from there.
fn why_unreadable(
    backend: &dyn Backend,
    entry: &Entry,
    content: Content,
) -> Result<Option<String>> {
    const CLASS: &[u8] = b"\"_cls\"";
    let is_decorators = entry.policy == Policy::Evict && entry.address.key.is_hash();
    if !is_decorators || entry.kind != Kind::Json || entry.size > DOCUMENT_SIZE {
        return Ok(None);
    }
    let value = match read_value(backend, entry.kind, content) {
        Ok(value) => value,
        // The value was replaced after the scan; the new one is not examined.
        Err(Error::Replaced) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !value.bytes.windows(CLASS.len()).any(|word| word == CLASS) {
        return Ok(None);
    }
    Ok(Json::parse(&value.bytes)
        .ok()
        .and_then(|json| why_fiftyone_raises(&json)))
}

/// Totals of a store over the entries examined so far.
struct Store {
    usage: Usage,
    persistent: u64,
    recent: Usage,
    newest: Timestamp,
    functions: BTreeSet<Arc<str>>,
}

/// The state of an examination: its parameters, and the findings so far.
struct Chart<'a> {
    live: Option<&'a HashSet<Arc<str>>>,
    now: Timestamp,
    since: Timestamp,
    findings: BTreeMap<Check, Finding>,
    stores: BTreeMap<Arc<str>, Store>,
    usage: Usage,
}

impl<'a> Chart<'a> {
    /// The functions of a store that are told apart.
    const FUNCTIONS: usize = 8;

    fn new(live: Option<&'a HashSet<Arc<str>>>, now: Timestamp) -> Self {
        let recent = i64::try_from(RECENT.as_millis()).expect("a day is short");
        Self {
            live,
            now,
            since: Timestamp::from_millis(now.as_millis().saturating_sub(recent)),
            findings: BTreeMap::new(),
            stores: BTreeMap::new(),
            usage: Usage::default(),
        }
    }

    /// Looks at one entry.
    fn note(&mut self, entry: &Entry, unreadable: Option<String>) {
        let address = &entry.address;
        let one = Usage {
            entries: 1,
            bytes: entry.size,
        };
        self.usage += one;
        let written_at = entry.written_at();
        let store = self
            .stores
            .entry(address.store.store_name.clone())
            .or_insert_with(|| Store {
                usage: Usage::default(),
                persistent: 0,
                recent: Usage::default(),
                newest: written_at,
                functions: BTreeSet::new(),
            });
        store.usage += one;
        store.persistent += u64::from(entry.policy == Policy::Persist);
        store.newest = store.newest.max(written_at);
        if written_at >= self.since {
            store.recent += one;
        }
        // The programs that a command's name led to are no functions.
        if let Some(function) = &entry.function
            && entry.kind != Kind::Command
            && store.functions.len() < Self::FUNCTIONS
        {
            store.functions.insert(function.clone());
        }
        // An entry of policy `persist` is intended to last until it is removed by name.
        let is_persistent = entry.policy == Policy::Persist;
        let is_endless = entry.expires_at.is_none() && !is_persistent;
        let scopes = &entry.scopes;
        let troubles = [
            (Check::Unreadable, unreadable.is_some()),
            (Check::Orphaned, self.is_orphaned(&address.store)),
            (Check::Expired, entry.is_expired(self.now)),
            (
                Check::EndlessPrompts,
                is_endless && scopes.prompt_id.is_some(),
            ),
            (Check::EndlessUsers, is_endless && scopes.user_id.is_some()),
            (Check::NearLimit, entry.size >= NEAR_LIMIT),
        ];
        for (check, has_it) in troubles {
            if has_it {
                let reason = unreadable.clone().filter(|_| check == Check::Unreadable);
                self.find(check, address, entry.size, reason);
                self.finding(check).persistent += u64::from(is_persistent);
            }
        }
    }

    /// Reports whether the store's dataset was deleted.
    fn is_orphaned(&self, store: &StoreAddress) -> bool {
        let dataset = store.dataset_id.as_ref();
        // A dataset's id is an ObjectId: nothing of another type was ever deleted.
        let is_gone = |id: &Arc<str>| self.live.is_some_and(|live| !live.contains(id));
        dataset.is_some_and(|id| !typed_name::is_typed_dataset(id) && is_gone(id))
    }

    fn find_document(&mut self, check: Check, document: Address) {
        self.finding(check).documents.push(document);
    }

    fn finding(&mut self, check: Check) -> &mut Finding {
        self.findings.entry(check).or_insert_with(|| Finding {
            check,
            usage: Usage::default(),
            persistent: 0,
            entries: Vec::new(),
            documents: Vec::new(),
            reasons: Vec::new(),
            stores: BTreeSet::new(),
        })
    }

    fn find(&mut self, check: Check, address: &Address, size: u64, reason: Option<String>) {
        const REASONS: usize = 3;
        let finding = self.finding(check);
        finding.usage += Usage {
            entries: 1,
            bytes: size,
        };
        if finding.entries.len() < NAMED {
            finding.entries.push(address.clone());
        }
        if let Some(reason) = reason
            && finding.reasons.len() < REASONS
        {
            finding.reasons.push(format!("{address}: {reason}"));
        }
    }

    /// Finds what is wrong with whole stores, once all their entries were seen.
    fn note_stores(&mut self) {
        let stores = std::mem::take(&mut self.stores);
        for (name, store) in &stores {
            if store.functions.len() > 1 {
                let functions: Vec<&str> = store.functions.iter().map(|name| &**name).collect();
                let reason = format!("store {name:?}: {}", functions.join(", "));
                self.find_store(Check::SharedStores, name, store, reason);
            }
        }
        for (name, current) in old_versions(&stores, self.since) {
            let reason = format!("store {name:?}: the latest is {current:?}");
            self.find_store(Check::OldVersions, name, &stores[name], reason);
        }
        self.stores = stores;
    }

    fn finish(self) -> Examination {
        let mut growth: Vec<Growth> = self
            .stores
            .into_iter()
            .map(|(store_name, store)| Growth {
                store_name,
                usage: store.usage,
                recent: store.recent,
            })
            .collect();
        growth.sort_by_key(|store| std::cmp::Reverse(store.recent.bytes));
        Examination {
            findings: self.findings.into_values().collect(),
            growth,
            usage: self.usage,
        }
    }

    fn find_store(&mut self, check: Check, name: &Arc<str>, store: &Store, reason: String) {
        let finding = self.finding(check);
        finding.usage += store.usage;
        finding.persistent += store.persistent;
        finding.stores.insert(name.clone());
        finding.reasons.push(reason);
    }
}

/// Stores `name#v…` of which another version was written later, and that version.
///
/// The store does not record which version is the newest: the one that was written last is taken
/// for it, and one that was written since `since` for one in use. A version begins with a digit.
fn old_versions(
    stores: &BTreeMap<Arc<str>, Store>,
    since: Timestamp,
) -> Vec<(&Arc<str>, &Arc<str>)> {
    let mut families: BTreeMap<&str, Vec<(&Arc<str>, Timestamp)>> = BTreeMap::new();
    for (name, store) in stores {
        if let Some((family, version)) = name.rsplit_once("#v")
            && version.starts_with(|c: char| c.is_ascii_digit())
        {
            let members = families.entry(family).or_default();
            members.push((name, store.newest));
        }
    }
    let mut old = Vec::new();
    for members in families.into_values() {
        let latest = members.iter().max_by_key(|(_, newest)| *newest);
        let (current, newest) = *latest.expect("a family has a member");
        for (name, written_at) in members {
            if written_at < newest && written_at < since {
                old.push((name, current));
            }
        }
    }
    old
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::{
        OnConflict, Record, StoreMetadata, WriteBackend, fail_at_refused, no_progress,
    };
    use crate::key::Key;
    use crate::scope::{DEFAULT_COLLECTION, Scopes, StoreAddress};
    use crate::transfer::Importer;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    const HASH: &str = "ad1e85b9ddae68414f8527434b5e44d4a88bf484c85c05bd622d01f23d6a8a88";

    fn before(hours: i64) -> Timestamp {
        Timestamp::from_millis(NOW.as_millis() - hours * 3_600_000)
    }

    fn entry(store: StoreAddress, key: &str) -> Entry {
        Entry::new(
            store.entry(Key::new(key).expect("a valid key")),
            Kind::Json,
            before(48),
        )
    }

    fn examination(entries: Vec<(Entry, &str)>, live: Option<&[&str]>) -> Examination {
        let backend = MemoryBackend::new();
        let mut on_refused = fail_at_refused;
        let mut importer = Importer::new(&backend, OnConflict::Fail, &mut on_refused);
        for (mut entry, value) in entries {
            entry.size = value.len() as u64;
            importer
                .add(Record::Entry(Box::new(entry), value.into()))
                .expect("it is written");
        }
        importer.flush().expect("it is written");
        let live = live.map(|live| live.iter().map(|id| Arc::from(*id)).collect());
        examine(
            &backend,
            DEFAULT_COLLECTION,
            &Filter::default(),
            live.as_ref(),
            NOW,
            &mut no_progress,
        )
        .expect("it is read")
    }

    fn found(examination: &Examination) -> Vec<(&str, u64)> {
        let finding = |finding: &Finding| (finding.check.id(), finding.usage.entries);
        examination.findings.iter().map(finding).collect()
    }

    #[test]
    fn a_healthy_store_has_no_findings() {
        let scopes = Scopes {
            user_id: Some("u".into()),
            ..Scopes::default()
        };
        let with_expiry = Entry {
            expires_at: Some(Timestamp::from_millis(NOW.as_millis() + 1)),
            scopes: scopes.clone(),
            ..entry(StoreAddress::new("s").with_dataset("d"), "a")
        };
        let kept = Entry {
            policy: Policy::Persist,
            scopes,
            ..entry(StoreAddress::new("s"), "b")
        };
        let examination = examination(vec![(with_expiry, "1"), (kept, "2")], Some(&["d"]));
        assert_eq!(found(&examination), []);
        assert_eq!(examination.usage.entries, 2);
    }

    #[test]
    fn finds_entries_by_what_is_known_of_them() {
        let scoped = |scopes| Entry {
            scopes,
            ..entry(StoreAddress::new("s"), "k")
        };
        let prompt = scoped(Scopes {
            prompt_id: Some("p".into()),
            ..Scopes::default()
        });
        let mut user = scoped(Scopes {
            user_id: Some("u".into()),
            ..Scopes::default()
        });
        user.address = StoreAddress::new("t").entry(user.address.key.clone());
        let expired = Entry {
            expires_at: Some(NOW),
            ..entry(StoreAddress::new("s"), "expired")
        };
        let orphan = entry(StoreAddress::new("s").with_dataset("gone"), "o");
        let linked = entry(StoreAddress::new("s").with_dataset("here"), "o");
        let raising = entry(StoreAddress::new("s"), HASH);
        // FiftyOne's stores read entries that the decorator does not.
        let chosen = entry(StoreAddress::new("s"), "chosen");
        let kept = Entry {
            policy: Policy::Persist,
            ..entry(StoreAddress::new("t"), HASH)
        };
        let examination = examination(
            vec![
                (prompt, "1"),
                (user, "1"),
                (expired, "1"),
                (orphan, "1"),
                (linked, "1"),
                (raising, r#"{"_cls": "mine"}"#),
                (chosen, r#"{"_cls": "mine"}"#),
                (kept, r#"{"_cls": "mine"}"#),
            ],
            Some(&["here"]),
        );
        assert_eq!(
            found(&examination),
            [
                ("unreadable", 1),
                ("orphaned", 1),
                ("expired", 1),
                ("endless-prompts", 1),
                ("endless-users", 1)
            ]
        );
        assert_eq!(
            examination.findings[0].reasons,
            [format!(
                r#"key "{HASH}" in store "s": a dict has its own _cls "mine""#
            )]
        );
    }

    #[test]
    fn finds_the_documents_of_stores_whose_datasets_were_deleted() {
        let backend = MemoryBackend::new();
        let metadata = StoreMetadata {
            value: "{}".into(),
            created_at: NOW,
            updated_at: None,
            policy: Policy::Persist,
        };
        let gone = StoreAddress::new("s").with_dataset("gone");
        for store in [
            StoreAddress::new("s"),
            StoreAddress::new("s").with_dataset("here"),
            gone.clone(),
        ] {
            let set = backend.set_metadata(&store, Some(&metadata));
            set.expect("it is written");
        }
        // No dataset ever had an id of another type.
        for id in [typed_name::of_dataset("street"), "bson:0".to_owned()] {
            let other = StoreAddress::new("s").with_dataset(&id);
            let set = backend.set_metadata(&other, Some(&metadata));
            set.expect("it is written");
        }
        let examine = |live: Option<&[&str]>| {
            let live = live.map(|live| live.iter().map(|id| Arc::from(*id)).collect());
            let (live, progress) = (live.as_ref(), &mut no_progress);
            examine(
                &backend,
                DEFAULT_COLLECTION,
                &Filter::default(),
                live,
                NOW,
                progress,
            )
            .expect("it is read")
        };
        assert_eq!(examine(None).findings, []);
        let findings = examine(Some(&["here"])).findings;
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].check, Check::Orphaned);
        assert_eq!(findings[0].usage, Usage::default());
        assert_eq!(findings[0].documents, [gone.document()]);
        assert_eq!(findings[0].datasets(), BTreeSet::from(["gone".into()]));
    }

    #[test]
    fn nothing_is_orphaned_as_long_as_nobody_knows_the_datasets() {
        let orphan = entry(StoreAddress::new("s").with_dataset("gone"), "o");
        assert_eq!(found(&examination(vec![(orphan, "1")], None)), []);
    }

    #[test]
    fn finds_stores_that_several_functions_use() {
        let of = |function: &str, key| Entry {
            function: Some(function.into()),
            ..entry(StoreAddress::new("shared"), key)
        };
        let command = Entry {
            kind: Kind::Command,
            ..of("/usr/bin/c", "c")
        };
        let two = vec![(of("a", "a"), "1"), (of("b", "b"), "1"), (command, "1")];
        let examination = examination(two, None);
        assert_eq!(found(&examination), [("shared-stores", 3)]);
        assert_eq!(examination.findings[0].reasons, [r#"store "shared": a, b"#]);
    }

    #[test]
    fn finds_versions_that_were_written_before_the_latest() {
        let written = |store: &str, hours| Entry {
            created_at: before(hours),
            updated_at: None,
            ..entry(StoreAddress::new(store), "k")
        };
        let examination = examination(
            vec![
                (written("f#v9", 30), "1"),
                (written("f#v10", 29), "1"),
                (written("f#v8", 40), "1"),
                (written("g#v1", 90), "1"),
                (written("f", 90), "1"),
                // One that is in use, and what are no versions.
                (written("h#v1", 1), "1"),
                (written("h#v2", 2), "1"),
                (written("team#video", 90), "1"),
                (written("team#vision", 30), "1"),
            ],
            None,
        );
        assert_eq!(found(&examination), [("old-versions", 2)]);
        let stores: Vec<_> = examination.findings[0].stores.iter().collect();
        assert_eq!(stores, [&Arc::from("f#v8"), &Arc::from("f#v9")]);
    }

    #[test]
    fn finds_values_that_are_nearly_too_large() {
        let size = usize::try_from(NEAR_LIMIT).expect("it is in memory");
        let large = format!("\"{}\"", "x".repeat(size - 2));
        let small = format!("\"{}\"", "x".repeat(size - 3));
        let entries = vec![
            (entry(StoreAddress::new("s"), "large"), large.as_str()),
            (entry(StoreAddress::new("s"), "small"), small.as_str()),
        ];
        assert_eq!(found(&examination(entries, None)), [("near-limit", 1)]);
    }

    #[test]
    fn what_was_written_since_is_not_selected() {
        let raising = entry(StoreAddress::new("s"), HASH);
        let examination = examination(vec![(raising.clone(), r#"{"_cls": "mine"}"#)], None);
        let selection = examination.findings[0].selection(NOW);
        assert!(selection.any_of[0].matches(&raising, NOW));
        let mended = Entry {
            updated_at: Some(NOW),
            ..raising.clone()
        };
        assert!(!selection.any_of[0].matches(&mended, NOW));
        let kept = Entry {
            policy: Policy::Persist,
            ..raising
        };
        assert!(!selection.any_of[0].matches(&kept, NOW));
    }

    #[test]
    fn the_store_that_grows_fastest_comes_first() {
        let recent = Entry {
            updated_at: Some(before(1)),
            ..entry(StoreAddress::new("new"), "k")
        };
        let old = entry(StoreAddress::new("old"), "k");
        let growth = examination(vec![(old, "1234"), (recent, "12")], None).growth;
        let recent: Vec<_> = growth
            .iter()
            .map(|store| (&*store.store_name, store.recent.bytes, store.usage.bytes))
            .collect();
        assert_eq!(recent, [("new", 2, 2), ("old", 0, 4)]);
    }
}
