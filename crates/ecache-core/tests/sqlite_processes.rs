//! Many threads and processes on one store, processes that are killed, and disks that are full.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use common::{NOW, address, get, integrity, is_root, job, put, worker, write};
use ecache_core::backend::sqlite::{Access, SqliteBackend};
use ecache_core::backend::{
    Backend, ChangeBackend, Commit, Condition, Content, CountBackend, ImportBackend,
    MaintainBackend, ObserveBackend, OnConflict, Put, Record, WriteBackend, fail_at_refused,
    no_progress,
};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Selection};
use ecache_core::value::{CHUNK_SIZE, Kind};

const WORKERS: usize = 16;
const WRITES: usize = 25;

fn all() -> Selection {
    Filter::default().into()
}

fn count(backend: &dyn Backend) -> u64 {
    backend.usage(&all(), NOW).expect("a count").entries
}

/// Writes the entries of one writer, and tries to create entries that all writers compete for;
/// returns the number of those that it created.
fn write_some(path: &Path, writer: &str) -> u64 {
    let store = write(path);
    let mut created = 0;
    for number in 0..WRITES {
        let put_own = put(&store, &format!("{writer}-{number}"), b"value").expect("an entry");
        assert_eq!(put_own, Put::Created);
        let shared = Entry::new(address(&format!("shared-{number}")), Kind::Bytes, NOW);
        let content = Content::Inline(b"value".into());
        let put = store.put(&shared, &content, &Condition::IfAbsent.into(), NOW);
        created += u64::from(put.expect("a put") == Put::Created);
        let reader = SqliteBackend::open(path, Access::Read).expect("a store");
        let own = get(&reader, &format!("{writer}-{number}")).expect("a look-up");
        assert_eq!(own.as_deref(), Some(&b"value"[..]));
    }
    created
}

#[test]
fn many_threads_make_and_fill_one_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("new/store.db");
    let created: u64 = thread::scope(|scope| {
        let path = &path;
        let writers =
            (0..WORKERS).map(|writer| scope.spawn(move || write_some(path, &writer.to_string())));
        let writers: Vec<_> = writers.collect();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer"))
            .sum()
    });
    assert_eq!(created, WRITES as u64, "each shared entry was created once");
    assert_eq!(count(&write(&path)), ((WORKERS + 1) * WRITES) as u64);
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn many_threads_share_one_backend() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = write(&folder.path().join("store.db"));
    thread::scope(|scope| {
        for writer in 0..WORKERS {
            let store = &store;
            scope.spawn(move || {
                for number in 0..WRITES {
                    put(store, &format!("{writer}-{number}"), b"value").expect("an entry");
                    store.change_token().expect("a token");
                }
            });
        }
    });
    assert_eq!(count(&store), (WORKERS * WRITES) as u64);
}

#[test]
fn many_processes_make_and_fill_one_store() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("new/store.db");
    let writers: Vec<Child> = (0..WORKERS)
        .map(|writer| {
            let mut command = worker("write", &path);
            command.env("WORKER_NAME", writer.to_string());
            command.spawn().expect("a process")
        })
        .collect();
    let created = writers.into_iter().map(|writer| {
        let output = writer.wait_with_output().expect("a process");
        assert!(output.status.success());
        let output = String::from_utf8(output.stdout).expect("text");
        let created = output
            .split("created=")
            .nth(1)
            .and_then(|rest| rest.split(';').next());
        created.expect("a count").parse::<u64>().expect("a number")
    });
    assert_eq!(
        created.sum::<u64>(),
        WRITES as u64,
        "each shared entry was created once"
    );
    assert_eq!(count(&write(&path)), ((WORKERS + 1) * WRITES) as u64);
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn removing_while_many_write_counts_every_entry_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    write(&path);
    let mut writers: Vec<Child> = (0..4)
        .map(|writer| {
            let mut command = worker("put", &path);
            command.env("WORKER_NAME", writer.to_string());
            command.spawn().expect("a process")
        })
        .collect();
    let store = write(&path);
    let mut removed = 0;
    while writers
        .iter_mut()
        .any(|writer| writer.try_wait().expect("a process").is_none())
    {
        let batch = store
            .remove(&all(), NOW, &mut no_progress)
            .expect("a removal");
        removed += batch.entries;
        store.compact(NOW).expect("compacted");
    }
    for mut writer in writers {
        assert!(writer.wait().expect("a process").success());
    }
    assert_eq!(removed + count(&store), 4 * 200);
}

