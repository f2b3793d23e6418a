//! A real FiftyOne beside `ecache`, on one database.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::support::Session;
use super::{REASON, server};

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
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_server_without_a_scheme_is_found_and_what_is_none_makes_no_file() {
    let (hosts, _) = server();
    let hosts = hosts.trim_start_matches("mongodb://");
    let database = format!("plain-{}", std::process::id());
    let session = Session::new()
        .with("ECACHE_DB", &format!("mongodb://{hosts}/{database}"))
        .with("FIFTYONE_DATABASE_NAME", &database);
    session.run("set s k v").succeeds();
    let session = session.with("ECACHE_DB", "fiftyone");
    let plain = session.with("FIFTYONE_DATABASE_URI", hosts);
    plain.run("get s k").prints("v");
    let none = plain.with("FIFTYONE_DATABASE_URI", &format!("ann:sesame@{hosts}"));
    let refused = none.run("set s k v");
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(!refused.stderr.contains("sesame"), "{}", refused.stderr);
    assert!(!none.path("ann:sesame@127.0.0.1").exists());
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
fn fiftyones_tests_of_stores_pass_on_both_engines() {
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
