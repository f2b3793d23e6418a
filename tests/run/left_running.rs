//! Output of processes that a command leaves running: it is shown as it would be without ecache,
//! and takes back the result that was kept.

use std::os::unix::process::CommandExt;
use std::path::Path;

use super::*;
use support::make_fifo;

/// A command that leaves a process running, which prints the text that the named pipe `go` gets.
const LEAVES_CAT: &str = "cat go & echo hi";

/// Returns a session with the named pipe `go`.
fn session() -> Session {
    let session = Session::new();
    make_fifo(&session.path("go"));
    session
}

/// Lets the process that was left running print, and end.
fn let_print(session: &Session, text: &str) {
    std::fs::write(session.path("go"), text).expect("it is being read");
}

fn is_kept(session: &Session, line: &str) -> bool {
    memoized(session, "--no-exec", line).code == 0
}

/// Runs a line to the end of `ecache`, with its outputs in the file `out`.
fn run_into_file(session: &Session, options: &str, line: &str) {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    let out = std::fs::File::create(session.path("out")).expect("a file");
    command.arg(line).stdin(Stdio::null());
    command
        .stdout(out.try_clone().expect("a descriptor"))
        .stderr(out);
    assert!(command.status().expect("it starts").success());
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it is there")
}

#[test]
fn late_output_is_shown_and_takes_the_result_back() {
    for line in [LEAVES_CAT, "cat go >&2 & echo hi"] {
        let session = session();
        let mut child = start(&session, "", line);
        assert!(child.wait().expect("it ends").success());
        assert!(is_kept(&session, line), "{line}");
        let_print(&session, "late\n");
        let ran = finish(child);
        let both = String::from_utf8_lossy(&ran.stdout).into_owned() + &ran.stderr;
        assert_eq!(both, "hi\nlate\n", "{line}");
        assert!(!is_kept(&session, line), "{line}");
    }
}

#[test]
fn it_is_in_the_order_of_writes_where_both_streams_are_one() {
    let session = session();
    let line = "(cat go; echo two >&2; echo three) & echo hi";
    run_into_file(&session, "", line);
    assert_eq!(text(&session.path("out")), "hi\n");
    let_print(&session, "one\n");
    let is_whole = || text(&session.path("out")) == "hi\none\ntwo\nthree\n";
    wait_for("all is there", is_whole);
    wait_for("the result is gone", || !is_kept(&session, line));
}

#[test]
fn it_takes_the_result_back_where_it_is_shown_nowhere() {
    for line in [
        "ecache run -- sh -c 'cat go & echo hi' > /dev/null 2>&1",
        "ecache warm -q -- sh -c < item 2> /dev/null",
        "ecache run --stale 1h -- sh -c 'cat go & echo hi' > /dev/null 2>&1",
    ] {
        let session = session();
        std::fs::write(session.path("item"), format!("{LEAVES_CAT}\n")).expect("a file");
        let ran = session.shell(line);
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        assert_eq!(
            session.run("ls --fields store_name").text(),
            "sh\n",
            "{line}"
        );
        let_print(&session, "late\n");
        wait_for("the result is gone", || {
            session.run("ls --fields store_name").text().is_empty()
        });
    }
}

#[test]
fn a_refresh_in_the_background_keeps_nothing_that_was_cut() {
    let session = session();
    let line = "test -e loud && (cat go) & echo hi";
    memoized(&session, "--ttl 1m", line).prints("hi\n");
    std::fs::write(session.path("loud"), "").expect("a file");
    session.set_clock("2026-11-23T06:36:51.000Z");
    memoized(&session, "--ttl 1m --stale 1h", line).prints("hi\n");
    wait_for("it is refreshed", || is_kept(&session, line));
    let_print(&session, "late\n");
    wait_for("the result is gone", || !is_kept(&session, line));
}

#[test]
fn a_result_that_came_later_stays() {
    let session = session();
    let line = "test -e quiet || cat go & echo hi";
    let child = start(&session, "", line);
    wait_for("it is kept", || is_kept(&session, line));
    std::fs::write(session.path("quiet"), "").expect("a file");
    session.set_clock("2026-11-23T06:33:11.000Z");
    memoized(&session, "--refresh", line).prints("hi\n");
    let_print(&session, "late\n");
    assert_eq!(finish(child), ended("hi\nlate\n", "", 0));
    assert!(is_kept(&session, line));
}

#[test]
fn without_the_cache_it_is_shown_as_well() {
    let session = session();
    let mut child = start(&session, "--cache off", LEAVES_CAT);
    assert!(child.wait().expect("it ends").success());
    let_print(&session, "late\n");
    assert_eq!(finish(child), ended("hi\nlate\n", "", 0));
    assert!(!session.store().exists());
}

#[test]
fn a_silent_process_keeps_its_reader_waiting_as_without_ecache() {
    let session = session();
    let mut child = start(&session, "", LEAVES_CAT);
    let mut stdout = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut printed = String::new();
    stdout.read_line(&mut printed).expect("a line");
    assert!(child.wait().expect("it ends").success());
    let (sender, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(stdout.read_to_string(&mut printed)));
    let is_open = || end.recv_timeout(Duration::from_millis(50)).is_err();
    assert!(is_open(), "the reader has not seen the end");
    let_print(&session, "");
    wait_for("the reader sees the end", || !is_open());
    assert!(is_kept(&session, LEAVES_CAT), "nothing was cut");
}

#[test]
fn a_reader_that_goes_away_ends_its_writer() {
    let session = Session::new();
    let line = "(while echo more; do sleep 0.01; done; echo end > gone) & echo hi; sleep 0.2";
    let shown = session.shell(&format!("ecache run -- sh -c '{line}' | head -n 1"));
    assert_eq!(shown.code, 0);
    // The loop's `echo` is a built-in command, so SIGPIPE ends the process that was left running.
    let is_running = || {
        let found = session.shell("ps -eo args | grep -c '[w]hile echo more'");
        found.text().trim() != "0"
    };
    wait_for("the process ends", || !is_running());
    assert!(!session.path("gone").exists());
    assert!(!is_kept(&session, line));
}

#[test]
fn an_interrupt_of_the_foreground_does_not_end_it() {
    let session = session();
    let mut command = session.command("run --stdin none -- sh -c");
    command
        .arg(LEAVES_CAT)
        .stdin(Stdio::null())
        .process_group(0);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("ecache starts");
    assert!(child.wait().expect("it ends").success());
    // As the terminal sends it: to all processes of the foreground, of which `sh` let `cat` ignore
    // it.
    let group = Pid::from_raw(child.id() as i32).expect("a process");
    rustix::process::kill_process_group(group, Signal::INT).expect("there is one");
    let_print(&session, "late\n");
    assert_eq!(finish(child), ended("hi\nlate\n", "", 0));
}

#[test]
fn nothing_else_is_held_open() {
    let session = session();
    let line = format!("(ecache run -- sh -c '{LEAVES_CAT}; exec 3>&-' 3>&1 >out 2>&1) | cat");
    let line = line.replace("cat go", "exec 3>&-; cat go");
    // It ends although the process that was left running does not.
    session.shell(&line).prints("");
    let_print(&session, "late\n");
    wait_for("it is shown", || {
        text(&session.path("out")).ends_with("late\n")
    });
}
