//! A result whose computation read an older source than a refresh, a set or a clear is not kept.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use ecache_core::execution_cache;
use futures_executor::block_on;

use super::*;

static FOLDER: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a folder"));
static CACHE: LazyLock<Cache> = LazyLock::new(|| {
    let cache = Cache::at(FOLDER.path().join("store.db"));
    cache.with_coherence(Duration::ZERO)
});

/// A source that functions read. The next read can be held until the source has changed.
struct Source {
    value: AtomicU64,
    hold: Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl Source {
    const fn new() -> Self {
        Self {
            value: AtomicU64::new(1),
            hold: Mutex::new(None),
        }
    }

    fn read(&self) -> u64 {
        let value = self.value.load(Ordering::SeqCst);
        let hold = self.hold.lock().expect("no panic").take();
        if let Some((reached, go_on)) = hold {
            reached.send(()).expect("the test waits");
            go_on.recv().expect("the test goes on");
        }
        value
    }

    /// Runs `compute` on a thread. After it has read 1, the source becomes 2 and `change` runs.
    fn during(&self, compute: impl FnOnce() -> u64 + Send, change: impl FnOnce()) -> u64 {
        let (reached, is_reached) = channel();
        let (go_on, goes_on) = channel();
        self.value.store(1, Ordering::SeqCst);
        *self.hold.lock().expect("no panic") = Some((reached, goes_on));
        std::thread::scope(|scope| {
            let computing = scope.spawn(compute);
            is_reached.recv().expect("it computes");
            self.value.store(2, Ordering::SeqCst);
            change();
            go_on.send(()).expect("it waits");
            computing.join().expect("a result")
        })
    }
}

macro_rules! outdated_in {
    ($name:ident, $residency:literal) => {
        mod $name {
            use super::*;

            static SOURCE: Source = Source::new();

            #[execution_cache(cache = CACHE, residency = $residency)]
            fn read(_key: u8) -> u64 {
                SOURCE.read()
            }

            #[execution_cache(cache = CACHE, residency = $residency)]
            async fn read_async(_key: u8) -> u64 {
                SOURCE.read()
            }

            #[execution_cache(cache = CACHE, residency = $residency, verify_every = 1)]
            fn verified(_key: u8) -> u64 {
                SOURCE.read()
            }

            #[test]
            fn an_older_computation_is_not_kept() {
                let refresh = || assert_eq!(read::refresh(1), 2);
                assert_eq!(SOURCE.during(|| read(1), refresh), 1);
                assert_eq!(read::get(1), Some(2), "after a refresh");

                let set = || assert!(read::set_cache(2, 2).expect("a store"));
                assert_eq!(SOURCE.during(|| read(2), set), 1);
                assert_eq!(read::get(2), Some(2), "after a set");

                assert_eq!(SOURCE.during(|| read::refresh(3), set_three), 1);
                assert_eq!(read::get(3), Some(2), "an older refresh, after a set");

                let refresh = || assert_eq!(block_on(read_async::refresh(1)), 2);
                assert_eq!(SOURCE.during(|| block_on(read_async(1)), refresh), 1);
                assert_eq!(block_on(read_async::get(1)), Some(2), "after a refresh");

                let set = || assert!(block_on(read_async::set_cache(2, 2)).expect("a store"));
                assert_eq!(SOURCE.during(|| block_on(read_async(2)), set), 1);
                assert_eq!(block_on(read_async::get(2)), Some(2), "after a set");

                assert!(verified::set_cache(1, 0).expect("a store"));
                let set = || assert!(verified::set_cache(1, 2).expect("a store"));
                SOURCE.during(|| verified(1), set);
                assert_eq!(verified::get(1), Some(2), "an older verification");
            }

            fn set_three() {
                assert!(read::set_cache(3, 2).expect("a store"));
            }
        }
    };
}

outdated_in!(hybrid, "hybrid");
outdated_in!(ephemeral, "ephemeral");
outdated_in!(transient, "transient");

mod cleared {
    use ecache_core::backend::{Backend, Cause, Operation, no_progress};
    use ecache_core::filter::Pattern;
    use ecache_core::time::{Clock, SystemClock, Timestamp};

    use super::*;

    static SOURCE: Source = Source::new();

    #[execution_cache(cache = CACHE, store_name = "outdated")]
    fn read(_key: u8) -> u64 {
        SOURCE.read()
    }

    #[execution_cache(cache = CACHE, store_name = "outdated_async")]
    async fn read_async(_key: u8) -> u64 {
        SOURCE.read()
    }

    /// Held by each test of the two functions: they share a source and their stores.
    static ALONE: Mutex<()> = Mutex::new(());

    fn alone() -> MutexGuard<'static, ()> {
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now() -> Timestamp {
        SystemClock.now()
    }

    /// Clears both stores as another process does.
    fn elsewhere(clear: impl Fn(&dyn Backend, &Filter)) {
        let cache = Cache::at(FOLDER.path().join("store.db"));
        for name in ["outdated", "outdated_async"] {
            let filter = Filter {
                stores: vec![Pattern::exact(name)],
                ..Filter::default()
            };
            clear(cache.backend().expect("a store").as_ref(), &filter);
        }
    }

    fn undoably(backend: &dyn Backend, filter: &Filter) {
        let filter = filter.clone();
        let operation = Operation::of_this_process(Cause::Cleared, "clear".into(), String::new());
        let removed = backend.remove_logged(&filter.into(), None, &operation, now());
        removed.expect("a store");
    }

    fn for_good(backend: &dyn Backend, filter: &Filter) {
        let removed = backend.remove(&filter.clone().into(), now(), &mut no_progress);
        removed.expect("a store");
    }

