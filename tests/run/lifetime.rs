//! How long a result is one.

use super::*;

#[test]
fn failures_are_kept_apart() {
    let session = Session::new();
    let line = "echo run >> ran; exit 1";
    for _ in 0..2 {
        assert_eq!(memoized(&session, "--no-failures", line).code, 1);
    }
    assert_eq!(runs(&session), 2);
    let options = "--ttl 1h --failure-ttl 10s";
    memoized(&session, options, line);
    memoized(&session, options, line);
    assert_eq!(runs(&session), 3);
    session.set_clock("2026-11-23T06:33:01.000Z");
    memoized(&session, options, line);
    assert_eq!(runs(&session), 4);
}

#[test]
fn a_result_has_its_time() {
    let session = Session::new();
    let line = "echo run >> ran; cat value";
    let now = |value: &str| std::fs::write(session.path("value"), value).expect("a file");
    now("1");
    memoized(&session, "--ttl 10m", line).prints("1");
    now("2");
    memoized(&session, "--ttl 10m", line).prints("1");
    memoized(&session, "--ttl 10m --max-age 1h", line).prints("1");
    memoized(&session, "--ttl 10m --refresh", line).prints("2");
    now("3");
    session.set_clock("2026-11-23T06:40:00.000Z");
    memoized(&session, "", line).prints("2");
    memoized(&session, "--ttl 10m --max-age 1m", line).prints("3");
    session.set_clock("2026-11-23T06:50:00.000Z");
    memoized(&session, "--no-exec", line).ends(1, "");
    now("4");
    memoized(&session, "", line).prints("4");
    assert_eq!(runs(&session), 4);
}

#[test]
fn the_environment_says_how_the_cache_is_used() {
    let line = "echo run >> ran; echo x";
    for (mode, expected) in [("on", 1), ("off", 3), ("readonly", 3), ("refresh", 3)] {
        let session = Session::new().with("ECACHE", mode);
        for _ in 0..3 {
            memoized(&session, "", line).prints("x\n");
        }
        assert_eq!(runs(&session), expected, "{mode}");
        let is_kept = session.store().exists();
        assert_eq!(is_kept, matches!(mode, "on" | "refresh"), "{mode}");
    }
    let session = Session::new();
    memoized(&session, "", line).prints("x\n");
    memoized(&session, "--cache readonly", line).prints("x\n");
    assert_eq!(runs(&session), 1);
}
