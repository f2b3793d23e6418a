//! Standard input stays available to its other readers: each line of shell prints the same with and
//! without ecache, on a miss and on every hit.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;

/// A bash command that waits until the pipe on standard input has data or is at its end, so that
/// the order of two processes does not matter.
const READY: &str = "until read -t 0; do sleep 0.01; done";

/// Runs a line in which `RUN` stands for `ecache run --`, and `READY` for [`READY`], with and
/// without the cache, and checks that the results agree. Returns the number of runs with the cache,
/// which the command records in `ran`.
#[track_caller]
fn agrees(session: &Session, line: &str) -> usize {
    let bash = |run: &str| {
        let mut shell = session.program("bash");
        let line = line.replace("RUN", run).replace("READY", READY);
        shell.args(["-c", &line]);
        run_to_end(shell)
    };
    std::fs::write(session.path("hosts"), "a\nb\nc\n").expect("a file");
    let plain = bash("env");
    let _ = std::fs::remove_file(session.path("ran"));
    for round in ["miss", "hit", "another hit"] {
        let cached = bash("ecache run --");
        assert_eq!(cached, plain, "{round}: {line}");
    }
    std::fs::read_to_string(session.path("ran")).map_or(0, |ran| ran.lines().count())
}

pub(super) fn run_to_end(mut command: std::process::Command) -> Ran {
    command.stdin(Stdio::null());
    command.output().expect("it starts").into()
}

#[test]
fn a_command_that_reads_nothing_leaves_everything() {
    for line in [
        "seq 3 | while read x; do RUN echo item $x; done",
        "while read x; do RUN echo host $x; done < hosts",
        r"printf 'RUN echo one\necho two\n' | bash",
        "find . -maxdepth 1 -type f | sort | while read f; do RUN wc -c $f; done",
        "printf 'ref1\nref2\n' | { RUN true; while read ref; do echo $ref; done; }",
        "{ RUN echo first; cat; } < hosts",
        "cat hosts | { RUN echo first; cat; }",
        "cat hosts | { RUN false; echo $?; cat; }",
        "cat hosts | { RUN sh -c 'exit 7'; echo $?; RUN sh -c 'exit 8'; echo $?; cat; }",
    ] {
        agrees(&Session::new(), line);
    }
}

#[test]
fn a_command_gets_what_it_reads_and_leaves_the_rest() {
    for line in [
        "cat hosts | RUN cat",
        "RUN cat < hosts",
        "{ RUN head -1; cat; } < hosts",
        "{ read a; RUN cat; echo $?; cat; } < hosts",
        "cat hosts | { RUN head -c 3; echo; cat; }",
        "cat hosts | { RUN sh -c 'read x; echo got $x'; cat; }",
        "cat hosts | RUN cat /dev/stdin",
        "RUN cat /dev/stdin < hosts",
        "yes | RUN head -1",
        "seq 100000 | RUN md5sum",
        "(echo a; sleep 0.1; echo b) | RUN cat",
        "true | RUN cat",
        "RUN cat < /",
        "RUN cat <&-",
        "RUN cat 0> written",
        "RUN cat < /dev/null",
        "head -c 10 /dev/zero | RUN od",
        "RUN head -c 10 < /dev/zero | od",
        "echo x | RUN tr x y | RUN tr y z",
        "cat hosts | RUN sh -c 'cat; exit 3'; echo $?",
        "RUN sh -c 'exec 0<&-; echo closed' < hosts",
    ] {
        agrees(&Session::new(), line);
    }
}

#[test]
fn an_input_that_was_seen_is_a_hit() {
    for line in [
        "cat hosts | { READY; RUN sh -c 'echo run >> ran; cat'; }",
        "RUN sh -c 'echo run >> ran; cat' < hosts",
        "seq 100000 | { READY; RUN sh -c 'echo run >> ran; md5sum'; }",
        "true | { READY; RUN sh -c 'echo run >> ran; cat'; }",
        "cat hosts | { READY; RUN sh -c 'echo run >> ran; echo text'; }",
        "seq 30000 | { READY; RUN sh -c 'echo run >> ran; echo text'; }",
        "cat hosts | { READY; RUN sh -c 'echo run >> ran; cat; exit 3'; }",
        "(seq 100; sleep 0.3; seq 100) | { READY; RUN sh -c 'x=$(cat); echo run >> ran; echo $x'; }",
        "RUN sh -c 'echo run >> ran' < /dev/null",
        "RUN sh -c 'echo run >> ran' <&-",
    ] {
        let session = Session::new();
        assert_eq!(agrees(&session, line), 1, "{line}");
    }
}

