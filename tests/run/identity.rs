//! The parts of a run that are in its key.

use super::*;

#[test]
fn standard_input_is_part_of_a_commands_identity() {
    let session = Session::new();
    let cat = |input: &[u8]| session.run_with_input("run -- cat", input);
    cat(b"one").prints("one");
    cat(b"two").prints("two");
    cat(b"one").prints("one");
    cat(b"").prints("");
    // One additional entry records how the command reads its input.
    let kinds = session.run("ls --store cat --fields kind").succeeds();
    let count = |kind| kinds.text().lines().filter(|line| *line == kind).count();
    assert_eq!((count("command"), count("json")), (3, 1));
    let big = vec![b'x'; 3 << 20];
    assert!(cat(&big).stdout == big);
    assert!(cat(&big).stdout == big);
    // Said to make no difference, the first answer stands.
    let ignoring = |input| session.run_with_input("run --stdin ignore -- cat", input);
    ignoring(b"three").prints("three");
    ignoring(b"four").prints("three");
    // That result does not apply to a command without input.
    session
        .run_with_input("run --stdin none -- cat", b"five")
        .prints("");
    session.shell("ecache run -- cat < /dev/null").prints("");
}

#[test]
fn each_difference_is_told_apart() {
    let session = Session::new().with("LANGUAGE", "eo");
    let key = |options: &str| {
        let ran = session.run(&format!("key --stdin none {options} -- cat a"));
        ran.succeeds().text().to_owned()
    };
    std::fs::write(session.path("a"), "1").expect("a file");
    let (plain, cwd, env, file) = (
        key(""),
        key("--cwd"),
        key("--env LANGUAGE"),
        key("--file a"),
    );
    std::fs::write(session.path("a"), "2").expect("a file");
    assert_ne!(file, key("--file a"));
    assert_eq!(plain, key(""));
    let all = [
        &plain,
        &cwd,
        &env,
        &file,
        &key("--env UNSET"),
        &key("--user ann"),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());

    session
        .run("run --stdin none --file a -- cat a")
        .prints("2");
    assert_eq!(session.run("ls --fields key").text(), key("--file a"));
    session.run("run --file missing -- cat a").ends(
        125,
        "ecache: cannot read missing: no such file or directory\n",
    );
    // Only the hash of a value is kept.
    session
        .run("run --stdin none --env LANGUAGE -- true")
        .prints("");
    let listed = session.run("ls --fields args --store true").succeeds();
    assert!(listed.text().contains(r#""LANGUAGE": ""#) && !listed.text().contains("\"eo\""));
}

#[test]
fn the_name_that_a_program_is_called_by_is_part_of_it() {
    let session = Session::new();
    let script = |name: &str| {
        let path = session.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, "#!/bin/sh\necho called $0\n").expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a mode");
    };
    script("bin/tool");
    let tool = session.path("bin/tool");
    let lines = [
        "./bin/tool",
        "bin/tool",
        "bin/../bin/tool",
        tool.to_str().expect("text"),
        "tool",
        "sh -c 'echo $0'",
        "/bin/sh -c 'echo $0'",
        "/bin/../bin/sh -c 'echo $0'",
    ];
    for search in ["$PWD/bin:/bin:/usr/bin", "bin:/bin:/usr/bin"] {
        let ecache = "$(command -v ecache)";
        for line in lines {
            let plain = session.shell(&format!("PATH={search}; {line}")).succeeds();
            for _ in 0..2 {
                let line = format!("e={ecache}; PATH={search}; $e run --stdin none -- {line}");
                session.shell(&line).prints(plain.text());
            }
        }
    }
    // `warm` runs it by the same relative path, but only in the same folder.
    session.shell("ecache warm -q --refresh --all").succeeds();
    let told = "it was run as ./bin/tool, in a folder that is not recorded";
    let elsewhere = session.shell("cd bin && ecache warm --refresh --all");
    assert!(elsewhere.stderr.contains(told), "{elsewhere:?}");
    session
        .shell("ecache run --stdin none --no-exec -- ./bin/tool")
        .prints("called ./bin/tool\n");
}

#[test]
fn a_program_that_was_replaced_is_run() {
    let session = Session::new();
    let program = session.path("tool");
    let install = |text: &str| {
        std::fs::write(&program, format!("#!/bin/sh\necho {text}\n")).expect("a file");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).expect("a mode");
    };
    install("1");
    session.run("run -- ./tool").prints("1\n");
    install("two");
    session.run("run -- ./tool").prints("two\n");
}

