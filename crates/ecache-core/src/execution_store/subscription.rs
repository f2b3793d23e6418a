//! Subscriptions to changes of a store: a thread [watches](crate::watch) it and calls back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::ExecutionStore;
use crate::error::Result;
use crate::filter::Filter;
pub use crate::watch::Change;
use crate::watch::Watch;

/// Maximum delay until a change is noticed, as long as the store is small.
pub const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Keeps a callback informed of one store's changes until it is dropped.
///
/// The changes are those of every process, this one included. Between two polls, several changes of
/// an entry are one, and one that was created and deleted again was never there; deletions come
/// first, and then the others as the store keeps them. An entry that expires has not changed: it is
/// deleted when it is removed. Hits and the store's metadata are not changes. An entry that was
/// written in the very millisecond of a poll may be reported as updated once too often.
///
/// The callback runs in a thread of its own. An error is given to it once, however long it lasts,
/// and changes go on when it is over. A callback that panics ends the subscription.
///
/// Dropping it waits for a callback that is running, so do not hold a lock then that the callback
/// takes; a callback may drop its own subscription. None is called afterwards. The thread keeps a
/// key and some 50 bytes for each of the store's entries, and no transaction.
///
/// ```
/// # use ecache_core::backend::sqlite::{Access, SqliteBackend};
/// # use ecache_core::key::Key;
/// # use ecache_core::scope::StoreAddress;
/// # use ecache_core::time::SystemClock;
/// # use ecache_core::value::Value;
/// use std::sync::{Arc, mpsc};
///
/// use ecache_core::execution_store::{Change, ExecutionStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let backend = Arc::new(SqliteBackend::open(&folder.path().join("store.db"), Access::Write)?);
/// let thumbnails = StoreAddress::new("thumbnails");
/// let store = ExecutionStore::new(backend, Arc::new(SystemClock), thumbnails);
/// let (sender, receiver) = mpsc::channel();
/// let subscription = store.subscribe(move |change| {
///     // It fails when the receiver is gone.
///     let _ = sender.send(change);
/// })?;
///
/// store.set(&Key::new("cat.jpg")?, &Value::bytes([1, 2, 3]), None)?;
/// let Change::Created(entry) = receiver.recv()?? else { panic!("it was not there before") };
/// assert_eq!(entry.size, 3);
/// drop(subscription);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a subscription ends when it is dropped"]
#[derive(Debug)]
pub struct Subscription {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Subscription {
    /// Takes the first snapshot, so that whatever happens once this has returned is a change.
    pub(super) fn start(
        store: ExecutionStore,
        interval: Duration,
        mut callback: impl FnMut(Result<Change>) + Send + 'static,
    ) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let filter = Filter::store(&store.address);
        let watch = Watch::new(store.backend, store.clock, filter);
        let mut watcher = Watcher {
            watch,
            stopped: Arc::clone(&stopped),
        };
        watcher.poll()?;
        let thread = thread::Builder::new()
            .name("ecache-watch".into())
            .spawn(move || watcher.run(interval, &mut callback))?;
        Ok(Self {
            stopped,
            thread: Some(thread),
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else {
            return;
        };
        thread.thread().unpark();
        // A callback that drops its own subscription cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            // What a callback panicked with was reported when it did.
            let _ = thread.join();
        }
    }
}

/// The state of a subscription's thread.
struct Watcher {
    watch: Watch,
    stopped: Arc<AtomicBool>,
}

impl Watcher {
    fn run(&mut self, interval: Duration, callback: &mut dyn FnMut(Result<Change>)) {
        let mut rest = interval;
        let mut failing = false;
        loop {
            thread::park_timeout(rest);
            if self.is_stopped() {
                return;
            }
            let notices = match self.poll() {
                Ok(changes) => {
                    failing = false;
                    changes.into_iter().map(Ok).collect()
                }
                Err(_) if failing => Vec::new(),
                Err(error) => {
                    failing = true;
                    vec![Err(error)]
                }
            };
            rest = self.watch.rest(interval);
            for notice in notices {
                // A scan that was cut short by the end of the subscription is not reported either.
                if self.is_stopped() {
                    return;
                }
                callback(notice);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn poll(&mut self) -> Result<Vec<Change>> {
        let stopped = &self.stopped;
        let goes_on = || !stopped.load(Ordering::Relaxed);
        self.watch.poll_while(&goes_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::sqlite::{Access, SqliteBackend};
    use crate::key::Key;
    use crate::scope::StoreAddress;
    use crate::time::{ManualClock, Timestamp};
    use crate::usage::{EntryUse, UsageBatch};
    use crate::value::Value;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A watch and another process's view of the same store.
    struct Fixture {
        watcher: Watcher,
        store: ExecutionStore,
        clock: Arc<ManualClock>,
        folder: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
            let open = || {
                let path = folder.path().join("store.db");
                let backend = SqliteBackend::open(&path, Access::Write).expect("a new store");
                ExecutionStore::new(Arc::new(backend), clock.clone(), StoreAddress::new("s"))
            };
            let store = open();
            let ExecutionStore {
                backend,
                clock: _,
                address,
            } = open();
            let watcher = Watcher {
                watch: Watch::new(backend, clock.clone(), Filter::store(&address)),
                stopped: Arc::default(),
            };
            Self {
                watcher,
                store,
                clock,
                folder,
            }
        }

        /// Returns the next poll's changes; each poll and whatever follows it have a millisecond of
        /// their own.
        fn poll(&mut self) -> Vec<String> {
            self.clock.advance(Duration::from_millis(1));
            let changes = self.watcher.poll().expect("the store can be read");
            self.clock.advance(Duration::from_millis(1));
            changes.iter().map(show).collect()
        }

        fn set(&self, name: &str, text: &str) {
            let set = self.store.set(&key(name), &Value::text(text), None);
            set.expect("the store can be written");
        }

        fn execute(&self, sql: &str) {
            let path = self.folder.path().join("store.db");
            let connection = rusqlite::Connection::open(path).expect("the store's file");
            connection.execute_batch(sql).expect("valid SQL");
        }
    }

    fn key(name: &str) -> Key {
        Key::new(name).expect("a short key is valid")
    }

    fn show(change: &Change) -> String {
        let kind = match change {
            Change::Created(_) => "created",
            Change::Updated(_) => "updated",
            Change::Deleted(_) => "deleted",
        };
        format!("{kind} {}", change.key().as_str())
    }

    #[test]
    fn entries_that_were_there_before_are_no_change() {
        let mut fixture = Fixture::new();
        fixture.set("a", "1");
        assert!(fixture.poll().is_empty());
        assert!(fixture.poll().is_empty());
    }

    #[test]
    fn reports_deletions_first_and_then_writes() {
        let mut fixture = Fixture::new();
        fixture.set("a", "1");
        fixture.set("b", "1");
        fixture.poll();
        fixture.set("c", "1");
        fixture.set("a", "2");
        fixture.store.delete(&key("b")).expect("deleted");
        assert_eq!(fixture.poll(), ["deleted b", "updated a", "created c"]);
        assert!(fixture.poll().is_empty());
    }

    #[test]
    fn changes_between_two_polls_are_one_or_none() {
        let mut fixture = Fixture::new();
        fixture.set("twice", "1");
        fixture.set("again", "1");
        fixture.poll();
        fixture.set("brief", "1");
        fixture.store.delete(&key("brief")).expect("deleted");
        fixture.store.delete(&key("again")).expect("deleted");
        fixture.set("again", "1");
        fixture.set("twice", "2");
        fixture.set("twice", "3");
        let mut changes = fixture.poll();
        changes.sort();
        assert_eq!(changes, ["updated again", "updated twice"]);
    }

    #[test]
    fn a_lifetime_is_a_change_and_a_hit_is_none() {
        let mut fixture = Fixture::new();
        fixture.set("a", "1");
        fixture.poll();
        let hit = EntryUse {
            saved_ms: 0,
            entry: fixture.store.entry(&key("a")).expect("a valid key").into(),
            used_at: Timestamp::from_millis(2_000_000),
            written_at: Timestamp::from_millis(2_000_000),
            hits: 1,
        };
        let backend = &fixture.store.backend;
        let batch = UsageBatch {
            uses: vec![hit],
            ..UsageBatch::default()
        };
        let now = Timestamp::from_millis(2_000_000);
        backend.add_usage(&batch, None, now).expect("recorded");
        assert!(fixture.poll().is_empty());
        let touched = fixture.store.update_ttl(&key("a"), Some(HOUR));
        assert!(touched.expect("touched"));
        assert_eq!(fixture.poll(), ["updated a"]);
    }

    #[test]
    fn an_expired_entry_is_deleted_when_it_is_removed() {
        let mut fixture = Fixture::new();
        let set = fixture
            .store
            .set(&key("a"), &Value::text("1"), Some(HOUR / 2));
        set.expect("written");
        fixture.poll();
        fixture.clock.advance(HOUR);
        fixture.set("b", "1");
        assert_eq!(fixture.poll(), ["created b"]);
        fixture.store.clear_cache().expect("cleared");
        assert_eq!(fixture.poll(), ["deleted a"]);
    }

    #[test]
    fn sees_an_overwrite_within_the_millisecond_of_the_last_poll() {
        let mut fixture = Fixture::new();
        fixture.set("old", "1");
        fixture.clock.advance(HOUR);
        fixture.set("a", "1");
        assert!(fixture.watcher.poll().expect("the first poll").is_empty());
        fixture.set("a", "2");
        let changes = fixture.watcher.poll().expect("the second poll");
        assert_eq!(
            changes.iter().map(show).collect::<Vec<_>>(),
            ["updated a"],
            "only what was written in that millisecond"
        );
    }

    #[test]
    fn other_stores_do_not_show() {
        let mut fixture = Fixture::new();
        fixture.poll();
        let other = ExecutionStore::new(
            Arc::clone(&fixture.store.backend),
            fixture.clock.clone(),
            StoreAddress::new("s").with_dataset("d"),
        );
        other.set(&key("a"), &Value::text("1"), None).expect("set");
        assert!(fixture.poll().is_empty());
    }

    #[test]
    fn damage_is_no_deletion() {
        let mut fixture = Fixture::new();
        fixture.set("a", "1");
        fixture.poll();
        fixture.execute("UPDATE entries SET kind = 99");
        assert!(fixture.poll().is_empty());
    }

    #[test]
    fn an_error_does_not_lose_changes() {
        let mut fixture = Fixture::new();
        fixture.poll();
        fixture.set("a", "1");
        fixture.execute("ALTER TABLE uses RENAME TO elsewhere");
        assert!(fixture.watcher.poll().is_err());
        fixture.execute("ALTER TABLE elsewhere RENAME TO uses");
        assert_eq!(fixture.poll(), ["created a"]);
    }
}
