//! Tests of inputs other than a pipe, and of the results that answer for them: a terminal, a
//! spooled stream, `/dev/null` and closed descriptors.

use support::screen::Screen;

use super::stdin::run_to_end;
use super::*;

#[test]
fn typed_text_is_not_kept_however_it_is_read() {
    for line in [
        "ecache run -- sh -c 'read x <&3; echo got $x' 3<&0 </dev/null",
        "ecache run -- sh -c 'read x <'$(tty)'; echo got $x' </dev/null",
        "ecache run -- sh -c 'read x </dev/tty; echo got $x' </dev/null",
        "ecache run -- sh -c 'read x; echo got $x'",
        "ecache run --stdin none -- sh -c 'read x <&4; echo got $x' 4<>$(tty)",
    ] {
        let session = Session::new();
        for typed in ["one", "two"] {
            // The next one must not follow this one, which prints before it ends.
            let line = format!("{line}; echo ended");
            let mut screen = Screen::start(&session, &line, (80, 24));
            screen.type_keys(&format!("{typed}\n"));
            screen.until(|text| text.contains("ended"));
            let text = screen.text();
            assert!(text.contains(&format!("got {typed}")), "{line}: {text}");
        }
    }
}

#[test]
fn hashed_input_comes_through_a_pipe() {
    for bypass in ["", "<(true)", "--cache off"] {
        let (option, argument) = match bypass {
            "--cache off" => (bypass, ""),
            other => ("", other),
        };
        let line = format!(
            "printf 'x\\nx\\n' | ecache run --stdin hash {option} -- \
             sh -c 'head -n1; echo --; cat; test -p /dev/stdin && echo pipe' {argument}"
        );
        let session = Session::new();
        for _ in 0..2 {
            let mut bash = session.program("bash");
            bash.args(["-c", &line]);
            run_to_end(bash).prints("x\n--\npipe\n");
        }
    }
    // Longer than a pipe holds, whether it is read or not.
    let session = Session::new();
    let long = vec![b'x'; 1 << 20];
    for _ in 0..2 {
        let ran = session.run_with_input("run --stdin hash -- cat", &long);
        assert!(ran.stdout == long);
        session
            .run_with_input("run --stdin hash -- echo unread", &long)
            .prints("unread\n");
    }
}

#[test]
fn a_result_without_input_answers_for_some_inputs() {
    let session = Session::new();
    let line = |redirect: &str| {
        session.shell(&format!(
            "ecache run --no-exec -- sh -c 'echo hi' {redirect}"
        ))
    };
    session
        .shell("ecache run --stdin none -- sh -c 'echo hi'")
        .prints("hi\n");
    line("</dev/null").prints("hi\n");
    // Reading from a descriptor that is open for writing alone is an error.
    line("0>/dev/null").ends(1, "");
    line("<&-").ends(1, "");
}
