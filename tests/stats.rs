//! `ecache stats`: what calls came to, compared with numbers known from outside.

mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use support::{Ran, Session};

/// Writes an entry whose computation took that long.
fn put(session: &Session, (store, key): (&str, &str), cost_ms: u64, size: usize) {
    let value = "x".repeat(size);
    let line = format!(
        "{{\"store_name\": \"{store}\", \"key\": \"{key}\", \"policy\": \"evict\", \
          \"kind\": \"text\", \"cost_ms\": {cost_ms}, \"value\": \"{value}\"}}"
    );
    session
        .run_with_input("import - --quiet", line.as_bytes())
        .succeeds();
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// Returns one object for each group.
fn stats(session: &Session, options: &str) -> Vec<Value> {
    let ran = session.run(&format!("stats --format jsonl {options}"));
    let lines = ran.succeeds();
    let object = |line| serde_json::from_str(line).expect("an object");
    lines.text().lines().map(object).collect()
}

/// Returns some figures of one group.
fn figures<const COUNT: usize>(group: &Value, names: [&str; COUNT]) -> [u64; COUNT] {
    names.map(|name| {
        group[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name} of {group}"))
    })
}

#[test]
fn entries_beyond_a_limit_are_counted_as_evicted() {
    let session = Session::new();
    for (store, key) in [("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")] {
        session
            .shell(&format!("echo {key} | ecache set {store} {key}"))
            .succeeds();
    }
    session.run("rm a 3").succeeds();
    session.run("prune --max-entries 1").succeeds();
    let evictions = |options: &str| -> Vec<u64> {
        let groups = stats(&session, options);
        groups
            .iter()
            .map(|group| figures(group, ["evictions"])[0])
            .collect()
    };
    // The store that is empty now has a row, too.
    assert_eq!(evictions(""), [2, 0]);
    assert_eq!(evictions("--since 1h a"), [2]);
    assert_eq!(evictions("--by user"), [2]);
}

#[test]
fn figures_are_those_counted_outside() {
    let session = Session::new();
    put(&session, ("a", "1"), 1500, 1 << 19);
    put(&session, ("b", "1"), 250, 10);
    for words in [
        "get a 1",
        "get a 1",
        "has a 1",
        "get b 1",
        "get a 1 --user ann",
    ] {
        session.run(words);
    }
    for words in ["get a none", "has b none", "get b none"] {
        assert_eq!(session.run(words).code, 1);
    }
    let groups = stats(&session, "");
    let names = [
        "calls",
        "hits",
        "misses",
        "hit_percent",
        "saved_ms",
        "time_percent",
    ];
    assert_eq!(figures(&groups[0], names), [5, 4, 1, 80, 4500, 100]);
    let exact = names.map(|name| groups[1][name].as_f64());
    assert_eq!(exact, [3.0, 1.0, 2.0, 33.33, 250.0, 100.0].map(Some));
    // 4.5 s for half a MiB.
    assert_eq!(
        figures(&groups[0], ["saved_ms_per_mib", "bytes"]),
        [9000, 1 << 19]
    );
    let users = stats(&session, "--by user");
    assert_eq!(
        figures(&users[0], ["hits", "misses", "saved_ms"]),
        [5, 3, 4750]
    );
    // The rows are the same whether they are still in the log or folded.
    assert_eq!(stats(&session, ""), groups);
}

#[test]
fn runs_are_counted_with_the_time_that_they_took_and_saved() {
    let session = Session::new();
    let run = |options: &str| {
        session
            .shell(&format!(
                "ecache run {options} -- sh -c 'sleep 0.05; echo out'"
            ))
            .succeeds()
    };
    for options in ["", "", "", "--refresh", "--user ann"] {
        run(options);
    }
    session
        .shell("ecache run --cache off -- sh -c true")
        .succeeds();
    let groups = stats(&session, "");
    assert_eq!(groups.len(), 1);
    let names = ["calls", "hits", "misses", "refreshes", "bypasses", "errors"];
    assert_eq!(figures(&groups[0], names), [4, 2, 2, 1, 0, 0]);
    let [saved, spent] = figures(&groups[0], ["saved_ms", "spent_ms"]);
    assert!(saved >= 100 && spent >= 150, "{saved} {spent}");
    let functions = stats(&session, "--by function");
    assert_eq!(functions[0]["function"], "/usr/bin/sh");
    assert_eq!(figures(&functions[0], ["hits", "saved_ms"]), [2, saved]);
    assert_eq!(
        functions[0]["misses"],
        Value::Null,
        "it is counted by store"
    );
    assert_eq!(session.run("stats --by function --since 1h").code, 2);
}

#[test]
fn usage_outlives_the_entries_and_has_its_hours() {
    let session = Session::new();
    put(&session, ("a", "1"), 100, 1);
    session.run("get a 1").succeeds();
    session.run("clear --all --policy any").succeeds();
    let empty = &stats(&session, "")[0];
    assert_eq!(figures(empty, ["entries", "hits", "saved_ms"]), [0, 1, 100]);
    session.set_clock("2026-11-23T09:32:51.000Z");
    assert_eq!(session.run("get a 1").code, 1);
    let since = |options: &str| {
        let groups = stats(&session, options);
        let calls = groups
            .iter()
            .map(|group| figures(group, ["hits", "misses"]));
        calls.collect::<Vec<_>>()
    };
    assert_eq!(since("--since 1h"), [[0, 1]]);
    assert_eq!(since("--since 1d"), [[1, 1]]);
    // Beyond 30 days an hour is part of its day.
    session.set_clock("2027-01-10T00:00:00.000Z");
    assert_eq!(session.run("get a 1").code, 1);
    assert_eq!(since("--since 1h"), [[0, 1]]);
    assert_eq!(since("--since 60d"), [[1, 2]]);
    assert_eq!(since(""), [[1, 2]]);
    session.set_clock("2028-02-10T00:00:00.000Z");
    assert_eq!(session.run("get a 1").code, 1);
    assert_eq!(since(""), [[0, 1]], "a year is kept");
}

#[test]
fn prompts_are_known_of_entries_alone() {
    let session = Session::new();
    session.run("set s k v --prompt p1").succeeds();
    session.run("get s k --prompt p1").succeeds();
    let prompts = stats(&session, "--by prompt");
    assert_eq!(prompts[0]["prompt_id"], "p1");
    assert_eq!(figures(&prompts[0], ["entries", "hits"]), [1, 1]);
    assert_eq!(prompts[0]["calls"], Value::Null);
    assert_eq!(session.run("stats --by prompt --since 1h").code, 2);
}

/// Reads metrics as Prometheus does, and returns the samples of one name.
fn samples<'a>(metrics: &'a Ran, name: &str) -> Vec<(&'a str, f64)> {
    let mut found = Vec::new();
    let (mut family, mut known) = ("", Vec::new());
    let body = metrics.text().strip_suffix("# EOF\n").expect("an end");
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().unwrap_or_default();
            assert!(!known.contains(&family), "{family} is one family");
            known.push(family);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{family} gauge"));
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            let (of, labels) = series.split_once('{').expect("labels");
            assert_eq!(of, family);
            let labels = labels.strip_suffix('}').expect("labels");
            assert!(
                labels.starts_with("store=\"") && labels.ends_with('"'),
                "{line}"
            );
            if of == name {
                found.push((labels, value));
            }
        }
    }
    assert!(known.contains(&name), "{name} among {known:?}");
    found
}

