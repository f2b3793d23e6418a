//! Flags and variables of bkt, and lifetimes that are not durations.

use super::*;

#[test]
fn bkts_flags_and_variables_mean_what_they_meant() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran";
    memoized(&session, "--time-to-live 5s", line).prints("1\n");
    memoized(&session, "--force", line).prints("2\n");
    memoized(&session, "--scope a", line).prints("3\n");
    memoized(&session, "--scope b", line).prints("4\n");
    memoized(&session, "--use-working-dir", line).prints("5\n");
    memoized(&session, "--cwd", line).prints("5\n");
    memoized(&session, "--use-environment HOME", line).prints("6\n");
    memoized(&session, "--env HOME", line).prints("6\n");
    memoized(&session, "--modtime mark", line).prints("7\n");
    memoized(&session, "--use-file-modtime mark", line).prints("7\n");
    std::fs::write(session.path("mark"), "").expect("a file");
    memoized(&session, "--modtime mark", line).prints("8\n");
    session.shell("touch -d 2020-02-02 mark").succeeds();
    memoized(&session, "--modtime mark", line).prints("9\n");
    memoized(&session, "--modtime mark", line).prints("9\n");
    for _ in 0..2 {
        let failing = format!("{line}; exit 1");
        assert_eq!(memoized(&session, "--discard-failures", &failing).code, 1);
    }
    assert_eq!(runs(&session), 11);
    memoized(&session, "--cache-dir /tmp/x", line).ends(
        125,
        "ecache: --cache-dir is an option of bkt\n  tip: --db /tmp/x/store.db, or ECACHE_DB, which all commands read\n",
    );
    let session = session.with("BKT_TTL", "5s").with("BKT_SCOPE", "c");
    memoized(&session, "", line).prints("12\n");
    memoized(&session, "--scope c", line).prints("12\n");
    session.set_clock("2026-11-23T06:33:01.000Z");
    memoized(&session, "", line).prints("13\n");
}

#[test]
fn durations_are_written_as_for_bkt() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran";
    session.set_clock("2026-11-23T00:00:00.000Z");
    let run = |ttl| session.run(["run", "--ttl", ttl, "--", "sh", "-c", line]);
    run("1 hour 30 min").prints("1\n");
    session.set_clock("2026-11-23T01:29:59.000Z");
    run("1 hour 30 min").prints("1\n");
    session.set_clock("2026-11-23T01:30:00.000Z");
    run("30days").prints("2\n");
    session.set_clock("2026-12-23T01:29:59.000Z");
    run("30days").prints("2\n");
    session.set_clock("2026-12-23T01:30:00.000Z");
    let session = session.with("BKT_TTL", "5min");
    memoized(&session, "", line).prints("3\n");
    session.set_clock("2026-12-23T01:35:00.000Z");
    memoized(&session, "", line).prints("4\n");
}

#[test]
fn a_result_can_be_brought_up_to_date_without_waiting() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran";
    for count in ["1\n", "2\n"] {
        memoized(&session, "--warm", line).prints("");
        wait_for("a result", || {
            memoized(&session, "--no-exec", line).stdout == count.as_bytes()
        });
    }
}

#[test]
fn a_result_may_last_until_the_next_boot_or_for_a_session() {
    let session = Session::new();
    let line = "echo run >> ran; wc -l < ran";
    memoized(&session, "--ttl boot", line).prints("1\n");
    session.set_clock("2027-11-23T06:33:01.000Z");
    memoized(&session, "--ttl boot", line).prints("1\n");
    memoized(&session, "--ttl session", line).prints("2\n");
    memoized(&session, "--ttl session", line).prints("2\n");
    let another = session.shell("setsid --wait ecache run --stdin none --ttl session -- sh -c 'echo run >> ran; wc -l < ran'");
    another.prints("3\n");
    // Another boot has another id, which is part of the key.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux has one");
    let key = session
        .run("key --stdin none --ttl boot --explain -- true")
        .succeeds();
    assert!(
        key.text()
            .contains(&format!("\"boot\": \"{}\"", boot.trim())),
        "{key:?}"
    );
    let of_session = session.run("key --stdin none --ttl session -- true");
    assert_ne!(session.run("key --stdin none -- true"), of_session);
    let session = session.with("BKT_TTL", "session");
    assert_eq!(session.run("key --stdin none -- true"), of_session);
}
