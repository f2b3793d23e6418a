//! Runs every verb in every surrounding: `run` matches the plain command, and administration
//! succeeds or reports why it cannot.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// The state in which a program starts.
struct Surrounding {
    name: String,
    is_unprivileged: bool,
    /// Prepares the session once it has a store.
    prepare: Box<dyn Fn(&Session)>,
    apply: Box<dyn Fn(&mut Command)>,
}

impl Surrounding {
    fn of(name: impl Into<String>, apply: impl Fn(&mut Command) + 'static) -> Self {
        Self {
            name: name.into(),
            is_unprivileged: false,
            prepare: Box::new(|_| {}),
            apply: Box::new(apply),
        }
    }

    fn unprivileged(mut self) -> Self {
        self.is_unprivileged = true;
        self
    }

    fn after(mut self, prepare: impl Fn(&Session) + 'static) -> Self {
        self.prepare = Box::new(prepare);
        self
    }

    /// Returns the session of a user with a store, in this surrounding.
    fn session(&self) -> Session {
        let session = if self.is_unprivileged {
            Session::unprivileged()
        } else {
            Session::new()
        };
        session.run("set a b value").succeeds();
        session.run("set a large -").succeeds();
        session.run_with_input("import -", RECORDS).succeeds();
        (self.prepare)(&session);
        session
    }
}

const RECORDS: &[u8] =
    b"{\"store_name\": \"s\", \"key\": \"k\", \"policy\": \"evict\", \"value\": 1}\n\
    {\"store_name\": \"s\", \"key\": \"l\", \"policy\": \"persist\", \"value\": 2}\n";

/// Verbs of administration, with removals last. `watch` is missing, since it never ends by itself.
const VERBS: [(&str, &str); 29] = [
    ("get a b", ""),
    ("get a --keys-from -", "b\nc\n"),
    ("get a nothing", ""),
    ("has a b", ""),
    ("show a b", ""),
    ("key a --arg 1", ""),
    ("key -- sh -c true", ""),
    ("why a b", ""),
    ("why -- sh -c true", ""),
    ("ls", ""),
    ("ls --format json", ""),
    ("stores", ""),
    ("stats", ""),
    ("info", ""),
    ("doctor", ""),
    ("export", ""),
    ("export -o exported", ""),
    ("completions bash", ""),
    ("--help", ""),
    ("set a c value", ""),
    ("set a d -", "value"),
    ("touch --store a --ttl 1h", ""),
    (
        "import -",
        "{\"store_name\": \"s\", \"key\": \"m\", \"value\": 1}\n",
    ),
    ("copy @ other.db", ""),
    ("warm -j 4 -- echo {}", "one\ntwo\nthree\n"),
    ("rm a c", ""),
    ("prune", ""),
    ("clear --store s", ""),
    ("clear --all", ""),
];

/// Returns the observable result of a command in a surrounding.
fn seen(surrounding: &Surrounding, mut command: Command, input: &str) -> Ran {
    (surrounding.apply)(&mut command);
    // All input is available from the beginning, since it fits into the pipe.
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(input.as_bytes()).expect("it fits");
    drop(writer);
    command.stdin(reader);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let id = child.id();
    let (sender, over) = std::sync::mpsc::channel::<()>();
    let watching = std::thread::spawn(move || {
        let is_late = over.recv_timeout(Duration::from_secs(60)).is_err();
        if is_late {
            // SAFETY: the call takes no pointers to memory, and the process is waited for after
            // this thread.
            unsafe { libc::kill(id as i32, libc::SIGKILL) };
        }
        is_late
    });
    let mut outputs = (Vec::new(), Vec::new());
    let mut stderr = child.stderr.take().expect("a pipe");
    let reading = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut bytes).map(|_| bytes)
    });
    let mut stdout = child.stdout.take().expect("a pipe");
    std::io::Read::read_to_end(&mut stdout, &mut outputs.0).expect("it can be read");
    outputs.1 = reading.join().expect("no panic").expect("it can be read");
    // The process is reaped only after the watching thread has used its id.
    wait_until_over(id);
    // A watching thread that has ended needs no message.
    let _ = sender.send(());
    assert!(
        !watching.join().expect("no panic"),
        "{}: {command:?} hangs",
        surrounding.name
    );
    Ran {
        code: support::code(child.wait().expect("it is over")),
        stdout: outputs.0,
        stderr: String::from_utf8(outputs.1).expect("messages are UTF-8"),
    }
}

