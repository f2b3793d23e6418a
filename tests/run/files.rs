//! The files of a key: what is hashed, and files that change while a command runs.

use super::*;

/// Returns a session with files that the tests read, which seem old.
fn with_files() -> Session {
    let session = Session::new();
    session
        .shell(
            "mkdir -p src/deep; echo good > src/a.c; echo 1 > src/deep/b.c; echo 3 > other
             printf '#!/bin/sh\\necho tool 1\\n' > tool; chmod +x tool
             find . -exec touch -d 2020-01-01 {} +",
        )
        .succeeds();
    session
}

#[test]
fn a_result_is_not_kept_if_a_file_of_its_key_changed_meanwhile() {
    for (option, change, file) in [
        ("--file src", "echo buggy > src/a.c", "src/a.c"),
        ("--file src/a.c", "echo buggy > src/a.c", "src/a.c"),
        ("--file 'src/*.c'", "echo buggy > src/a.c", "src/a.c"),
        // The same size and times.
        (
            "--file src",
            "echo evil > src/a.c; touch -d 2020-01-01 src/a.c",
            "src/a.c",
        ),
        ("--file src", "echo 2 > src/deep/new.c", "src/deep/new.c"),
        ("--file 'src/*.c'", "echo 2 > src/new.c", "src/new.c"),
        ("--file src", "rm src/deep/b.c", "src/deep/b.c"),
        ("--file src", "rm -r src/deep", "src/deep"),
        ("--file src", "ln -s nowhere src/link", "src/link"),
        ("--file src/a.c", "rm src/a.c", "src/a.c"),
        ("--file src/a.c", "chmod +x src/a.c", "src/a.c"),
        ("--modtime src/a.c", "touch src/a.c", "src/a.c"),
        ("--modtime gone", "touch gone", "gone"),
        (
            "",
            "printf '#!/bin/sh\\necho tool 22\\n' > tool2; chmod +x tool2; mv tool2 tool",
            "./tool",
        ),
    ] {
        let session = with_files();
        std::fs::write(
            session.path("tool"),
            format!("#!/bin/sh\n{change}\ncat src/a.c\n"),
        )
        .expect("a file");
        let line = format!("ecache run -v --stdin none {option} -- ./tool");
        let ran = session.shell(&line);
        let told = format!("; not kept: {file} changed while it ran\n");
        assert!(ran.stderr.ends_with(&told), "{line}, {change}: {ran:?}");
        let listed = session.run("ls --fields key").succeeds();
        assert_eq!(listed.text(), "", "{line}, {change}");
    }
}

#[test]
fn the_right_answer_comes_after_a_file_was_changed_back() {
    let session = with_files();
    let count = "ecache run --stdin none --file src -- sh -c 'until test -e go; do sleep 0.01; \
                 done; grep -c bug src/a.c'";
    let changed = format!("(echo bug > src/a.c; touch go) & {count}; wait");
    session.shell(&changed).prints("1\n");
    session.shell("echo good > src/a.c").succeeds();
    for _ in 0..2 {
        assert_eq!(session.shell(count), ended("0\n", "", 1));
    }
}

#[test]
fn a_command_may_write_the_same_bytes() {
    let session = with_files();
    let line = "echo run >> ran; cat src/a.c > copy; cat copy > src/a.c; touch src/deep/b.c";
    for _ in 0..2 {
        memoized(&session, "--file src", line).prints("");
    }
    assert_eq!(runs(&session), 1);
}

#[test]
fn followers_do_not_take_the_output_of_a_run_whose_files_changed() {
    let session = with_files();
    session
        .shell("mkdir one two; echo x > one/in; echo x > two/in")
        .succeeds();
    // Both have one key. The leader's file changes before it is read.
    let line = "touch started; until test -e go; do sleep 0.01; done; cat in; exit 3";
    let begin = |folder: &str| {
        let mut command = session.command("run --stdin none --file in -- sh -c");
        command.arg(line).current_dir(session.path(folder));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("ecache starts")
    };
    let leader = begin("one");
    wait_for("the leader has started", || {
        session.path("one/started").exists()
    });
    let follower = begin("two");
    std::thread::sleep(Duration::from_millis(100));
    session
        .shell("echo changed > one/in; touch two/go one/go")
        .succeeds();
    let (leader, follower) = (finish(leader), finish(follower));
    assert_eq!(leader, ended("changed\n", "", 3));
    // It printed the beginning of the leader's output, or nothing.
    let is_told = follower.code == 125 && follower.stdout == b"changed\n";
    assert!(is_told || follower == ended("x\n", "", 3), "{follower:?}");
}

