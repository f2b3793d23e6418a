//! Subscriptions to changes.

use super::*;

/// A subscription to a file that another handle writes to.
struct Watched {
    store: ExecutionStore,
    notices: Receiver<Result<Change>>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

/// Subscribes through one handle with a callback that passes everything on.
fn watch() -> (Watched, Subscription) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let watching = Fixture::new(sqlite(&path)).store;
    let (sender, notices) = mpsc::channel();
    let subscription = watching
        .subscribe_every(Duration::from_millis(1), move |notice| {
            let _ = sender.send(notice);
        })
        .expect("a readable store");
    let watched = Watched {
        store: Fixture::new(sqlite(&path)).store,
        notices,
        path,
        _folder: folder,
    };
    (watched, subscription)
}

impl Watched {
    fn next(&self) -> Result<Change> {
        let notice = self.notices.recv_timeout(Duration::from_secs(120));
        notice.expect("a notice within half a minute")
    }
}

#[test]
fn a_subscriber_hears_of_another_handles_changes() {
    let (watched, _subscription) = watch();
    let store = &watched.store;
    store.set(&key("k"), &text("v"), None).unwrap();
    let Change::Created(entry) = watched.next().unwrap() else {
        panic!("it was not there before")
    };
    assert_eq!(store.get_entry(&key("k")).unwrap(), Some(*entry));

    store.update_ttl(&key("k"), Some(MINUTE)).unwrap();
    let Change::Updated(entry) = watched.next().unwrap() else {
        panic!("it was there before")
    };
    assert_eq!(entry.policy, Policy::Evict);

    store.delete(&key("k")).unwrap();
    let deleted = watched.next().unwrap();
    assert!(
        matches!(&deleted, Change::Deleted(address) if address.key == key("k")),
        "{deleted:?}"
    );
}

#[test]
fn an_error_is_told_once_and_changes_go_on_after_it() {
    let (watched, _subscription) = watch();
    watched.store.set(&key("k"), &text("v"), None).unwrap();
    assert!(matches!(watched.next(), Ok(Change::Created(_))));
    let connection = rusqlite::Connection::open(&watched.path).expect("the store's file");
    connection
        .execute_batch("ALTER TABLE uses RENAME TO elsewhere")
        .unwrap();
    assert!(watched.next().is_err());
    connection
        .execute_batch("ALTER TABLE elsewhere RENAME TO uses")
        .unwrap();
    watched.store.delete(&key("k")).unwrap();
    let mut deleted = watched.next().unwrap();
    // An entry that is as old as the last look may be reported as updated once too often.
    while matches!(&deleted, Change::Updated(entry) if entry.address.key == key("k")) {
        deleted = watched.next().unwrap();
    }
    assert!(
        matches!(&deleted, Change::Deleted(address) if address.key == key("k")),
        "{deleted:?}"
    );
}

#[test]
fn dropping_a_subscription_ends_its_thread_at_once() {
    on_every_backend(|Fixture { store, .. }| {
        let (sender, notices) = mpsc::channel();
        let subscription = store
            .subscribe_every(Duration::from_secs(3600), move |notice| {
                let _ = sender.send(notice);
            })
            .unwrap();
        store.set(&key("k"), &text("v"), None).unwrap();
        drop(subscription);
        // The thread owned the only sender.
        let notice = notices.recv_timeout(Duration::ZERO);
        assert!(matches!(notice, Err(RecvTimeoutError::Disconnected)));
    });
}

#[test]
fn a_callback_may_drop_its_own_subscription() {
    on_every_backend(|Fixture { store, .. }| {
        let subscription = Arc::new(Mutex::new(None));
        let (sender, notices) = mpsc::channel();
        let own = Arc::clone(&subscription);
        let started = store.subscribe_every(Duration::from_millis(1), move |_| {
            drop(own.lock().unwrap().take());
            sender.send(()).unwrap();
        });
        *subscription.lock().unwrap() = Some(started.unwrap());
        store.set(&key("k"), &text("v"), None).unwrap();
        assert_eq!(notices.recv_timeout(Duration::from_secs(120)), Ok(()));
        let ended = notices.recv_timeout(Duration::from_secs(120));
        assert_eq!(ended, Err(RecvTimeoutError::Disconnected));
    });
}
