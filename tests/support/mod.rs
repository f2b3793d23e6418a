//! A user's session with the `ecache` command: its own home folder, an empty environment, the
//! [`surroundings`] of a fresh login, and a clock that stands still until a test moves it.

// Each test program uses a part of this.
#![allow(dead_code)]

pub mod nonblocking;
mod pty;
pub mod screen;
pub mod surroundings;
pub mod transcript;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The time at which a session begins.
pub const NOW: &str = "2026-11-23T06:32:51.000Z";

/// Width of a terminal, unless a test says otherwise.
const COLUMNS: u16 = 100;

/// The command under test.
const ECACHE: &str = env!("CARGO_BIN_EXE_ecache");

/// Environment variable with the folder of another build of the command to test, such as one for
/// another processor.
const OTHER_BUILD: &str = "ECACHE_TEST_PROGRAMS";

/// Returns the folder of the command under test.
fn programs() -> PathBuf {
    match std::env::var_os(OTHER_BUILD) {
        Some(folder) => folder.into(),
        None => {
            let folder = Path::new(ECACHE).parent();
            folder.expect("a program is in a folder").to_owned()
        }
    }
}

/// A user's home folder, environment and clock.
pub struct Session {
    home: TempDir,
    programs: PathBuf,
    user: Option<u32>,
    now: RefCell<String>,
    variables: Vec<(&'static str, String)>,
}

impl Session {
    /// Creates a session of a user who has never used `ecache`.
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary folder"),
            programs: programs(),
            user: None,
            now: RefCell::new(NOW.to_owned()),
            variables: Vec::new(),
        }
    }

    /// Creates a session that uses the build of the tests, also if another one is under test.
    pub fn of_this_build() -> Self {
        let mut session = Self::new();
        let folder = Path::new(ECACHE).parent();
        folder
            .expect("a program is in a folder")
            .clone_into(&mut session.programs);
        session
    }

    /// Creates a session of a user who is not root, so that permissions apply.
    pub fn unprivileged() -> Self {
        const OTHER_USER: u32 = 65534;
        let mut session = Self::new();
        if rustix::process::geteuid().is_root() {
            chown(session.home(), Some(OTHER_USER), Some(OTHER_USER)).expect("root may");
            session.user = Some(OTHER_USER);
            // Where it was built may be open to root alone.
            let programs = session.path("bin");
            std::fs::create_dir(&programs).expect("a folder");
            // Copied by another process: a child that a parallel test forks meanwhile would inherit
            // the file open for writing, and then it could not be run.
            let copy = Command::new("cp")
                .arg(session.programs.join("ecache"))
                .arg(&programs)
                .status();
            assert!(copy.expect("cp starts").success());
            session.programs = programs;
        }
        session
    }

    /// Sets an environment variable for all later commands.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Moves the clock.
    pub fn set_clock(&self, now: &str) {
        now.clone_into(&mut self.now.borrow_mut());
    }

    /// Returns the home folder, in which every command starts.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns a path in the home folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    /// Returns the folder that the store and the files beside it are in.
    pub fn store_folder(&self) -> PathBuf {
        self.path(".local/share/ecache")
    }

    /// Returns the path of the store.
    pub fn store(&self) -> PathBuf {
        self.store_folder().join("store.db")
    }

    /// Returns a command that starts a program in this session.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", format!("{}:/usr/bin:/bin", self.programs.display()))
            .env("LC_ALL", "C.UTF-8")
            .env("ECACHE_TEST_NOW", &*self.now.borrow())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        surroundings::as_after_login(&mut command);
        command
    }

    /// Returns a command that starts `ecache` with these arguments.
    pub fn command(&self, words: impl Words) -> Command {
        let mut command = self.program(self.programs.join("ecache"));
        command.args(words.words());
        command
    }

    /// Runs `ecache` to its end, with an empty standard input.
    pub fn run(&self, words: impl Words) -> Ran {
        self.run_with_input(words, b"")
    }

    /// Runs `ecache` to its end.
    pub fn run_with_input(&self, words: impl Words, input: &[u8]) -> Ran {
        run(self.command(words), input)
    }

    /// Runs a line of shell, in which `ecache` is the command under test.
    pub fn shell(&self, line: &str) -> Ran {
        let mut command = self.program("sh");
        command.args(["-c", line]);
        run(command, b"")
    }

    /// Starts `ecache` with pipes for its standard streams.
    pub fn spawn(&self, words: impl Words) -> Child {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("ecache starts")
    }

    /// Runs a line of shell in its own session, with a controlling terminal.
    pub fn shell_on_terminal(&self, line: &str) -> Shown {
        let mut command = self.program("setsid");
        command.args(["-c", "-w", "sh", "-c", line]);
        pty::run(command, COLUMNS)
    }

    /// Runs a line of shell with its three streams on a terminal of that many columns.
    pub fn shell_on_columns(&self, columns: u16, line: &str) -> Shown {
        let mut command = self.program("sh");
        command.args(["-c", line]);
        pty::run(command, columns)
    }

    /// Runs `ecache` with its three streams on a terminal of 100 columns, and returns what the
    /// terminal got.
    pub fn run_on_terminal(&self, words: impl Words) -> Shown {
        pty::run(self.command(words), COLUMNS)
    }
}