/// Waits for the end of a process without reaping it.
fn wait_until_over(id: u32) {
    let id = rustix::process::Pid::from_raw(id as i32).expect("an id");
    let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
    let waited = rustix::process::waitid(rustix::process::WaitId::Pid(id), options);
    waited.expect("it is our own");
}

/// A command that reads, writes to both streams, and fails.
const LINE: &str = "cat; echo out; echo err >&2; exit 3";

fn check(surroundings: &[Surrounding]) {
    for surrounding in surroundings {
        let name = &surrounding.name;
        let session = surrounding.session();
        for input in ["some input\n", ""] {
            let mut plain = session.program("/bin/sh");
            plain.args(["-c", LINE]);
            let plain = seen(surrounding, plain, input);
            for attempt in ["cold", "warm", "refreshed"] {
                let mut cached = session.command("run");
                if attempt == "refreshed" {
                    cached.arg("--refresh");
                }
                cached.args(["--", "/bin/sh", "-c", LINE]);
                let cached = seen(surrounding, cached, input);
                assert_eq!(cached, plain, "{name}: run with {input:?}, {attempt}");
            }
        }
        for (words, input) in VERBS {
            let ran = seen(surrounding, session.command(words), input);
            let is_told = matches!(ran.code, 2..=5) && !ran.stderr.is_empty();
            let is_silent = name.contains("closed 2") || name.contains("all closed");
            assert!(
                matches!(ran.code, 0 | 1) || is_told || is_silent && ran.code <= 5,
                "{name}: {words}: {ran:?}"
            );
            assert!(!ran.stderr.contains("panicked"), "{name}: {words}: {ran:?}");
            if words == "get a b" && ran.code == 0 {
                assert_eq!(ran.text(), "value", "{name}");
            }
            if words.starts_with("export") && ran.code == 0 && !ran.stdout.is_empty() {
                assert!(
                    ran.text().starts_with("{\"store_name\": "),
                    "{name}: {ran:?}"
                );
                assert!(ran.text().ends_with("}\n"), "{name}: {ran:?}");
            }
        }
    }
}

#[test]
fn signals_that_are_ignored_or_blocked() {
    let all = || (1..=31).filter(|one| ![libc::SIGKILL, libc::SIGSTOP].contains(one));
    let mut surroundings = vec![
        Surrounding::of("every signal ignored", move |command| {
            all().for_each(|one| surroundings::ignoring(command, one));
        }),
        Surrounding::of("every signal blocked", move |command| {
            all().for_each(|one| surroundings::blocking(command, one));
        }),
    ];
    for signal in [
        libc::SIGCHLD,
        libc::SIGPIPE,
        libc::SIGXFSZ,
        libc::SIGINT,
        libc::SIGALRM,
    ] {
        surroundings.push(Surrounding::of(
            format!("signal {signal} ignored"),
            move |command| {
                surroundings::ignoring(command, signal);
            },
        ));
    }
    check(&surroundings);
}

#[test]
fn limits_that_are_low() {
    let limited = |name: &str, resource: surroundings::Resource, limits: &[u64]| {
        let one = |limit: &u64| {
            let limit = *limit;
            Surrounding::of(format!("{name} {limit}"), move |command| {
                surroundings::limited(command, resource, limit);
            })
        };
        limits.iter().map(one).collect::<Vec<_>>()
    };
    let mut all = limited("file size", libc::RLIMIT_FSIZE, &[0, 1, 4096, 100_000]);
    all.extend(limited(
        "open files",
        libc::RLIMIT_NOFILE,
        &[5, 6, 7, 8, 10, 12, 14, 16, 20],
    ));
    // The program itself takes half of the smaller one, in a build for tests.
    let memory = [40 << 20, 64 << 20];
    all.extend(limited("memory", libc::RLIMIT_AS, &memory));
    check(&all);
}

