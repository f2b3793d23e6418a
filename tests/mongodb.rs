//! `ecache` on a database of FiftyOne, with a real server and a real FiftyOne.
//!
//! `tests/mongodb/with cargo test --features mongodb -- --ignored` starts the one and installs the
//! other. Without them these tests fail; they do not pass by being skipped.

#![cfg(feature = "mongodb")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::Session;

const REASON: &str = "tests/mongodb/with names a server";

/// Returns the servers, and the options of their location.
fn server() -> (String, String) {
    let server = std::env::var("ECACHE_TEST_MONGODB").expect(REASON);
    let (hosts, options) = server
        .split_once("/?")
        .unwrap_or((server.trim_end_matches('/'), ""));
    (hosts.to_owned(), options.to_owned())
}

/// Returns the location of a database that no other test uses.
fn location(database: &str) -> String {
    let (hosts, options) = server();
    format!("{hosts}/{database}-{}?{options}", std::process::id())
}

/// Returns the command that runs a script of `tests/mongodb` with FiftyOne's Python, in a home of
/// its own.
fn python(script: &str, home: &Path) -> Command {
    let mut command = Command::new(std::env::var("ECACHE_TEST_PYTHON").expect(REASON));
    command
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/mongodb")
                .join(script),
        )
        .current_dir(home)
        .env("HOME", home)
        .env("ECACHE", env!("CARGO_BIN_EXE_ecache"))
        .env_remove("ECACHE_DB")
        .env_remove("ECACHE_TEST_NOW");
    command
}

/// Runs a script that checks something, and expects it to say so.
fn passes(command: &mut Command) {
    let ran = command.output().expect("python starts");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && stdout.ends_with("every check passed\n"),
        "{stdout}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// Runs a script in which FiftyOne uses a database of its own on the server.
fn passes_with_fiftyone(script: &str) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let (hosts, options) = server();
    let database = format!("{}-{}", script.trim_end_matches(".py"), std::process::id());
    passes(
        python(script, home.path())
            .env("FIFTYONE_DATABASE_URI", format!("{hosts}/?{options}"))
            .env("FIFTYONE_DATABASE_NAME", database)
            .env("FIFTYONE_DATABASE_VALIDATION", "false")
            .env("FIFTYONE_DO_NOT_TRACK", "true"),
    );
}

#[test]
#[ignore = "needs a MongoDB server and FiftyOne: tests/mongodb/with"]
fn fiftyone_and_ecache_find_read_and_clear_what_the_other_keeps() {
    passes_with_fiftyone("end_to_end.py");
}

#[test]
#[ignore = "needs a MongoDB server and FiftyOne: tests/mongodb/with"]
fn the_doctor_takes_nothing_that_fiftyones_panels_keep() {
    passes_with_fiftyone("panels.py");
}

#[test]
#[ignore = "needs FiftyOne and its MongoDB: tests/mongodb/with"]
fn the_server_that_fiftyone_started_for_itself_is_found() {
    let session = Session::new().with("ECACHE_DB", "fiftyone");
    let mut server = Embedded::start(&session);
    session
        .run("ls --fields store_name,key,dataset_name")
        .prints("s\tk\tstreet\n");
    session.run("get s k --dataset street").prints("[1, 2]\n");
    // FiftyOne passes the port to its child processes.
    let child = Session::new()
        .with("ECACHE_DB", "fiftyone")
        .with("FIFTYONE_PRIVATE_DATABASE_PORT", &server.port);
    child.run("ls --fields key").prints("k\n");
    for _ in 0..2 {
        let ran = session.shell("ecache run -- sh -c 'echo out; echo ran >> ran'");
        assert_eq!((ran.code, ran.text()), (0, "out\n"));
    }
    let ran = std::fs::read_to_string(session.path("ran")).expect("it ran");
    assert_eq!(ran, "ran\n", "once");
    server.end();
    let after = session.run("ls");
    assert_eq!(after.code, 3);
    assert!(
        after.stderr.contains("no server runs with"),
        "{}",
        after.stderr
    );
}

/// A Python that uses FiftyOne without a URI, and the server that it started.
struct Embedded {
    python: Child,
    port: String,
}

