//! Several processes on one store.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Child;
use std::time::Instant;

use super::common::worker;
use super::*;
use ecache_core::execution_cache::Datasets;

/// Does the job of another process.
pub(super) fn work(job: &str, path: &Path) {
    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(path)));
    match job {
        "compute" => {
            let value = function.cache.call(&ctx, &StoredForm, one("a"), || {
                let log = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(log_of(path));
                log.and_then(|mut log| log.write_all(b"computed\n"))
                    .expect("the log");
                std::thread::sleep(Duration::from_millis(200));
                7
            });
            println!("value {value}");
        }
        "hang" => {
            function.cache.call(&ctx, &StoredForm, one("a"), || {
                println!("computing");
                std::thread::sleep(Duration::from_secs(600));
                0
            });
        }
        "clear" => {
            let cleared = function.cache.clear_all_caches(&ctx, &Datasets::All);
            println!("cleared {}", cleared.expect("cleared").entries);
        }
        "fill" => fill(&function, &ctx),
        arrays if arrays.starts_with("arrays") => arrays::work(path, arrays),
        other => panic!("unknown job {other}"),
    }
}

/// Computes on a disk that is full: no file may grow.
///
/// It ignores SIGXFSZ, as Python does, because a library leaves signals to its program. The
/// command's own tests cover its handling of the signal.
fn fill(function: &Function, ctx: &ExecutionContext) {
    function.call(ctx, "a", "x".repeat(100));
    let limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: plain calls; with the signal ignored, a write fails instead of ending the process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
    let value = function.call(ctx, "b", "y".repeat(100));
    let hit = function.call(ctx, "a", "z".repeat(100));
    // The output goes to a pipe, so the limit on files does not apply.
    println!("{} {} {}", &value[..1], &hit[..1], ctx.cache.failures() > 0);
}

fn log_of(path: &Path) -> std::path::PathBuf {
    path.with_extension("log")
}

fn spawn(job: &str, path: &Path) -> Child {
    worker(job, path).spawn().expect("a process")
}

/// Returns the output of a process.
fn said(mut child: Child) -> String {
    let mut said = String::new();
    let mut out = child.stdout.take().expect("a pipe");
    out.read_to_string(&mut said).expect("text");
    assert!(child.wait().expect("an end").success(), "{said}");
    said
}

#[test]
fn processes_that_ask_at_once_compute_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let children: Vec<Child> = (0..4).map(|_| spawn("compute", &path)).collect();
    for child in children {
        let said = said(child);
        assert!(said.contains("value 7"), "{said}");
    }
    let log = std::fs::read_to_string(log_of(&path)).expect("the log");
    assert_eq!(log, "computed\n");
}

#[test]
fn a_follower_computes_at_once_after_the_computing_process_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let mut leader = spawn("hang", &path);
    let out = BufReader::new(leader.stdout.take().expect("a pipe"));
    let mut lines = out.lines().map(|line| line.expect("text"));
    assert!(lines.any(|line| line.contains("computing")));

    let (function, ctx) = (Function::of(Residency::Hybrid), context(Cache::at(&path)));
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| function.call(&ctx, "a", 2));
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(function.computed(), 0, "it waits");
        let killed_at = Instant::now();
        leader.kill().expect("a process to kill");
        assert_eq!(follower.join().expect("a result"), 2);
        assert!(killed_at.elapsed() < Duration::from_secs(10));
    });
    leader.wait().expect("an end");
}

#[test]
fn results_that_another_process_clears_leave_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let (function, ctx) = (Function::of(Residency::Hybrid), coherent(&path));
    function.call(&ctx, "a", 1);
    assert_eq!(function.call(&ctx, "a", 2), 1);
    let said = said(spawn("clear", &path));
    assert!(said.contains("cleared 1"), "{said}");
    assert_eq!(function.call(&ctx, "a", 3), 3);
}

#[test]
fn on_a_full_disk_results_are_computed_and_hits_still_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = said(spawn("fill", &folder.path().join("store.db")));
    assert!(said.contains("y x true"), "{said}");
}
