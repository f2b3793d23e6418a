//! FiftyOne's running jobs, which removals leave.

use super::location;
use super::support::Session;
use super::support::screen::Screen;

/// Returns the line of a job that runs while it has a lease, until the year `lease`.
fn job(key: &str, dataset: &str, lease: &str) -> String {
    format!(
        r#"{{"store_name": "jobs", "key": "{key}", "dataset_id": {dataset}, "created_at": "2026-11-23T02:00:00Z", "policy": "evict", "expires_at": "2099-01-01T00:00:00Z", "kind": "json", "value": {{"id": "{key}", "owner": "ann", "scope": "s", "payload": null, "state": "running", "lease_expires_at": {{"$bson": {{"$date": "{lease}-01-01T00:00:00Z"}}}}, "fencing_token": 1, "cancel_requested": false, "progress": null}}}}"#
    ) + "\n"
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn removals_leave_running_jobs_unless_told_otherwise() {
    let job = |key: &str, lease: &str| job(key, "null", lease);
    let lines = job("runs", "2099") + &job("lost", "2020");
    for (index, clear) in [
        "clear --all",
        "clear --store jobs",
        "clear --kind job",
        "prune --older-than 1h",
        "prune --unused-for 1h --older-than 1h",
        "prune --max-entries 0",
        "prune --max-size 0",
        "prune --kind job --max-size 0",
        "prune --older-than 1h --max-size 0",
    ]
    .into_iter()
    .enumerate()
    {
        let session = Session::new().with("ECACHE_DB", &location(&format!("jobs{index}")));
        std::fs::write(session.path("lines"), &lines).expect("a file");
        for store in ["jobs", "other"] {
            session
                .run(["stores", "create", store, "--policy", "evict"])
                .succeeds();
        }
        session.run("import lines").succeeds();
        for (dry, word) in [
            (" --dry-run", "would remove 1 entry"),
            ("", "removed 1 entry"),
        ] {
            let ran = session.run(format!("{clear}{dry}").as_str()).succeeds();
            let told = &ran.stderr;
            assert!(told.starts_with(word), "{clear}{dry}: {told}");
            assert!(told.contains("1 entry ("), "{clear}{dry}: {told}");
            let note = "of running jobs stays; --jobs removes them too\n";
            assert_eq!(told.matches(note).count(), 1, "{clear}{dry}: {told}");
        }
        session.run("ls --fields key").prints("runs\n");
        // Creating a store fails where its own document has stayed.
        let is_there = |store| session.run(["stores", "create", store]).code == 1;
        assert!(is_there("jobs"), "{clear}");
        assert_eq!(is_there("other"), clear != "clear --all", "{clear}");
        let ran = session.run(format!("{clear} --jobs").as_str()).succeeds();
        let told = &ran.stderr;
        assert!(told.starts_with("removed 1 entry"), "{clear}: {told}");
        assert!(!told.contains("running jobs"), "{clear}: {told}");
        session.run("ls").prints("");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_browser_of_jobs_leaves_running_ones() {
    let session = Session::new().with("ECACHE_DB", &location("browsed"));
    let lines = job("runs", "null", "2099") + &job("lost", "null", "2020");
    std::fs::write(session.path("lines"), lines).expect("a file");
    session.run("import lines").succeeds();
    let mut screen = Screen::of(&session, "browse --kind job", (80, 24));
    screen.until(|shown| shown.contains("2 entries") && shown.contains("runs"));
    screen.type_keys("ady");
    screen.until(|shown| shown.contains("removed 1 entry"));
    assert_eq!(screen.quit("q"), 0);
    session.run("ls --fields key").prints("runs\n");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn the_doctor_leaves_running_jobs_of_deleted_datasets() {
    let session = Session::new().with("ECACHE_DB", &location("orphans"));
    let [live, deleted] = ["6b03de1228195dbc2df5c501", "6b03de1228195dbc2df5c502"];
    let deleted = format!("\"{deleted}\"");
    let lines = job("runs", &deleted, "2099") + &job("lost", &deleted, "2020");
    std::fs::write(session.path("lines"), lines).expect("a file");
    std::fs::write(session.path("live"), live).expect("a file");
    session.run("import lines").succeeds();
    session
        .run(["set", "s", "k", "v", "--dataset", live])
        .succeeds();
    for dry in ["--dry-run", ""] {
        let fix = format!("doctor --fix orphaned --live-datasets live {dry}");
        let told = session.run(fix.trim_end()).stderr;
        assert!(told.contains("1 entry ("), "{told}");
        assert!(told.contains("of running jobs stays"), "{told}");
    }
    session.run("ls --fields key").prints("runs\nk\n");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_dry_prune_names_each_job_once() {
    let session = Session::new().with("ECACHE_DB", &location("twice"));
    let lines = job("a", "null", "2020") + &job("b", "null", "2020");
    std::fs::write(session.path("lines"), lines).expect("a file");
    session.run("import lines").succeeds();
    let summary = "prune --kind job --older-than 1h --unused-for 1h --dry-run --format json";
    let told = session.run(summary).succeeds();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let going = told["going"].as_array().expect("a list");
    let keys: Vec<&str> = going
        .iter()
        .filter_map(|entry| entry["key"].as_str())
        .collect();
    assert_eq!(keys, ["a", "b"], "{told}");
    assert_eq!(told["entries"], 2, "{told}");
}