impl Embedded {
    fn start(session: &Session) -> Self {
        let python = std::env::var("ECACHE_TEST_PYTHON").expect(REASON);
        let installed = Path::new(&python).ancestors().nth(3).expect("a folder");
        let mut python = session
            .program(&python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mongodb/embedded.py"))
            .env("LD_LIBRARY_PATH", installed.join("lib"))
            .env("FIFTYONE_DATABASE_VALIDATION", "false")
            .env("FIFTYONE_DO_NOT_TRACK", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut port = String::new();
        let mut stdout = BufReader::new(python.stdout.take().expect("a pipe"));
        stdout.read_line(&mut port).expect("it says its port");
        Self {
            python,
            port: port.trim().to_owned(),
        }
    }

    /// Ends Python, and waits until its server has ended too.
    fn end(&mut self) {
        drop(self.python.stdin.take());
        self.python.wait().expect("python ends");
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn without_a_server_of_fiftyones_it_is_said_how_to_start_one_and_commands_run() {
    let session = Session::new().with("ECACHE_DB", "fiftyone");
    let folder = session.path(".fiftyone/var/lib/mongo");
    let said = format!("no server runs with its data in {}", folder.display());
    // A server that was killed leaves its number, which another process may have by now.
    let mine = std::process::id().to_string();
    for lock in [None, Some(""), Some("4194999\n"), Some(&*mine)] {
        if let Some(lock) = lock {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("mongod.lock"), lock).expect("a file");
        }
        let ran = session.run("ls");
        assert_eq!(ran.code, 3, "{lock:?}");
        assert!(ran.stderr.contains(&said), "{}", ran.stderr);
        assert!(ran.stderr.contains("python -i -c"), "{}", ran.stderr);
        let ran = session.run("run -- echo out").succeeds();
        assert_eq!((ran.text(), &*ran.stderr), ("out\n", ""));
        assert_eq!(session.run("run --strict -- echo out").code, 125);
    }
}

#[test]
fn a_file_that_is_called_as_fiftyones_database_is_named_with_its_folder() {
    let session = Session::new();
    session.run("set s k v --db ./fiftyone").succeeds();
    session.run("get s k --db ./fiftyone").prints("v");
    assert_eq!(session.run("get s k --db fiftyone").code, 3);
}

#[test]
#[ignore = "needs a MongoDB server and FiftyOne: tests/mongodb/with"]
fn values_of_every_type_move_and_stay_the_same_to_the_byte() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (hosts, options) = server();
    passes(
        python("values.py", folder.path())
            .env("SERVER", hosts)
            .env("OPTIONS", options)
            .env("DATABASE", format!("values-{}", std::process::id())),
    );
}

#[test]
#[ignore = "needs a MongoDB server and FiftyOne: tests/mongodb/with"]
fn what_fiftyones_tests_ask_of_a_store_holds_on_both_engines() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mongodb/stores_tests");
    let ran = Command::new(tests)
        .env("ECACHE", env!("CARGO_BIN_EXE_ecache"))
        .output()
        .expect("bash starts");
    let stdout = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let counts = [
        "97 passed, 1 skipped, 3 xfailed",
        "101 passed",
        "100 passed, 1 skipped",
    ];
    let mut lines = stdout.lines().filter(|line| line.contains(" passed"));
    for count in counts {
        let line = lines.next().expect("a line for each engine");
        assert!(line.starts_with(count), "{line}");
    }
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_dump_of_fiftyones_goes_through_the_database_to_the_byte() {
    let session = Session::new().with("ECACHE_DB", &location("dump"));
    let dump =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fiftyone/execution_store.bson");
    let dump = dump.to_str().expect("a plain name");
    session
        .run(["import", dump])
        .notes("imported 52 entries (52 new, 0 replaced) and the metadata of 1 store\n");
    let file = Session::new();
    file.run(["import", dump]).succeeds();
    let lines = |session: &Session| {
        let exported = session.run("export").succeeds();
        let mut lines: Vec<String> = exported.text().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&session), lines(&file));
    assert_eq!(lines(&session).len(), 53);
    for clear in [
        "clear --all --policy any --dry-run",
        "clear --all --policy any",
    ] {
        let here = session.run(clear).succeeds();
        assert_eq!(here.stderr, file.run(clear).succeeds().stderr);
    }
    session.run("ls").prints("");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn removals_are_logged_and_stay_removals() {
    let url = location("log");
    let session = Session::new().with("ECACHE_DB", &url);
    let nothing = session.run("undo").stderr;
    let told = "there is nothing to undo: no operation is logged";
    assert!(nothing.contains(told), "{nothing}");
    for key in ["k", "l", "m"] {
        session.run(["set", "s", key, "v"]).succeeds();
    }
    session.run("rm s k").succeeds();
    session.run("clear --key l").succeeds();
    session.run("clear --user bob").succeeds();
    let logged = session.run("log --format jsonl").succeeds();
    let lines: Vec<&str> = logged.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for part in [
        r#""op":1"#,
        r#""command":"rm s k""#,
        r#""did":"removed","entries":1"#,
        r#""undoable":false"#,
    ] {
        assert!(lines[1].contains(part), "{} without {part}", lines[1]);
    }
    session.run("set other k v").succeeds();
    session.run("rm other k").succeeds();
    // By the stores that it changed, whatever was typed.
    let operations = |log: &str| {
        let logged = session.run(log).succeeds();
        logged
            .text()
            .lines()
            .map(|line| line.split('\t').next().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(operations("log s"), ["2", "1"]);
    assert_eq!(operations("log other"), ["3"]);
    assert_eq!(operations("log k"), [""; 0]);
    for (undo, operation) in [("undo 2", "op 2, clear"), ("undo 1 -n", "op 1, rm s k")] {
        let ran = session.run(undo);
        let told = &ran.stderr;
        assert_eq!(ran.code, 1, "{told}");
        assert!(told.contains(operation), "{told}");
        assert!(told.contains("cannot be taken back"), "{told}");
        let database = url.split('?').next().expect("a location");
        let copy = format!("ecache copy {database} backup.db keeps a copy");
        assert!(told.contains(&copy), "{told}");
    }
    session.run("ls --fields key").prints("m\n");
    // The way that is named.
    session.run(["copy", &url, "backup.db"]).succeeds();
    session.run("clear --all").succeeds();
    session.run(["copy", "backup.db", &url]).succeeds();
    session.run("get s m").prints("v");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_command_is_replayed_from_the_database() {
    let session = Session::new().with("ECACHE_DB", &location("run"));
    let run = "run -- sh -c 'echo out; echo err >&2; echo ran >> ran; exit 3'";
    for _ in 0..2 {
        let ran = session.shell(&format!("ecache {run}"));
        assert_eq!((ran.code, ran.text()), (3, "out\n"));
    }
    let ran = std::fs::read_to_string(session.path("ran")).expect("it ran");
    assert_eq!(ran, "ran\n", "once");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_password_is_read_from_private_places_and_never_shown() {
    let session = Session::new();
    let (hosts, _) = server();
    let hosts = hosts.trim_start_matches("mongodb://");
    let location = format!("mongodb://ann:open-sesame@{hosts}/x?authSource=admin");
    let typed = session.run(["ls", "--db", &location]);
    assert_eq!(typed.code, 2);
    std::fs::write(session.path("location"), format!("{location}\n")).expect("a file");
    let denied = session.run("ls --db-file location");
    assert_eq!(denied.code, 5, "there is no such user");
    let info = session.run("info --db-file location");
    let malformed = "mongodb://ann:open-sesame@127.0.0.1:port/x";
    let malformed = Session::new().with("ECACHE_DB", malformed).run("ls");
    assert_eq!(malformed.code, 2);
    let away = "mongodb://ann:open-sesame@127.0.0.1:1/x?serverSelectionTimeoutMS=100";
    let away = Session::new().with("ECACHE_DB", away).run("ls");
    assert_eq!(away.code, 3);
    for ran in [typed, denied, info, malformed, away] {
        let said = format!("{}{}", ran.text(), ran.stderr);
        assert!(!said.contains("sesame"), "{said}");
    }
}

#[test]
fn a_name_that_stands_for_servers_is_refused_with_what_to_do() {
    let atlas = "mongodb+srv://ann:open-sesame@cluster.example.com/x";
    let ran = Session::new().with("ECACHE_DB", atlas).run("ls");
    assert_eq!(ran.code, 2);
    let said = ran.stderr;
    assert!(
        said.contains("SRV _mongodb._tcp.HOST") && said.contains("tls=true"),
        "{said}"
    );
    assert!(!said.contains("sesame"), "{said}");
}

/// Returns what `run -v` prints on standard error.
fn said(session: &Session, words: &str) -> String {
    let ran = session.run(words).succeeds();
    assert_eq!(ran.text(), "out\n");
    ran.stderr
}

#[test]
fn a_server_that_refuses_is_known_at_once_and_remembered() {
    // The timeout of a minute is never reached: all servers refuse the connection at once.
    let refused = "mongodb://ann:open-sesame@127.0.0.1:1,127.0.0.1:2/x?serverSelectionTimeoutMS=60000&connectTimeoutMS=60000";
    let session = Session::new().with("ECACHE_DB", refused);
    let listed = session.run("ls");
    assert_eq!(listed.code, 3);
    assert!(
        listed.stderr.contains("Connection refused"),
        "{}",
        listed.stderr
    );
    let first = said(&session, "run -v -- echo out");
    assert!(first.starts_with("ecache: bypass: "), "{first}");
    assert!(first.contains("Connection refused"), "{first}");
    let second = said(&session, "run -v --dataset somebodys -- echo out");
    let remembered =
        "ecache: bypass: its server could not be reached 0ms ago; running without the cache\n";
    assert_eq!(second, remembered);
    assert_eq!(session.run("run --no-exec -- echo out").code, 1);
    assert_eq!(session.run("run --strict -- echo out").code, 125);
    let other = Session::new().with("ECACHE_DB", "mongodb://127.0.0.1:3");
    assert!(said(&other, "run -v -- echo out").contains("127.0.0.1:3"));
    session.set_clock("2026-11-23T06:33:21.000Z");
    let later = said(&session, "run -v -- echo out");
    assert!(later.contains("Connection refused"), "{later}");
}

#[test]
fn a_server_that_does_not_answer_is_remembered() {
    // This server accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("a port").port();
    let location = format!("mongodb://127.0.0.1:{port}/x?serverSelectionTimeoutMS=100");
    let session = Session::new().with("ECACHE_DB", &location);
    let first = said(&session, "run -v -- echo out");
    assert!(first.contains("no answer within 100ms"), "{first}");
    let second = said(&session, "run -v -- echo out");
    assert!(second.contains("could not be reached 0ms ago"), "{second}");
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_server_that_is_reached_again_is_used_again() {
    let session = Session::new().with("ECACHE_DB", &location("again"));
    said(&session, "run -v -- echo out");
    let files = std::fs::read_dir(session.store_folder()).expect("a folder");
    let names = files.map(|file| file.expect("a file").path().display().to_string());
    let locks = names.into_iter().find(|name| name.ends_with("-locks"));
    let down = locks.expect("a run has locks").replace("-locks", "-down");
    let file = std::fs::File::create(&down).expect("a file");
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_795_415_571_000);
    file.set_modified(now).expect("a time");
    session.set_clock("2026-11-23T06:32:51.000Z");
    assert_eq!(
        said(&session, "run -v -- echo out"),
        "ecache: bypass: its server could not be reached 0ms ago; running without the cache\n"
    );
    session.run("ls").succeeds();
    assert!(!Path::new(&down).exists());
    assert!(said(&session, "run -v -- echo out").starts_with("ecache: hit, "));
    session.run("clear --all").succeeds();
}

#[test]
fn a_command_runs_although_no_server_answers() {
    let session = Session::new().with(
        "ECACHE_DB",
        "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=50",
    );
    let ran = session.run("run -- echo out").succeeds();
    assert_eq!((ran.text(), &*ran.stderr), ("out\n", ""));
    let strict = session.run("run --strict -- echo out");
    assert_eq!((strict.code, strict.text()), (125, ""));
    assert!(strict.stderr.contains("127.0.0.1:1"), "{}", strict.stderr);
}

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