#[test]
fn metrics_are_openmetrics_with_bounded_labels() {
    let session = Session::new();
    let import = |stores: std::ops::Range<usize>| {
        let line = |n| format!("{{\"store_name\": \"s{n:03}\", \"key\": \"k\", \"value\": 1}}\n");
        let lines: String = stores.map(line).collect();
        session
            .run_with_input("import - --quiet", lines.as_bytes())
            .succeeds();
    };
    import(0..3);
    put(&session, ("odd \\\" name", "k"), 1250, 1);
    session.run(["get", "odd \" name", "k"]).succeeds();
    let metrics = session.run("stats --format prom").succeeds();
    let odd = "store=\"odd \\\" name\"";
    assert_eq!(samples(&metrics, "ecache_entries").len(), 4);
    assert!(samples(&metrics, "ecache_hits").contains(&(odd, 1.0)));
    assert!(samples(&metrics, "ecache_saved_seconds").contains(&(odd, 1.25)));
    import(3..120);
    let metrics = session.run("stats --format prom").succeeds();
    let entries = samples(&metrics, "ecache_entries");
    assert_eq!(entries.len(), 101);
    assert!(
        entries.contains(&("store=\"(other)\"", 21.0)),
        "{entries:?}"
    );
    assert!(
        entries.contains(&(odd, 1.0)),
        "those with most calls have labels of their own"
    );
    let calls = samples(&metrics, "ecache_hits");
    assert_eq!(calls.iter().map(|(_, hits)| hits).sum::<f64>(), 1.0);
    // An uncounted figure has no sample.
    let metrics = session
        .run("stats --format prom --larger-than 0")
        .succeeds();
    assert_eq!(samples(&metrics, "ecache_misses"), []);
}