#[test]
fn another_input_is_a_miss() {
    let session = Session::new();
    let lines = |count: u32| (0..count).map(|n| format!("{n}\n")).collect::<String>();
    for input in [
        "",
        "a",
        "ab",
        "b",
        &lines(30_000),
        &lines(30_001),
        &("x".to_owned() + &lines(30_000)),
    ] {
        for _ in 0..2 {
            session
                .run_with_input("run -- cat", input.as_bytes())
                .prints(input);
        }
    }
    // The inputs have the same beginning, up to the point where hashes distinguish them.
    let mut changed = lines(30_000).into_bytes();
    *changed.last_mut().expect("it is long") = b'!';
    session
        .run_with_input("run -- cat", &changed)
        .prints(changed);
}

#[test]
fn a_command_that_reads_after_all_is_believed() {
    let session = Session::new();
    let run = |options: &str, input: &str| {
        let line =
            format!("printf '{input}' | ecache run {options} -- sh -c 'test -e quiet || cat'");
        session.shell(&line)
    };
    std::fs::write(session.path("quiet"), "").expect("a file");
    run("", "a").prints("");
    run("", "b").prints("");
    std::fs::remove_file(session.path("quiet")).expect("it is there");
    // The recorded command read nothing, which holds until a refresh.
    run("", "b").prints("");
    run("--refresh", "b").prints("b");
    run("", "b").prints("b");
    run("", "c").prints("c");
}

#[test]
fn an_open_pipe_holds_nothing_up() {
    let session = Session::new();
    for _ in 0..2 {
        // The pipe stays open as long as a user could type, as with ssh.
        let (reader, open) = std::io::pipe().expect("a pipe");
        let mut command = session.command("run -- echo hello");
        command
            .stdin(reader)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        finish(command.spawn().expect("ecache starts")).prints("hello\n");
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "it was waited for"
        );
        drop(open);
    }
}

#[test]
fn nothing_answers_for_what_may_still_arrive() {
    let session = Session::new();
    let line = "ecache run -- sh -c 'echo >> begun; timeout $(cat patience) cat; echo end'";
    std::fs::write(session.path("patience"), "1").expect("a file");
    for _ in 0..2 {
        session.shell(&format!("sleep 2 | {line}")).prints("end\n");
    }
    std::fs::write(session.path("patience"), "60").expect("a file");
    std::fs::remove_file(session.path("begun")).expect("it has run");
    let begun = "until test -e begun; do sleep 0.01; done";
    let late = session.shell(&format!("({begun}; echo data) | {line}"));
    late.prints("data\nend\n");
}

#[test]
fn followers_do_not_wait_for_a_leader_that_waits_for_their_reader() {
    let session = Session::new();
    let line = "ecache run -- sh -c 'cat; seq 100000'";
    session
        .shell(&format!("echo x | {line} > /dev/null"))
        .succeeds();
    let mut shell = session.program("bash");
    let both = format!("paste <(echo y | {line}) <(echo y | {line}) | tail -1");
    shell.args(["-c", &both]);
    run_to_end(shell).prints("100000\t100000\n");
}

#[test]
fn a_dialogue_is_not_held_up() {
    let session = Session::new();
    let ask = "sh -c 'while read x; do echo got $x; test $x = end && exit; done'";
    session
        .shell(&format!(
            "printf 'a long line that is known\\nend\\n' | ecache run -- {ask}"
        ))
        .succeeds();
    let mut child = session.spawn([
        "run",
        "--",
        "sh",
        "-c",
        "while read x; do echo got $x; test $x = end && exit; done",
    ]);
    let (mut asked, answers) = (
        child.stdin.take().expect("a pipe"),
        child.stdout.take().expect("a pipe"),
    );
    let mut answers = BufReader::new(answers).lines();
    for line in ["one", "two", "end"] {
        writeln!(asked, "{line}").expect("it reads");
        let answer = answers.next().expect("an answer").expect("text");
        assert_eq!(answer, format!("got {line}"));
    }
    drop(asked);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_signal_that_ends_the_command_ends_the_loop_around_it() {
    let session = Session::new();
    let mut shell = session.program("bash");
    shell.args([
        "-c",
        "ecache run --stdin none -- sh -c 'kill -TERM $$'; echo $?",
    ]);
    let ran = run_to_end(shell);
    assert_eq!(ran.text(), "143\n");
    let child = session.spawn(["run", "--stdin", "none", "--", "sh", "-c", "kill -TERM $$"]);
    let status = child.wait_with_output().expect("it ends").status;
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(15)
    );
}