/// The arguments of a command: a line that is split at spaces, or a list.
pub trait Words {
    /// Returns the arguments, one by one.
    fn words(self) -> Vec<String>;
}

impl Words for &str {
    fn words(self) -> Vec<String> {
        self.split_whitespace().map(str::to_owned).collect()
    }
}

impl Words for &String {
    fn words(self) -> Vec<String> {
        self.as_str().words()
    }
}

impl<const N: usize> Words for [&str; N] {
    fn words(self) -> Vec<String> {
        self.map(str::to_owned).to_vec()
    }
}

impl Words for Vec<&str> {
    fn words(self) -> Vec<String> {
        self.into_iter().map(str::to_owned).collect()
    }
}

impl Words for Vec<String> {
    fn words(self) -> Vec<String> {
        self
    }
}

/// Runs a command to its end.
pub fn run(mut command: Command, input: &[u8]) -> Ran {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("it was piped");
    std::thread::scope(|scope| {
        // A command that does not read its input is not a failure.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("the command ends").into()
    })
}

/// The output and exit code of a command.
#[derive(Clone, PartialEq, Eq)]
pub struct Ran {
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// The exit code as in a shell: 128 plus the signal for a command that a signal ended.
    pub code: i32,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
            code: code(output.status),
        }
    }
}

/// Returns the exit code as in a shell.
pub fn code(status: ExitStatus) -> i32 {
    let by_signal = || {
        128 + status
            .signal()
            .expect("what has no code was ended by a signal")
    };
    status.code().unwrap_or_else(by_signal)
}

impl fmt::Debug for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ran")
            .field("stdout", &String::from_utf8_lossy(&self.stdout))
            .field("stderr", &self.stderr)
            .field("code", &self.code)
            .finish()
    }
}

impl Ran {
    /// Returns standard output as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("this output is text")
    }

    /// Checks that it succeeded with this standard output and no messages.
    #[track_caller]
    pub fn prints(self, stdout: impl AsRef<[u8]>) {
        let stdout = stdout.as_ref().to_vec();
        assert_eq!(
            self,
            Self {
                stdout,
                stderr: String::new(),
                code: 0
            }
        );
    }

    /// Checks that it succeeded with this standard error and no data.
    #[track_caller]
    pub fn notes(self, stderr: &str) {
        self.ends(0, stderr);
    }

    /// Checks its exit code and standard error, and that there is no standard output.
    #[track_caller]
    pub fn ends(self, code: i32, stderr: &str) {
        let stderr = stderr.to_owned();
        assert_eq!(
            self,
            Self {
                stdout: Vec::new(),
                stderr,
                code
            }
        );
    }

    /// Checks that it succeeded, with any output, and returns it.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// The exit code of a command on a terminal, and its output there.
#[derive(Debug)]
pub struct Shown {
    pub bytes: Vec<u8>,
    pub code: i32,
}

/// A file or folder: its mode, its length and a hash of its bytes.
pub type Fingerprint = (u32, u64, u64);