#[test]
fn links_are_followed_out_of_a_folder() {
    let session = with_files();
    session
        .shell(
            "mkdir -p out/deep; echo 1 > out/file; echo 1 > out/deep/file; echo 1 > out/tool
             ln -s ../out/file src/file; ln -s ../out src/out; ln -s ../.. src/deep/above
             ln -s a.c src/inside; ln -s ../src out/deep/back; ln -s /dev/zero src/zero
             ln -s out named",
        )
        .succeeds();
    let key = |file: &str| {
        let ran = session.run(["key", "--stdin", "none", "--file", file, "--", "true"]);
        ran.succeeds().text().to_owned()
    };
    let all = || ["src", "src/*", "s*", "src/out", "named"].map(key);
    let mut seen = vec![all()];
    for change in [
        "echo 2 > out/deep/file",
        "echo new > out/deep/new",
        "chmod +x out/tool",
        "rm out/deep/back",
    ] {
        session.shell(change).succeeds();
        let now = all();
        for (index, key) in now.iter().enumerate() {
            let is_new = seen.iter().all(|seen| seen[index] != *key);
            assert!(is_new, "{change}: {index}");
        }
        seen.push(now);
    }
    // A folder around the hashed one is not followed.
    let before = key("src");
    session.shell("echo 4 > other").succeeds();
    assert_eq!(key("src"), before);
}

#[test]
fn a_link_to_a_folder_around_one_that_was_followed_before_is_followed() {
    let session = Session::new();
    session
        .shell("mkdir -p t o/sub; echo 1 > o/file; ln -s ../o t/m; ln -s ../o/sub t/n")
        .succeeds();
    let key = || {
        let ran = session.run(["key", "--stdin", "none", "--file", "t", "--", "true"]);
        ran.succeeds().text().to_owned()
    };
    // The link to the folder comes first, then the one to a folder in it.
    for rename in ["true", "mv t/n t/a"] {
        session.shell(rename).succeeds();
        let before = key();
        session.shell("echo more >> o/file").succeeds();
        assert_ne!(key(), before, "{rename}");
    }
}

#[test]
fn an_executable_file_differs_from_one_that_is_not() {
    let session = with_files();
    let key = |file: &str| {
        let ran = session.run(["key", "--stdin", "none", "--file", file, "--", "true"]);
        ran.succeeds().text().to_owned()
    };
    let all = || ["src/a.c", "src/a.?", "src"].map(key);
    let before = all();
    session.shell("chmod +x src/a.c").succeeds();
    let now = all();
    assert!(before.iter().zip(&now).all(|(before, now)| before != now));
    session.shell("chmod -x src/a.c").succeeds();
    assert_eq!(all(), before);
}

#[test]
fn a_program_behind_a_link_that_was_switched_is_run() {
    let session = Session::new();
    session
        .shell(
            "mkdir -p releases/1 releases/2
             for n in 1 2; do printf '#!/bin/sh\\necho $0 '$n'\\n' > releases/$n/tool; done
             chmod +x releases/*/tool; touch -d 1970-01-01T00:00:01Z releases/*/tool
             ln -s releases/1 current; ln -s ../current/tool releases/tool",
        )
        .succeeds();
    for program in ["current/tool", "releases/tool"] {
        for release in ["1", "2", "1"] {
            session
                .shell(&format!("ln -sfn releases/{release} current"))
                .succeeds();
            let line = format!("ecache run -v --stdin none -- {program}");
            let ran = session.shell(&line);
            assert_eq!(ran.text(), format!("{program} {release}\n"), "{ran:?}");
        }
        session
            .shell(&format!("ecache run --no-exec --stdin none -- {program}"))
            .prints(format!("{program} 1\n"));
        session.shell("ln -sfn releases/2 current").succeeds();
        session.shell("ln -sfn releases/1 current").succeeds();
    }
    session.shell("ecache warm -q --refresh --all").succeeds();
}

#[test]
fn the_folder_of_the_key_is_that_of_pwd() {
    let session = Session::new();
    session
        .shell("mkdir real; ln -s real one; ln -s real two")
        .succeeds();
    let print = |folder: &str| {
        let line = format!("cd {folder}; ecache run --stdin none --cwd -- sh -c 'echo $PWD'");
        session.shell(&line)
    };
    let path = |folder: &str| format!("{}\n", session.path(folder).display());
    for folder in ["one", "two", "real", "one"] {
        print(folder).prints(path(folder));
    }
    // Another value is not believed, and shells do not believe it either.
    for value in ["/", "real", "$PWD/../real", ""] {
        let line =
            format!("cd real; PWD={value} ecache run --stdin none --cwd -- sh -c 'echo $PWD'");
        let before = session.run("ls --fields key").text().len();
        session.shell(&line).prints(path("real"));
        assert_eq!(session.run("ls --fields key").text().len(), before);
    }
}