#[test]
fn a_store_that_cannot_be_written_to_counts_nothing_and_says_so() {
    let session = Session::unprivileged();
    session.run("set s k v").succeeds();
    session.run("get s k").prints("v");
    assert_eq!(stats(&session, "")[0]["hits"], 1);
    let counts = |session: &Session| {
        let info = session.run("info --json").succeeds();
        let facts: Value = serde_json::from_str(info.text()).expect("JSON");
        facts["counts_calls"].clone()
    };
    assert_eq!(counts(&session), true);
    let folder = session.store_folder();
    let files = std::fs::read_dir(&folder).expect("a folder");
    for file in files {
        let path = file.expect("a file").path();
        set_mode(&path, if path.is_dir() { 0o500 } else { 0o400 });
    }
    set_mode(&folder, 0o500);
    session.run("get s k").prints("v");
    let ran = session.run("stats --json").succeeds();
    assert!(
        ran.stderr.contains("at least: calls are not counted"),
        "{ran:?}"
    );
    assert_eq!(counts(&session), false);
    // So that it can be removed.
    set_mode(&folder, 0o700);
}

#[test]
fn doctor_compares_limits_with_the_entries_and_counts_again() {
    let session = Session::new();
    session.run("limit set s --max-entries 9").succeeds();
    for key in ["a", "b", "c"] {
        session.run(["set", "s", key, "v"]).notes("");
    }
    let doctor = "doctor --fail-on limit-counts";
    session.run(doctor).succeeds();
    // Another program removes an entry.
    let store = rusqlite::Connection::open(session.store()).expect("a store");
    let removed = store.execute("DELETE FROM entries WHERE key = 'a'", ());
    assert_eq!(removed.expect("a removal"), 1);
    drop(store);
    for dry in ["", " --fix limit-counts --dry-run"] {
        let ran = session.run(&format!("{doctor} --format jsonl{dry}"));
        assert_eq!(ran.code, 1, "{ran:?}");
        let found = "store=s: 3 entries of 489 bytes are counted, and there are 2 of 326";
        assert!(ran.text().contains(found), "{ran:?}");
        let would = "limit-counts: would recount the entries of all limits\n";
        assert_eq!(ran.stderr.contains(would), !dry.is_empty(), "{ran:?}");
    }
    let ran = session.run(&format!("{doctor} --fix limit-counts"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let counted = "limit-counts: counted the entries of all limits again\n";
    assert!(ran.stderr.contains(counted), "{ran:?}");
    let ls = session.run("limit ls --format csv").succeeds();
    assert!(ls.text().contains("store=s,,326,9,2,0,0"), "{ls:?}");
}

#[test]
fn a_refresh_in_the_background_is_no_call() {
    let session = Session::new();
    let run = || {
        session
            .run("run --stdin none --ttl 1s --stale 1d -q -- date")
            .succeeds()
    };
    let names = ["calls", "hits", "stale", "misses", "refreshes"];
    run();
    for refreshes in 1..=2 {
        session.set_clock(&format!("2026-11-23T06:4{refreshes}:51.000Z"));
        run();
        support::wait_for("the refresh", || {
            figures(&stats(&session, "")[0], ["refreshes"]) == [refreshes]
        });
        let counted = figures(&stats(&session, "")[0], names);
        assert_eq!(counted, [1 + refreshes, refreshes, refreshes, 1, refreshes]);
    }
}

#[test]
fn a_hit_of_stats_is_a_hit_of_its_entry() {
    let session = Session::new();
    let run = || {
        let mut command = session.command("run --stdin none -- sh -c");
        command.arg("touch begun; sleep 1; echo out");
        command
            .stdout(Stdio::null())
            .spawn()
            .expect("ecache starts")
    };
    let mut processes = vec![run()];
    support::wait_for("the first", || session.path("begun").exists());
    processes.extend([run(), run(), run()]);
    for mut process in processes {
        assert!(process.wait().expect("it ends").success());
    }
    let [calls, hits, followers] = figures(&stats(&session, "")[0], ["calls", "hits", "followers"]);
    assert_eq!((calls, hits), (4, 3));
    assert!(
        followers > 0,
        "one of them has to come while the first runs"
    );
    assert_eq!(figures(&stats(&session, "--by function")[0], ["hits"]), [3]);
    session.run("ls --fields hits").prints("3\n");
}

#[test]
fn a_run_that_may_only_read_is_counted_and_makes_no_store() {
    let session = Session::new();
    let read_only = || session.shell("ECACHE=readonly ecache run -v -- true");
    let missed = "ecache: bypass: the cache is read-only\n";
    assert_eq!(read_only().stderr, missed);
    assert!(!session.store_folder().exists());
    session.run("set a k v").succeeds();
    assert_eq!(read_only().stderr, missed);
    assert_eq!(read_only().stderr, missed);
    session.run("run -- true").succeeds();
    read_only().succeeds();
    let off = session.run("run -v --cache off -- true");
    assert_eq!(off.stderr, "ecache: bypass: the cache is off\n");
    let groups = stats(&session, "--store true");
    let names = ["calls", "hits", "misses", "bypasses"];
    assert_eq!(figures(&groups[0], names), [2, 1, 1, 2]);
}

#[test]
fn calls_of_a_renamed_store_go_with_it_and_come_back() {
    let session = Session::new();
    put(&session, ("a", "1"), 10, 5);
    put(&session, ("b", "2"), 10, 5);
    let hits = |count: usize, store: &str, key: &str| {
        for _ in 0..count {
            session.run(&format!("get {store} {key}")).succeeds();
        }
    };
    let by_store = || -> Vec<(String, u64)> {
        let groups = stats(&session, "--by store --since 1d");
        let store = |group: &Value| group["store_name"].as_str().expect("a name").to_owned();
        groups
            .iter()
            .map(|group| (store(group), figures(group, ["hits"])[0]))
            .collect()
    };
    hits(3, "a", "1");
    hits(2, "b", "2");
    session.run("stores rename a b --merge").succeeds();
    assert_eq!(by_store(), [("b".to_owned(), 5)]);
    hits(4, "b", "1");
    session.run("undo").succeeds();
    let separate = [("a".to_owned(), 3), ("b".to_owned(), 6)];
    assert_eq!(by_store(), separate);
    session.run("undo 4").succeeds();
    assert_eq!(by_store(), [("b".to_owned(), 9)]);
    session.run("undo").succeeds();
    assert_eq!(by_store(), separate);
}

#[test]
fn a_write_adds_a_long_log_to_a_store_that_has_limits() {
    let session = Session::new();
    let line =
        |number: u32| format!("{{\"store_name\": \"a\", \"key\": \"{number}\", \"value\": 1}}\n");
    let entries: String = (0..5000).map(line).collect();
    let keys: String = (0..5000).map(|number| format!("{number}\n")).collect();
    session
        .run_with_input("import - --quiet", entries.as_bytes())
        .succeeds();
    // A log that was just begun is added at once.
    session.run("get a 1").succeeds();
    session
        .run_with_input("get a --keys-from -", keys.as_bytes())
        .succeeds();
    let mut log = session.store().into_os_string();
    log.push("-usage");
    let size = || std::fs::metadata(&log).map_or(0, |log| log.len());
    let long = size();
    assert!(long > 256 << 10, "{long}");
    session.run("set a new 1").succeeds();
    assert_eq!(size(), long);
    session.run("limit set --max-entries 6000").succeeds();
    session.run("set a newer 1").succeeds();
    assert!(size() < long, "{}", size());
    assert_eq!(figures(&stats(&session, "a")[0], ["hits"]), [5001]);
}