    #[test]
    fn a_clear_by_another_process_holds_during_a_computation() {
        let _alone = alone();
        // The first ones find an empty store, and the others one with results.
        let clears: [fn(&dyn Backend, &Filter); 4] = [undoably, for_good, undoably, for_good];
        for (key, clear) in clears.iter().enumerate() {
            let key = u8::try_from(key).expect("a few");
            let clear_and_call = || {
                elsewhere(clear);
                assert_eq!(read(key), 2, "it does not join the older computation");
            };
            assert_eq!(SOURCE.during(|| read(key), || elsewhere(clear)), 1);
            assert_eq!(read::get(key), None, "{key}");
            assert_eq!(SOURCE.during(|| read(key), clear_and_call), 1);
            assert_eq!(read::get(key), Some(2), "{key}");
            assert_eq!(SOURCE.during(|| read::refresh(key), || elsewhere(clear)), 1);
            assert_eq!(read::get(key), None, "{key}");

            let call = || block_on(read_async(key));
            assert_eq!(SOURCE.during(call, || elsewhere(clear)), 1);
            assert_eq!(block_on(read_async::get(key)), None, "{key}");
            let refresh = || block_on(read_async::refresh(key));
            assert_eq!(SOURCE.during(refresh, || elsewhere(clear)), 1);
            assert_eq!(block_on(read_async::get(key)), None, "{key}");
            read(key);
            block_on(read_async(key));
        }
    }

    static DAMAGED: LazyLock<Cache> = LazyLock::new(|| Cache::at(FOLDER.path().join("damaged.db")));

    #[execution_cache(cache = DAMAGED, residency = "transient", store_name = "damaged")]
    fn read_damaged(_key: u8) -> u64 {
        SOURCE_OF_DAMAGED.read()
    }

    static SOURCE_OF_DAMAGED: Source = Source::new();

    #[test]
    fn a_clear_by_another_process_holds_though_the_first_look_failed() {
        let path = FOLDER.path().join("damaged.db");
        read_damaged(1);
        let connection = rusqlite::Connection::open(&path).expect("a database");
        let damaged = connection.execute("UPDATE entries SET value = CAST('y' AS BLOB)", ());
        assert_eq!(damaged, Ok(1));
        let clear = || {
            let cache = Cache::at(&path);
            let filter = Filter::default();
            for_good(cache.backend().expect("a store").as_ref(), &filter);
        };
        assert_eq!(SOURCE_OF_DAMAGED.during(|| read_damaged(1), clear), 1);
        assert_eq!(read_damaged::get(1), None);
        assert_eq!(read_damaged(1), 2);
        assert_eq!(read_damaged::get(1), Some(2));
    }

    #[test]
    fn a_set_outdates_a_refresh_that_noticed_a_clear_after_it_began() {
        let _alone = alone();
        assert_eq!(SOURCE.during(|| read(9), || ()), 1);
        elsewhere(for_good);
        let set = || assert!(read::set_cache(9, 2).expect("a store"));
        assert_eq!(SOURCE.during(|| read::refresh(9), set), 1);
        assert_eq!(read::get(9), Some(2));
    }
}

mod elsewhere {
    use super::*;

    /// A function as two processes have it, which do not wait for each other, with one clock.
    struct Process {
        function: ExecutionCache,
        ctx: ExecutionContext,
    }

    impl Process {
        fn new(path: &Path, clock: &Arc<ManualClock>, residency: Residency) -> Self {
            let backend = Cache::at(path).backend().expect("a store").clone();
            let cache = Cache::on(backend).with_clock(clock.clone());
            Self {
                function: ExecutionCache::new(options("tests::elsewhere", |options| {
                    options.residency = residency;
                })),
                ctx: context(cache.with_coherence(Duration::ZERO)),
            }
        }

        fn call(&self, compute: impl FnOnce() -> u64) -> u64 {
            self.function
                .call(&self.ctx, &StoredForm, one("a"), compute)
        }
    }

    #[test]
    fn a_result_that_was_begun_later_by_another_process_stays() {
        for residency in [Residency::Hybrid, Residency::Transient] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("store.db");
            let clock = Arc::new(ManualClock::new(NOW));
            let (here, there) = (
                Process::new(&path, &clock, residency),
                Process::new(&path, &clock, residency),
            );
            let pass = || clock.advance(Duration::from_millis(100));

            let set = || {
                pass();
                let set = |value| {
                    let (function, ctx) = (&there.function, &there.ctx);
                    function.set_cache(ctx, &StoredForm, one("a"), value)
                };
                assert!(set(2_u64).expect("a store"));
                1
            };
            assert_eq!(here.call(set), 1);
            assert_eq!(here.call(|| 3), 2, "a set during the computation");

            let clear = || here.function.clear_cache(&here.ctx, one("a"));
            clear().expect("a store");
            let compute = || {
                pass();
                assert_eq!(there.call(|| 2), 2);
                1
            };
            assert_eq!(here.call(compute), 1);
            assert_eq!(here.call(|| 3), 2, "a computation during the computation");

            clear().expect("a store");
            let within = || {
                pass();
                here.call(|| 2)
            };
            assert_eq!(there.call(|| within() - 1), 1);
            assert_eq!(there.call(|| 3), 2, "the other way round");

            clear().expect("a store");
            let set_back = || {
                pass();
                let set = here.function.set_cache(&here.ctx, &StoredForm, one("a"), 1);
                assert!(set.expect("a store"));
                clock.set(NOW);
                2
            };
            assert_eq!(there.call(set_back), 2);
            assert_eq!(here.call(|| 3), 2, "the clock was set back");
        }
    }
}