/// Runs a worker, kills it after `after` acknowledgements and then `delay`, and returns the last
/// acknowledgement.
fn kill(mut command: Command, after: u64, delay: Duration) -> u64 {
    let mut child = command.spawn().expect("a process");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut last = 0;
    let mut take = |line: std::io::Result<String>| {
        let line = line.expect("text");
        let number = line
            .rsplit("ack=")
            .next()
            .and_then(|number| number.parse().ok());
        last = number.unwrap_or(last).max(last);
        last
    };
    for line in lines.by_ref() {
        if take(line) >= after {
            break;
        }
    }
    thread::sleep(delay);
    child.kill().expect("a signal");
    child.wait().expect("a process");
    // Acknowledgements from before its death count.
    for line in lines {
        take(line);
    }
    last
}

fn opens_at_once(path: &Path) -> SqliteBackend {
    let started = Instant::now();
    let store = write(path);
    get(&store, "none").expect("a look-up");
    assert!(
        started.elapsed() < Duration::from_secs(9),
        "a lock is still held"
    );
    store
}

#[test]
fn acknowledged_writes_survive_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let mut acknowledged = 0;
    for round in 0..30_u64 {
        let mut command = worker("put-for-ever", &path);
        command.env("WORKER_NAME", acknowledged.to_string());
        let delay = Duration::from_micros(round * 397 % 5000);
        let last = kill(command, acknowledged + 1 + round % 7, delay);
        let store = opens_at_once(&path);
        // The next entry may have been written without its acknowledgement.
        for number in acknowledged..last {
            let expected = number.to_string().repeat(500);
            let found = get(&store, &number.to_string()).expect("a look-up");
            assert_eq!(found, Some(expected.into_bytes()), "{number} of {last}");
        }
        acknowledged = count(&store);
        assert!(acknowledged >= last);
        // Nothing is torn: every entry is whole.
        for number in 0..acknowledged {
            assert!(
                get(&store, &number.to_string())
                    .expect("a look-up")
                    .is_some()
            );
        }
    }
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn a_large_value_whose_writer_is_killed_is_not_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    for round in 0..5 {
        kill(
            worker("put-large", &path),
            1,
            Duration::from_millis(round * 5),
        );
        let store = opens_at_once(&path);
        let found = get(&store, "large").expect("a look-up");
        assert!(found.is_none_or(|value| value == vec![7; 6 * CHUNK_SIZE]));
    }
    assert_eq!(integrity(&path), "ok");
}

#[test]
fn an_import_that_is_killed_leaves_whole_batches() {
    for (job, batch) in [("import-whole", 20_000), ("import-batches", 100)] {
        for round in 0..6 {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("store.db");
            write(&path);
            kill(worker(job, &path), 1, Duration::from_millis(round * 40));
            let store = opens_at_once(&path);
            assert_eq!(count(&store) % batch, 0, "{job}");
            drop(store);
            assert_eq!(integrity(&path), "ok");
        }
    }
}

#[test]
fn a_removal_that_is_killed_leaves_whole_batches() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    for round in 0..6 {
        let store = write(&path);
        import(&store, 3000, Commit::Whole, |_| {});
        drop(store);
        let last = kill(
            worker("remove", &path),
            1,
            Duration::from_micros(round * 700),
        );
        let store = opens_at_once(&path);
        let left = count(&store);
        assert!(left <= 3000 - last, "what was said to be removed is gone");
        store
            .remove(&all(), NOW, &mut no_progress)
            .expect("a removal");
        drop(store);
        assert_eq!(integrity(&path), "ok");
    }
}