#[test]
fn a_socket_is_a_stream_as_well() {
    let session = Session::new();
    let cat = |input: &[u8]| {
        let (mut ours, theirs) = UnixStream::pair().expect("a pair");
        let mut command = session.command("run -- sh -c");
        command.arg("echo run >> ran; cat");
        command
            .stdin(std::os::fd::OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("ecache starts");
        drop(command);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                ours.write_all(input).expect("it is read");
            });
            finish(child)
        })
    };
    let long = vec![b'x'; 300_000];
    for input in [b"one", b"two", b"one", &long[..], &long] {
        cat(input).prints(input);
    }
    assert_eq!(runs(&session), 3);
}

#[test]
fn asking_for_a_key_reads_nothing() {
    let session = Session::new();
    session
        .shell("printf 'a\nb\n' | { ecache key -- cat | wc -l; cat; }")
        .prints("1\na\nb\n");
    session
        .shell("printf 'a\nb\n' | ecache run -- cat")
        .succeeds();
    let why = session.shell("printf 'a\nb\n' | { ecache why -- cat | head -c 4; echo; cat; }");
    why.prints("hit:\na\nb\n");
    session
        .shell("printf 'a\nb\n' | { ecache run --no-exec -- wc -l; echo $?; cat; }")
        .prints("1\na\nb\n");
}

#[test]
fn a_run_in_the_background_reads_a_copy() {
    let session = Session::new();
    let line = "-- sh -c 'cat; echo run >> ran'";
    let warm =
        format!("(echo a; sleep 0.1; echo bc) | {{ {READY}; ecache run --warm {line}; cat; }}");
    let mut shell = session.program("bash");
    shell.args(["-c", &warm]);
    run_to_end(shell).prints("a\nbc\n");
    wait_for("the result", || {
        let hit = session.shell(&format!("printf 'a\\nbc\\n' | ecache run --no-exec {line}"));
        hit.text() == "a\nbc\n"
    });
    assert_eq!(runs(&session), 1);
}

#[test]
fn commands_with_inputs_outside_the_key_are_not_kept() {
    let session = Session::new();
    session.shell("mkfifo fifo").succeeds();
    for (line, outputs) in [
        ("ecache run -- cat <(echo X)", "X\n"),
        ("ecache run -- cat /dev/fd/7 7<<< X", "X\n"),
        ("ecache run -- cat /proc/self/fd/7 7<<< X", "X\n"),
        ("echo X | ecache run -- cat /dev/stdin", "X\n"),
        ("(echo X > fifo &); ecache run -- cat fifo", "X\n"),
        (
            "(echo X > fifo &); ecache run -- dd if=fifo status=none",
            "X\n",
        ),
    ] {
        for text in ["AAA", "BBB"] {
            let mut shell = session.program("bash");
            shell.args(["-c", &line.replace('X', text)]);
            run_to_end(shell).prints(outputs.replace('X', text));
        }
    }
    assert_eq!(session.run("ls").text(), "");
    let mut shell = session.program("bash");
    shell.args([
        "-c",
        "ecache run -v -- cat 7<<< a /dev/fd/7; ecache why -- cat 7<<< a /dev/fd/7",
    ]);
    let why = "/dev/fd/7 is a descriptor, whose content cannot be part of the key";
    let ran = run_to_end(shell);
    assert_eq!(ran.text(), format!("a\nnever a hit: {why}\n"));
    assert_eq!(
        ran.stderr,
        format!("ecache: bypass: {why}; running without the cache\n")
    );
    assert_eq!(ran.code, 1);
}