#[test]
fn arguments_that_are_no_text_are_told_apart() {
    let session = Session::new();
    let printf = |argument: &[u8]| {
        let mut command = session.command("run --stdin none -- printf %s");
        command.arg(OsStr::from_bytes(argument));
        run(command, b"")
    };
    printf(b"\xff").prints(b"\xff");
    printf(b"\xfe").prints(b"\xfe");
    printf("\u{fffd}".as_bytes()).prints("\u{fffd}");
    printf(b"\xff").prints(b"\xff");
}

#[test]
fn folders_and_patterns_are_what_is_in_them() {
    let session = Session::new();
    session
        .shell("mkdir -p src/deep; echo 1 > src/a.c; echo 2 > src/deep/b.c; echo 3 > src/c.txt")
        .succeeds();
    let key = |file: &str| {
        let ran = session.run(["key", "--stdin", "none", "--file", file, "--", "true"]);
        ran.succeeds().text().to_owned()
    };
    let all = || ["src", "src/*.c", "src/**/*.c"].map(key);
    let before = all();
    std::fs::write(session.path("src/c.txt"), "4").expect("a file");
    let after = all();
    assert_eq!(
        [0, 1, 2].map(|index| before[index] == after[index]),
        [false, true, true]
    );
    std::fs::write(session.path("src/deep/b.c"), "5").expect("a file");
    let last = all();
    assert_eq!(
        [0, 1, 2].map(|index| last[index] == after[index]),
        [false, true, false]
    );
    session.run("run --file src/*.py -- true").ends(
        125,
        "ecache: cannot read src/*.py: no file matches this pattern\n",
    );
}

#[test]
fn only_files_and_folders_can_be_part_of_a_key() {
    let session = Session::new();
    session
        .shell(
            "mkdir in; echo 1 > in/a; mkfifo in/pipe; ln -s /dev/zero in/zero; ln -s gone in/link",
        )
        .succeeds();
    for (file, kind) in [
        ("/dev/zero", "device"),
        ("in/zero", "device"),
        ("in/pipe", "pipe"),
    ] {
        let refusal = format!("{file}: it is a {kind}, not a file or a folder\n");
        session
            .run(["run", "--file", file, "--", "true"])
            .ends(125, &format!("ecache: cannot read {refusal}"));
        session
            .run(["run", "--modtime", file, "--", "true"])
            .ends(125, &format!("ecache: cannot inspect {refusal}"));
        session
            .run(["key", "--file", file, "--", "true"])
            .ends(3, &format!("error: cannot read {refusal}"));
    }
    let key = |file| {
        let ran = session.run(["key", "--stdin", "none", "--file", file, "--", "true"]);
        ran.succeeds().text().to_owned()
    };
    let all = || ["in", "in/*", "in/l*"].map(key);
    let before = all();
    session.shell("ln -sf gone2 in/link").succeeds();
    assert!(before.iter().zip(all()).all(|(before, now)| *before != now));
}

#[test]
fn paths_that_are_no_text_are_told_apart() {
    let session = Session::new();
    let names: [&[u8]; 3] = [b"f\xff", b"f\xfe", "f\u{fffd}".as_bytes()];
    for name in names {
        std::fs::write(session.path("").join(OsStr::from_bytes(name)), "1").expect("a file");
    }
    let command = |words: &str, name: &[u8]| {
        let mut command = session.command(words);
        command.arg(OsStr::from_bytes(name));
        command
    };
    let mut keys = std::collections::BTreeSet::new();
    for option in ["--file", "--modtime"] {
        for name in names {
            let mut command = command(&format!("key --stdin none {option}"), name);
            command.args(["--", "true"]);
            keys.insert(run(command, b"").succeeds().stdout);
        }
    }
    assert_eq!(keys.len(), 6);

    let cat = |name: &[u8]| {
        let mut command = command("run --stdin none --file", name);
        command.args(["--", "cat"]).arg(OsStr::from_bytes(name));
        run(command, b"")
    };
    cat(names[0]).prints("1");
    std::fs::write(session.path("").join(OsStr::from_bytes(names[0])), "2").expect("a file");
    let mut why = command("why --stdin none --file", names[0]);
    why.args(["--", "cat"]).arg(OsStr::from_bytes(names[0]));
    let why = run(why, b"");
    assert!(
        why.text().contains("file f\u{fffd}: differs"),
        "{}",
        why.text()
    );
    cat(names[0]).prints("2");
    session.run("warm --refresh --store cat").succeeds();
}
