//! The lifetime of a result.

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

#[test]
fn a_result_from_the_future_has_no_known_age() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran";
    session.set_clock("2030-01-01T00:05:00.000Z");
    memoized(&session, "", line).prints("1\n");
    session.run("set notes mine x").succeeds();
    // Clocks may differ by up to five minutes.
    session.set_clock("2030-01-01T00:00:00.000Z");
    memoized(&session, "--max-age 1h", line).prints("1\n");
    session.run("prune --older-than 30d --dry-run").notes(
        "no entry matches: there are 2 entries, none older than 30d; the oldest was just written\n",
    );
    session.set_clock("2026-11-23T06:32:51.000Z");
    memoized(&session, "", line).prints("1\n");
    session.run("ls --newer-than 1h").prints("");
    for filter in ["--older-than 30d", "--unused-for 30d"] {
        let listed = session.run(&format!("ls --fields store_name {filter}"));
        listed.prints("sh\nnotes\n");
    }
    memoized(&session, "--max-age 1h --stale 1000d", line).prints("2\n");
    memoized(&session, "--max-age 1h", line).prints("2\n");
    let pruned = session.run("prune --older-than 30d").succeeds();
    assert!(pruned.stderr.contains("1 entr"), "{}", pruned.stderr);
    session.run("ls --fields store_name").prints("sh\n");
}

#[test]
fn a_failure_that_is_not_to_be_kept_is_not_printed_again() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran; exit 3";
    let long = "echo run >> ran; wc -l < ran; yes | head -c 3000000; exit 3";
    for line in [line, long] {
        let first = |ran: &Ran| ran.text().lines().next().map(str::to_owned);
        std::fs::write(session.path("ran"), "").expect("a file");
        session.run("clear --all").succeeds();
        session.set_clock("2026-11-23T06:32:51.000Z");
        let fails = |options: &str, count: &str| {
            let ran = memoized(&session, options, line);
            assert_eq!(
                (ran.code, first(&ran)),
                (3, Some(count.to_owned())),
                "{options}"
            );
        };
        fails("", "1");
        fails("", "1");
        fails("--no-failures", "2");
        fails("", "1");
        session.set_clock("2026-11-23T06:33:01.000Z");
        // The shorter of the requested lifetime and the recorded one applies.
        fails("--failure-ttl 11s", "1");
        let why = |options: &str, reason: &str| {
            let line = line.to_owned();
            let words = format!("why --stdin none {options} --format json -- sh -c");
            let mut words: Vec<&str> = words.split_whitespace().collect();
            words.push(&line);
            let told = session.run(words);
            let json: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
            assert_eq!(json["reason"], reason, "{options}");
        };
        why("", "hit");
        why("--no-failures", "failure");
        why("--failure-ttl 11s", "hit");
        why("--failure-ttl 10s", "expired");
        memoized(&session, "--no-failures --no-exec", line).ends(1, "");
        fails("--no-failures --stale 1h", "3");
        fails("--failure-ttl 10s --stale 0.5s", "1");
        wait_for("a result of the background", || runs(&session) == 4);
        fails("--failure-ttl 10s", "4");
    }
    let echo = "echo run >> ran; exit 0";
    memoized(&session, "", echo).prints("");
    let before = runs(&session);
    memoized(&session, "--no-failures", echo).prints("");
    memoized(&session, "--failure-ttl 1ms", echo).prints("");
    assert_eq!(runs(&session), before);
}

#[test]
fn touch_finds_the_result_of_a_boot_or_a_session() {
    for lifetime in ["boot", "session", "1h"] {
        let session = Session::new();
        let run = format!("run --stdin none --ttl {lifetime} -- echo hi");
        session.run(run.as_str()).prints("hi\n");
        session
            .run("touch --stdin none --ttl 2m -- echo hi")
            .succeeds();
        let listed = session.run("ls --fields expires_at").succeeds();
        let ttl = session.run("ls --json").succeeds();
        assert!(!listed.text().contains("never"), "{lifetime}: {ttl:?}");
        assert!(ttl.text().contains("06:34:51"), "{lifetime}: {ttl:?}");
    }
}