#[test]
fn processes_that_cannot_be_started() {
    let of = |limit| {
        Surrounding::of(format!("processes {limit}"), move |command| {
            surroundings::limited(command, libc::RLIMIT_NPROC, limit);
        })
        .unprivileged()
    };
    // `LINE` is not used: `/bin/sh` needs another process for its `cat`, and the limit allows none.
    let surroundings = [of(1), of(2)];
    for surrounding in &surroundings {
        let session = surrounding.session();
        let mut command = session.command("run --stdin none -- /bin/sh -c");
        command.arg("echo out; echo err >&2; exit 3");
        let ran = seen(surrounding, command, "");
        assert_eq!((ran.code, ran.text(), &*ran.stderr), (3, "out\n", "err\n"));
        for (words, input) in VERBS {
            let ran = seen(surrounding, session.command(words), input);
            assert!(ran.code <= 5, "{}: {words}: {ran:?}", surrounding.name);
            assert!(!ran.stderr.contains("panicked"), "{words}: {ran:?}");
        }
    }
}

#[test]
fn streams_that_are_closed_or_do_not_block() {
    let mut all = Vec::new();
    for descriptor in 0..3 {
        all.push(Surrounding::of(
            format!("closed {descriptor}"),
            move |command| {
                surroundings::closed(command, descriptor);
            },
        ));
        all.push(Surrounding::of(
            format!("non-blocking {descriptor}"),
            move |command| {
                surroundings::nonblocking(command, descriptor);
            },
        ));
    }
    all.push(Surrounding::of("all closed", |command| {
        (0..3).for_each(|descriptor| surroundings::closed(command, descriptor));
    }));
    all.push(Surrounding::of("all non-blocking", |command| {
        (0..3).for_each(|descriptor| surroundings::nonblocking(command, descriptor));
    }));
    check(&all);
}

#[test]
fn environments_that_lack_something() {
    let without = |name: &'static str| {
        Surrounding::of(format!("no {name}"), move |command| {
            command.env_remove(name);
        })
    };
    let with = |name: &'static str, value: &'static str| {
        Surrounding::of(format!("{name}={value}"), move |command| {
            command.env(name, value);
        })
    };
    check(&[
        without("HOME"),
        without("PATH"),
        Surrounding::of("no variables", |command| {
            command.env_clear();
        }),
        with("HOME", "/proc/nowhere"),
        with("HOME", "/dev/null"),
        with("HOME", "relative"),
        with("TMPDIR", "/proc/nowhere"),
        with("TMPDIR", "/dev/null"),
        with("ECACHE_DB", "/proc/nowhere/store.db"),
        with("ECACHE_DB", "/dev/null"),
        with("ECACHE_DB", "/"),
        with("ECACHE_DB", "/proc/self/mem"),
        Surrounding::of("a folder that is gone", surroundings::in_no_folder),
        with("LC_ALL", "no_SUCH.LOCALE"),
        with("TERM", "no such terminal"),
    ]);
}

#[test]
fn folders_that_cannot_be_written_to() {
    let mode = |mode: u32| {
        move |session: &Session| {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(session.store_folder(), mode).expect("a mode");
        }
    };
    let mut all = Vec::new();
    for bits in [0o555, 0o111, 0o000, 0o777, 0o1777] {
        let one = Surrounding::of(format!("a folder with mode {bits:o}"), |_| {});
        all.push(one.unprivileged().after(mode(bits)));
    }
    all.push(
        Surrounding::of("a store that cannot be read", |_| {})
            .unprivileged()
            .after(|session| {
                fs::set_permissions(session.store(), fs::Permissions::from_mode(0o000))
                    .expect("a mode");
            }),
    );
    all.push(
        Surrounding::of("a umask that forbids everything", |command| {
            surroundings::masking(command, 0o777);
        })
        .unprivileged(),
    );
    if rustix::process::geteuid().is_root() {
        all.push(
            Surrounding::of("a store of another user", |_| {})
                .unprivileged()
                .after(|session| {
                    std::os::unix::fs::chown(session.store(), Some(1), Some(1)).expect("root may");
                }),
        );
        all.push(
            Surrounding::of("a folder of another user", |_| {})
                .unprivileged()
                .after(|session| {
                    let folder = session.store_folder();
                    std::os::unix::fs::chown(folder, Some(1), Some(1)).expect("root may");
                }),
        );
        all.push(Surrounding::of("no /proc", surroundings::without_proc));
    }
    check(&all);
}
