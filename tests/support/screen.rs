//! A terminal that shows what an interactive command draws on it, and that keys are typed on.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, tcgetattr};
use unicode_width::UnicodeWidthChar;

use super::{Session, code, pty};

/// Time after which a wait fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Columns and lines.
type Size = (u16, u16);

/// A running command and its terminal.
pub struct Screen {
    child: Child,
    /// The side of the terminal that keys are typed on; `None` once it is gone
    keyboard: Option<File>,
    /// The side of the command
    terminal: Option<File>,
    sent: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    /// Nothing more is read of the terminal
    is_over: Arc<AtomicBool>,
    size: Size,
    all: Vec<u8>,
}

impl Screen {
    /// Starts `ecache` with these words in a session of its own, with this as its terminal.
    pub fn of(session: &Session, words: &str, size: Size) -> Self {
        Self::start(session, &format!("exec ecache {words}"), size)
    }

    /// Starts a line of shell in a session of its own, with this as its terminal.
    pub fn start(session: &Session, line: &str, size: Size) -> Self {
        let (keyboard, terminal) = pty::open(size).expect("a pseudo-terminal");
        let mut command = session.program("setsid");
        command.args(["-c", "sh", "-c", line]);
        command
            .stdin(terminal.try_clone().expect("a descriptor"))
            .stdout(terminal.try_clone().expect("a descriptor"))
            .stderr(Stdio::null());
        let child = command.spawn().expect("setsid starts");
        drop(command);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let mut screen = keyboard.try_clone().expect("a descriptor");
        let into = Arc::clone(&sent);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !over.load(Ordering::SeqCst) {
                let mut ready = [PollFd::new(&screen, PollFlags::IN)];
                let moment = Timespec {
                    tv_sec: 0,
                    tv_nsec: 10_000_000,
                };
                if poll(&mut ready, Some(&moment)) == Ok(0) {
                    continue;
                }
                let Ok(length @ 1..) = screen.read(&mut buffer) else {
                    break;
                };
                let mut into = into.lock().expect("no thread panicked");
                into.extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            child,
            keyboard: Some(keyboard),
            terminal: Some(terminal),
            sent,
            reader: Some(reader),
            is_over,
            size,
            all: Vec::new(),
        }
    }

    /// Types keys.
    pub fn type_keys(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().expect("the terminal is there");
        keyboard.write_all(keys.as_bytes()).expect("keys are taken");
    }

    /// Returns what the terminal shows.
    pub fn text(&self) -> String {
        let sent = self.sent.lock().expect("no thread panicked").clone();
        shown(&sent, self.size)
    }

    /// Waits until the terminal shows something.
    #[track_caller]
    pub fn until(&self, is_shown: impl Fn(&str) -> bool) {
        self.wait(|| is_shown(&self.text()));
    }

    #[track_caller]
    fn wait(&self, is_done: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_done() {
            assert!(
                start.elapsed() < PATIENCE,
                "it does not come:\n{}",
                self.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Changes the size of the terminal, which sends the command a signal.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        let keyboard = self.keyboard.as_ref().expect("the terminal is there");
        pty::set_size(keyboard, size).expect("the size is set");
    }

    /// Sends the command a signal by name.
    pub fn signal(&self, name: &str) {
        let kill = std::process::Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(kill.expect("kill starts").success());
    }

    /// Waits until the command is stopped.
    #[track_caller]
    pub fn wait_for_stop(&self) {
        let path = format!("/proc/{}/stat", self.child.id());
        self.wait(|| {
            let stat = std::fs::read_to_string(&path).expect("the command is there");
            stat.rsplit_once(") ")
                .is_some_and(|(_, state)| state.starts_with('T'))
        });
    }

    /// Reports whether the command reads each key as it is typed.
    pub fn is_taken(&self) -> bool {
        let terminal = self.terminal.as_ref().expect("the terminal is there");
        let modes = tcgetattr(terminal).expect("a terminal").local_modes;
        !modes.contains(LocalModes::ICANON)
    }

    /// Waits until the command reads each key as it is typed.
    #[track_caller]
    pub fn wait_until_taken(&self) {
        self.wait(|| self.is_taken());
    }

    /// Takes the terminal away.
    pub fn hang_up(&mut self) {
        self.terminal = None;
        self.keyboard = None;
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it does not panic");
        }
    }

    /// Types the last keys, and returns the exit code.
    pub fn quit(&mut self, keys: &str) -> i32 {
        if !keys.is_empty() {
            self.type_keys(keys);
        }
        let status = self.child.wait().expect("the command ends");
        // Output that is still on its way.
        let length = || self.sent.lock().expect("no thread panicked").len();
        let mut before = usize::MAX;
        while before != length() {
            before = length();
            std::thread::sleep(Duration::from_millis(20));
        }
        self.all = self.sent.lock().expect("no thread panicked").clone();
        code(status)
    }

    /// Returns all bytes that the terminal got, once the command has ended.
    pub fn sent(&self) -> &[u8] {
        &self.all
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Draws bytes on a grid. Knows the sequences that the browser sends, and fails at any other:
/// nothing else may act on a terminal. Lines end on the main screen alone, where other commands
/// print, and typed lines are echoed.
fn shown(bytes: &[u8], (columns, lines): Size) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (columns, lines) = (usize::from(columns), usize::from(lines));
    let mut grid = vec![vec![' '; columns]; lines];
    let (mut x, mut y) = (0, 0);
    let mut is_main = true;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if is_main && c == '\n' {
            (x, y) = (0, y + 1);
            continue;
        }
        if c != '\x1b' {
            assert!(!c.is_control(), "{c:?} acts on the terminal");
            if y < lines && x < columns {
                grid[y][x] = c;
            }
            let width = c.width().unwrap_or(0);
            if y < lines {
                for covered in grid[y].iter_mut().take(x + width).skip(x + 1) {
                    *covered = '\0';
                }
            }
            x += width;
            continue;
        }
        match chars.next() {
            Some('[') => {}
            // A text for the clipboard shows nothing.
            Some(']') => {
                chars.by_ref().take_while(|c| *c != '\x07').for_each(drop);
                continue;
            }
            _ => break,
        }
        let mut parameters = String::new();
        let last = loop {
            match chars.next() {
                Some(c @ ('0'..='9' | ';' | '?')) => parameters.push(c),
                other => break other,
            }
        };
        match (last, parameters.as_str()) {
            (Some('H'), place) => {
                let (line, column) = place.split_once(';').expect("a place");
                let number = |text: &str| text.parse::<usize>().expect("a number") - 1;
                (x, y) = (number(column), number(line));
            }
            (Some('J'), "2") => grid = vec![vec![' '; columns]; lines],
            (Some(screen @ ('h' | 'l')), "?1049") => {
                is_main = screen == 'l';
                grid = vec![vec![' '; columns]; lines];
                (x, y) = (0, 0);
            }
            (Some('m'), _) | (Some('h' | 'l'), "?25" | "?2004") => {}
            // The rest is on its way.
            (None, _) => break,
            other => panic!("{other:?} acts on the terminal"),
        }
    }
    let line = |line: Vec<char>| {
        let line: String = line.into_iter().filter(|c| *c != '\0').collect();
        line.trim_end().to_owned() + "\n"
    };
    grid.into_iter().map(line).collect()
}
