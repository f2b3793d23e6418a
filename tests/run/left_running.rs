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

/// Starts `ecache` with its outputs in the files `out` and `err`.
fn start_into_files(session: &Session, options: &str, line: &str) -> Child {
    let mut command = session.command(format!("run --stdin none {options} -- sh -c").as_str());
    let file = |name: &str| std::fs::File::create(session.path(name)).expect("a file");
    command.arg(line).stdin(Stdio::null()).process_group(0);
    command.stdout(file("out")).stderr(file("err"));
    command.spawn().expect("ecache starts")
}

/// Runs a line likewise to the end of `ecache`.
fn run_into_files(session: &Session, options: &str, line: &str) {
    let mut child = start_into_files(session, options, line);
    assert!(child.wait().expect("it ends").success());
}

/// Waits for the whole output of such a line.
fn wait_for_text(session: &Session, whole: &str) {
    let both = || text(&session.path("out")) + &text(&session.path("err"));
    wait_for(whole, || both() == whole);
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it is there")
}

#[test]
fn late_output_is_shown_and_takes_the_result_back() {
    for line in [LEAVES_CAT, "cat go >&2 & echo hi"] {
        let session = session();
        run_into_files(&session, "", line);
        assert!(is_kept(&session, line), "{line}");
        let_print(&session, "late\n");
        wait_for_text(&session, "hi\nlate\n");
        assert!(!is_kept(&session, line), "{line}");
    }
}

#[test]
fn it_is_in_the_order_of_writes_where_both_streams_are_one() {
    let session = session();
    let line = "(cat go; echo two >&2; echo three) & echo hi";
    let ran = format!("ecache run -- sh -c '{line}' > out 2>&1");
    assert_eq!(session.shell(&ran).code, 0);
    assert_eq!(text(&session.path("out")), "hi\n");
    let_print(&session, "one\n");
    let whole = || text(&session.path("out")) == "hi\none\ntwo\nthree\n";
    wait_for("all is there", whole);
    session.run("ls").prints("");
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
    run_into_files(&session, "", line);
    assert!(is_kept(&session, line));
    std::fs::write(session.path("quiet"), "").expect("a file");
    session.set_clock("2026-11-23T06:33:11.000Z");
    memoized(&session, "--refresh", line).prints("hi\n");
    let_print(&session, "late\n");
    wait_for_text(&session, "hi\nlate\n");
    assert!(is_kept(&session, line));
}

#[test]
fn without_the_cache_it_is_shown_as_well() {
    let session = session();
    run_into_files(&session, "--cache off", LEAVES_CAT);
    let_print(&session, "late\n");
    wait_for_text(&session, "hi\nlate\n");
    assert!(!session.store().exists());
}

#[test]
fn the_reader_of_a_pipe_waits_for_a_moment_of_silence() {
    let session = session();
    for line in ["ecache run", "ecache run --no-exec"] {
        let line = format!("{line} --stdin none -- sh -c '{LEAVES_CAT}' | cat");
        session.shell(&line).prints("hi\n");
    }
    // The process that was left running has not ended: it waits for this.
    let_print(&session, "late\n");
    wait_for("the result is gone", || !is_kept(&session, LEAVES_CAT));
}

#[test]
fn the_reader_of_a_pipe_gets_what_comes_soon() {
    let session = Session::new();
    let line = "ecache run -- sh -c '(sleep 0.3; echo one; sleep 0.3; echo two) & echo hi' | cat";
    session.shell(line).prints("hi\none\ntwo\n");
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
    let mut child = start_into_files(&session, "", LEAVES_CAT);
    assert!(child.wait().expect("it ends").success());
    // As the terminal sends it: to all processes of the foreground, of which `sh` let `cat` ignore
    // it.
    let group = Pid::from_raw(child.id() as i32).expect("a process");
    rustix::process::kill_process_group(group, Signal::INT).expect("there is one");
    let_print(&session, "late\n");
    wait_for_text(&session, "hi\nlate\n");
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

#[test]
fn a_program_that_was_removed_meanwhile_passes_it_on() {
    let session = session();
    let line = "rm own; cat go & echo hi";
    session.shell("cp \"$(command -v ecache)\" own").prints("");
    session
        .shell(&format!("./own run --stdin none -- sh -c '{line}' > out"))
        .prints("");
    assert!(is_kept(&session, line));
    let_print(&session, "late\n");
    wait_for("it is shown", || text(&session.path("out")) == "hi\nlate\n");
    wait_for("the result is gone", || !is_kept(&session, line));
}