/// Returns the fingerprint of everything in a folder and below it.
///
/// SQLite's `-shm` files are left out: they are shared memory, to which readers also write.
pub fn fingerprints(folder: &Path) -> BTreeMap<PathBuf, Fingerprint> {
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the folder is there") {
        let path = file.expect("the folder can be read").path();
        let metadata = path.symlink_metadata().expect("the file is there");
        let mut hasher = DefaultHasher::new();
        if metadata.is_dir() {
            found.append(&mut fingerprints(&path));
        } else if metadata.is_file() {
            std::fs::read(&path)
                .expect("the file can be read")
                .hash(&mut hasher);
        }
        let fingerprint = (
            metadata.permissions().mode(),
            metadata.len(),
            hasher.finish(),
        );
        found.insert(path, fingerprint);
    }
    found.retain(|path, _| !path.as_os_str().as_encoded_bytes().ends_with(b"-shm"));
    found
}

/// Returns the lines of a stream as they arrive, until the receiver is dropped.
pub fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Creates a named pipe.
pub fn make_fifo(path: &Path) {
    let mode = rustix::fs::Mode::from(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).expect("a named pipe");
}

/// Returns the number of runs of commands that record each run in the file `ran`.
pub fn runs(session: &Session) -> usize {
    let ran = std::fs::read(session.path("ran")).unwrap_or_default();
    ran.iter().filter(|byte| **byte == b'\n').count()
}

/// Waits for a state that a process is about to reach.
pub fn wait_for(what: &str, mut is_reached: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(120);
    while !is_reached() {
        assert!(Instant::now() < patience, "never reached: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Names stores and keys that begin with a hyphen to every command that takes them.
pub fn goes_by_names_with_hyphens(session: &Session) {
    for (key, place) in [
        ("-x", "s -- -x"),
        ("--all", "s -- --all"),
        ("-5", "-- -s -5"),
    ] {
        let store = if place.starts_with("--") { "-s" } else { "s" };
        let line = format!(r#"{{"store_name": "{store}", "key": "{key}", "value": "v"}}"#);
        std::fs::write(session.path("line"), line + "\n").expect("a file");
        session.run("import line").succeeds();
        session.run(format!("get {place}").as_str()).prints("v");
        session.run(format!("has {place}").as_str()).succeeds();
        let shown = session.run(format!("show --format jsonl {place}").as_str());
        assert!(
            shown
                .succeeds()
                .text()
                .contains(&format!(r#""key":"{key}""#))
        );
        session.run(format!("why {place}").as_str()).succeeds();
        let touched = session.run(format!("touch --ttl 1h {place}").as_str());
        let told = touched.succeeds().stderr;
        assert!(told.starts_with("changed 1 entry"), "{told}");
        session.run(format!("set {place} w").as_str()).succeeds();
        session.run(format!("get {place}").as_str()).prints("w");
        let removed = session.run(format!("rm {place}").as_str());
        let told = removed.succeeds().stderr;
        assert!(told.starts_with("removed 1 entry"), "{told}");
        assert_eq!(session.run(format!("has {place}").as_str()).code, 1);
    }
    for verb in ["get", "has", "show", "why", "rm", "touch --ttl 1h"] {
        let ran = session.run(format!("{verb} s -x").as_str());
        assert_eq!(ran.code, 2, "{verb}");
        let hint = format!("a word that begins with - goes behind --: ecache {verb} s -- -x");
        assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
    }
    // Whatever one word behind a store is, it is a key.
    for key in ["plain", "sp ace", "--"] {
        session.run(["set", "s", "--", key, "v"]).succeeds();
        for verb in ["get", "has", "show", "why", "rm", "rm -n", "touch --ttl 1d"] {
            session.run(["set", "s", "--", key, "v"]).succeeds();
            let words: Vec<&str> = verb.split(' ').chain(["s", "--", key]).collect();
            session.run(words).succeeds();
        }
        session.run(["rm", "s", "--", key]).succeeds();
    }
    for verb in ["get", "has", "show", "why", "rm", "touch --ttl 1h"] {
        let both = session.run(format!("{verb} s -- curl x").as_str());
        assert_eq!(both.code, 2, "{verb}");
        assert!(
            both.stderr.contains("STORE does not go with COMMAND"),
            "{verb}: {}",
            both.stderr
        );
    }
}