#[test]
fn runs_with_an_input_that_cannot_be_in_a_key_are_no_trouble() {
    let session = Session::new();
    session.run("set s k v").notes("");
    session.shell("mkfifo fifo").succeeds();
    let bash = |line: &str| {
        let mut shell = session.program("bash");
        shell.args(["-c", line]);
        run_to_end(shell)
    };
    bash("ecache run -- cat <(echo a)").prints("a\n");
    let told = |count: &str| {
        let note = format!("{count} went without the cache; ecache run -v says why\n");
        assert_eq!(session.run("stats").stderr, note);
    };
    told("1 call");
    // Nothing was run, or nothing was asked of the cache.
    bash("ecache run --strict -- cat <(echo a)").ends(
        125,
        "ecache: /dev/fd/63 is a descriptor, whose content cannot be part of the key\n",
    );
    bash("ecache run --no-exec -- cat <(echo a)").ends(1, "");
    bash("ecache run --cache off -- cat <(echo a)").prints("a\n");
    bash("ECACHE=off ecache run -- cat <(echo a)").prints("a\n");
    told("1 call");
    bash("(echo b > fifo &); ecache run -- cat fifo").prints("b\n");
    let folder = bash("ecache run -- echo c < .");
    folder.prints("c\n");
    let status = bash("ecache run --status-fd 3 -- cat <(echo d) 3>&1 >&2").succeeds();
    assert!(
        status
            .text()
            .contains("\"outcome\":\"bypass\",\"key\":null"),
        "{status:?}"
    );
    told("4 calls");
    assert_eq!(session.run("stats -q").stderr, "");
}

#[test]
fn a_terminal_that_is_read_is_not_kept_whatever_standard_input_is() {
    let session = Session::new();
    let line = "echo run >> ran; timeout 0.2 cat /dev/tty; echo hi";
    let words = ["run", "--stdin", "none", "--", "sh", "-c", line];
    for _ in 0..2 {
        session.run_on_terminal(words);
    }
    // There was no input on the terminal, so nothing was read.
    assert_eq!(runs(&session), 1);
}

#[test]
fn a_terminal_that_is_read_is_not_kept() {
    let session = Session::new();
    let shown = session.run_on_terminal(["run", "--", "sh", "-c", "echo run >> ran; echo hi"]);
    assert_eq!(shown.code, 0);
    session.run_on_terminal(["run", "--", "sh", "-c", "echo run >> ran; echo hi"]);
    assert_eq!(runs(&session), 1);
    // The warmed result answers, since the command was recorded as reading nothing.
    let mut warm = session.command("warm -- sh -c");
    warm.arg("echo run >> ran; echo {}");
    run(warm, b"x\n").succeeds();
    session.run_on_terminal(["run", "--", "sh", "-c", "echo run >> ran; echo x"]);
    assert_eq!(runs(&session), 2);
    // The result of a run with `/dev/null` does not answer on a terminal.
    session
        .shell("ecache run -- sh -c 'echo run >> ran; echo y' < /dev/null")
        .succeeds();
    session.run_on_terminal(["run", "--", "sh", "-c", "echo run >> ran; echo y"]);
    assert_eq!(runs(&session), 4);
}

/// A generator of numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)) % end
    }

    fn choose<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Runs random commands on changing inputs. Output, exit code and the remaining input must match a
/// run without ecache.
#[test]
fn random_commands_agree_with_the_plain_ones() {
    const COMMANDS: [&str; 14] = [
        "cat",
        "head -c 5",
        "head -c 5000",
        "head -1",
        "sort",
        "md5sum",
        "echo hi",
        "false",
        "sh -c 'head -c 3 > /dev/null; exit 3'",
        "sh -c 'read a; echo $a; cat'",
        "sh -c 'echo early; cat | wc -c'",
        "grep -q a",
        "dd bs=100 count=2 status=none",
        "sh -c 'exec <&-; echo closed'",
    ];
    let mut random = Random(7);
    for case in 0..30 {
        let session = Session::new();
        for name in ["in0", "in1"] {
            let most = [1, 40, 9000, 150_000][random.below(4) as usize];
            let length = random.below(most);
            let text: Vec<u8> = (0..length)
                .map(|_| b"abc\n"[random.below(4) as usize])
                .collect();
            std::fs::write(session.path(name), text).expect("a file");
        }
        let command = random.choose(&COMMANDS);
        let rest = random.choose(&["cat", "wc -c", "md5sum"]);
        for round in 0..3 {
            let input = random.choose(&["in0", "in1"]);
            let line = |run: &str| match case % 3 {
                0 => format!("{{ {run} {command}; echo = $?; {rest}; }} < {input}"),
                _ => format!("cat {input} | {{ {run} {command}; echo = $?; {rest}; }}"),
            };
            let bash = |run: &str| {
                let mut shell = session.program("bash");
                shell.args(["-c", &line(run)]);
                run_to_end(shell)
            };
            let cached = bash("ecache run --");
            // The amount that a command reads from a long pipe varies, so one of several plain runs
            // must match.
            let is_plain = (0..20).any(|_| bash("env") == cached);
            assert!(
                is_plain,
                "case {case}, round {round}: {} {cached:?}",
                line("ecache run --")
            );
        }
    }
}
