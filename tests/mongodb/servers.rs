//! Servers that refuse, are silent, or are there again.

use std::io::copy;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::support::Session;
use super::{location, server};

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
        listed.stderr.contains("connection refused"),
        "{}",
        listed.stderr
    );
    let first = said(&session, "run -v -- echo out");
    assert!(first.starts_with("ecache: bypass: "), "{first}");
    assert!(first.contains("connection refused"), "{first}");
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
    assert!(later.contains("connection refused"), "{later}");
}

#[test]
fn a_server_that_does_not_answer_is_remembered() {
    // This server accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
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

/// Returns a location whose connections to the server are counted.
fn counted_location(database: &str) -> (String, Arc<AtomicUsize>) {
    let (hosts, _) = server();
    let address = hosts.trim_start_matches("mongodb://").split(',').next();
    let address = address.expect("a server").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    thread::spawn(move || {
        for client in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            let client = client.expect("a connection");
            let server = TcpStream::connect(&address).expect("the server answers");
            for (from, to) in [(&client, &server), (&server, &client)] {
                let mut from = from.try_clone().expect("a socket");
                let mut to = to.try_clone().expect("a socket");
                thread::spawn(move || {
                    let _ = copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    let process = std::process::id();
    let options = "directConnection=true";
    let location = format!("mongodb://127.0.0.1:{port}/{database}-{process}?{options}");
    (location, count)
}

#[test]
#[ignore = "needs a MongoDB server: tests/mongodb/with"]
fn a_run_connects_once_to_look_up_and_to_write() {
    let (location, count) = counted_location("connections");
    let session = Session::new().with("ECACHE_DB", &location);
    session
        .run("set s k v --dataset 65f0c0ffee00000000000001")
        .succeeds();
    // A new log of calls is noted in the database at once.
    session.run("run -- echo first").succeeds();
    for run in [
        "run -- echo out",
        "run --dataset 65f0c0ffee00000000000001 -- echo out",
        "run --stale 1h -- echo stale",
    ] {
        for outcome in ["miss", "hit"] {
            count.store(0, Ordering::SeqCst);
            let ran = session.run(run).succeeds();
            // The driver has one connection for operations, and one to watch the server.
            let connections = count.load(Ordering::SeqCst);
            assert_eq!(connections, 2, "{run}: {outcome}: {}", ran.stderr);
        }
    }
}