fn import(store: &SqliteBackend, entries: u64, commit: Commit, mut told: impl FnMut(u64)) {
    let mut records = (0..entries).map(|number| {
        told(number);
        let entry = Entry::new(address(&number.to_string()), Kind::Bytes, NOW);
        Ok(Record::Entry(Box::new(entry), vec![7; 100]))
    });
    let imported = store.import(
        &mut records,
        OnConflict::Fail,
        commit,
        &mut fail_at_refused,
        &mut no_progress,
    );
    imported.expect("an import");
}

/// Fills a store until nothing more fits, and checks that it still works and can be cleared.
fn fill_and_clear(path: &Path, size: usize) {
    let store = write(path);
    let mut written = Vec::new();
    for number in 0..100_000 {
        let value = vec![number as u8; size];
        match put(&store, &number.to_string(), &value) {
            Ok(_) => written.push(value),
            Err(Error::Full { .. }) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(written.len() > 2);
    let check = |store: &SqliteBackend| {
        for (number, value) in written.iter().enumerate() {
            let found = get(store, &number.to_string()).expect("a look-up");
            assert!(found.as_ref() == Some(value), "{number} is there");
        }
    };
    check(&store);
    check(&SqliteBackend::open(path, Access::Read).expect("a reader"));
    let expected = store.usage(&all(), NOW).expect("a count");
    let removed = store
        .remove(&all(), NOW, &mut no_progress)
        .expect("a removal");
    assert_eq!(removed, expected);
    assert_eq!(count(&store), 0);
    for number in 0..3 {
        put(&store, &number.to_string(), &vec![1; size]).expect("there is space again");
    }
    drop(store);
    assert_eq!(integrity(path), "ok");
}

#[test]
fn a_full_disk_can_be_cleared() {
    for size in ["100", "10000", "300000"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let job = worker("full-disk", folder.path());
        // In a mount namespace of its own, the small disk is gone with the process.
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.arg(job.get_program()).args(job.get_args());
        for (name, value) in job.get_envs() {
            command.env(name, value.expect("a value"));
        }
        let output = command.env("WORKER_NAME", size).output().expect("unshare");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{size}: {stderr}");
    }
}

#[test]
#[ignore = "it is the other process of the tests above"]
fn worker_process() {
    let (job, path) = job();
    let name = || std::env::var("WORKER_NAME").expect("a name");
    // Not `println!`, which may keep a line back.
    let acknowledge = |number: u64| {
        let mut output = std::io::stdout().lock();
        writeln!(output, "\nack={number}")
            .and_then(|()| output.flush())
            .expect("a reader");
    };
    match job.as_str() {
        "write" => println!("created={};", write_some(&path, &name())),
        "put" => {
            let store = write(&path);
            for number in 0..200 {
                put(&store, &format!("{}-{number}", name()), &[7; 1000]).expect("an entry");
            }
        }
        "put-for-ever" => {
            let store = write(&path);
            for number in name().parse::<u64>().expect("a number").. {
                let value = number.to_string().repeat(500);
                put(&store, &number.to_string(), value.as_bytes()).expect("an entry");
                acknowledge(number + 1);
            }
        }
        "put-large" => {
            let store = write(&path);
            acknowledge(1);
            put(&store, "large", &vec![7; 6 * CHUNK_SIZE]).expect("an entry");
        }
        "import-whole" => import(
            &write(&path),
            20_000,
            Commit::Whole,
            acknowledge_each(&acknowledge),
        ),
        "import-batches" => import(
            &write(&path),
            20_000,
            Commit::Every(100),
            acknowledge_each(&acknowledge),
        ),
        "remove" => {
            let removed = write(&path).remove(&all(), NOW, &mut |done| {
                acknowledge(done);
                no_progress(done)
            });
            removed.expect("a removal");
        }
        "full-disk" => {
            let mount = Command::new("mount")
                .args(["-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs"])
                .arg(&path)
                .status();
            assert!(mount.expect("mount").success());
            let size = name().parse().expect("a size");
            fill_and_clear(&path.join("store.db"), size);
        }
        other => panic!("no job is called {other}"),
    }
}

/// Acknowledges every thousandth number.
fn acknowledge_each(acknowledge: &impl Fn(u64)) -> impl FnMut(u64) {
    move |number| {
        if number % 1000 == 1 {
            acknowledge(number);
        }
    }
}
