//! When others are told what a command prints: once it has run for a moment or printed much, or
//! where it ended before that, its result is not kept, and somebody waits for it.
//!
//! A file beside the store is a large part of a quick command, whose result is in the store before
//! anybody would have opened the file. What is not in the store has to be told all the same: who
//! waits says so by a lock that others can see
//! ([`FlightLocks::wait`](crate::single_flight::FlightLocks)), and is given the time to open the
//! file.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::broadcast::{Broadcast, frame};
use super::recording::{END, Stream};
use crate::single_flight::{FlightLock, FlightLocks};

/// A command that has run for so long is told of as it goes on.
const QUICK: Duration = Duration::from_millis(20);

/// As much is held in memory until then.
const HELD: usize = 1 << 16;

/// So long is waited until those who wait have opened the file of a command that is over; they look
/// every ten milliseconds.
const HANDING_OVER: Duration = Duration::from_millis(100);

/// What a running command prints, for other processes.
pub(super) struct Telling {
    place: PathBuf,
    flight: [u8; 32],
    locks: FlightLocks,
    started: Instant,
    state: State,
    /// Whether it ended, and nobody can find that in the store
    is_owed: bool,
}

enum State {
    Held(Vec<u8>),
    Told(Broadcast),
    /// It cannot be told: others wait for the end
    Untold,
}

impl Telling {
    /// Of a flight whose lock this process holds.
    pub(super) fn new(place: PathBuf, flight: [u8; 32], lock: &FlightLock) -> Self {
        Self {
            place,
            flight,
            locks: lock.locks(),
            started: Instant::now(),
            state: State::Held(Vec::new()),
            is_owed: false,
        }
    }

    /// How long it may be held back, `None` if it is not any more.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let is_held = matches!(self.state, State::Held(_));
        is_held.then(|| QUICK.saturating_sub(self.started.elapsed()))
    }

    /// Begins to tell of it, if it is time.
    pub(super) fn tell_if_due(&mut self) {
        if self.due_in() == Some(Duration::ZERO) {
            self.tell();
        }
    }

    /// Adds what came on a stream.
    pub(super) fn send(&mut self, stream: Stream, bytes: &[u8]) {
        match &mut self.state {
            State::Held(frames) => {
                frames.extend_from_slice(&frame(stream, bytes));
                if frames.len() > HELD {
                    self.tell();
                }
            }
            State::Told(broadcast) => broadcast.send(stream, bytes),
            State::Untold => {}
        }
    }

    /// Says that the command goes on, and no more of it will be told.
    pub(super) fn seal(&mut self) {
        self.tell();
        if let State::Told(broadcast) = &mut self.state {
            broadcast.seal();
        }
    }

    /// Says that this was all.
    pub(super) fn end(&mut self, exit: u8) {
        match &mut self.state {
            State::Held(frames) => frames.extend_from_slice(&[END, exit]),
            State::Told(broadcast) => broadcast.end(exit),
            State::Untold => return,
        }
        // Also of what was told: who waits may not have looked since.
        self.is_owed = true;
    }

    /// Whoever waits for it finds it in the store: there is no more to tell.
    pub(super) fn settle(mut self) {
        self.is_owed = false;
    }

    fn tell(&mut self) {
        if let State::Held(frames) = &self.state {
            let broadcast = Broadcast::start(self.place.clone(), &self.flight);
            self.state = match broadcast {
                Ok(mut broadcast) => {
                    broadcast.write(frames);
                    State::Told(broadcast)
                }
                Err(_) => State::Untold,
            };
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if !self.is_owed || !self.locks.is_awaited(&self.flight) {
            // That of a process that was killed may be there.
            let _ = fs::remove_file(&self.place);
            return;
        }
        self.tell();
        let over = Instant::now();
        while self.locks.is_awaited(&self.flight) && over.elapsed() < HANDING_OVER {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::broadcast::{Heard, Listener};
    use super::*;

    const FLIGHT: [u8; 32] = [7; 32];

    /// A flight that this process has, the locks as another has them, and where it is told of.
    fn flight(folder: &tempfile::TempDir) -> (FlightLock, FlightLocks, PathBuf) {
        let open = || FlightLocks::open(&folder.path().join("locks")).expect("locks");
        let lock = open().try_lock(&FLIGHT).expect("locks work");
        let place = folder.path().join("flights/f");
        (lock.expect("it is free"), open(), place)
    }

    /// A run that is over before anybody has looked, and printed so much.
    fn quick(lock: &FlightLock, place: &std::path::Path, size: usize) -> Telling {
        let mut telling = Telling::new(place.to_owned(), FLIGHT, lock);
        telling.send(Stream::Output, &vec![b'a'; size]);
        telling.end(3);
        telling
    }

    #[test]
    fn a_quick_command_is_told_to_those_who_wait_unless_it_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lock, others, place) = flight(&folder);
        drop(quick(&lock, &place, 1));
        let waiting = others.wait(&FLIGHT).expect("locks work");
        quick(&lock, &place, 1).settle();
        assert!(!folder.path().join("flights").exists(), "nobody needs it");
        drop(waiting);
        // The second is told before it ends.
        for size in [1, HELD + 1] {
            is_handed_over((&lock, &others, &place), size);
        }
    }

    fn is_handed_over(
        (lock, others, place): (&FlightLock, &FlightLocks, &std::path::Path),
        size: usize,
    ) {
        let waiting = others.wait(&FLIGHT).expect("locks work");
        let (exit, printed) = std::thread::scope(|scope| {
            let over = scope.spawn(|| drop(quick(lock, place, size)));
            let mut listener = Listener::new(place.to_owned());
            let mut printed = Vec::new();
            let exit = loop {
                match listener.hear().expect("it can be read") {
                    Heard::End(exit) => break exit,
                    Heard::Bytes(Stream::Output, bytes) => printed.extend_from_slice(bytes),
                    Heard::Nothing => std::thread::sleep(Duration::from_millis(1)),
                    _ => {}
                }
            };
            assert!(!over.is_finished(), "it is handed over");
            drop(waiting);
            over.join().expect("it ends");
            (exit, printed.len())
        });
        assert_eq!((exit, printed), (3, size));
        assert!(!place.exists());
    }

    #[test]
    fn what_takes_longer_is_told_as_it_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lock, _, place) = flight(&folder);
        let mut telling = Telling::new(place.clone(), FLIGHT, &lock);
        telling.send(Stream::Output, b"a");
        telling.tell_if_due();
        std::thread::sleep(telling.due_in().expect("it is held back"));
        telling.tell_if_due();
        assert!(place.exists() && telling.due_in().is_none());
        let mut much = Telling::new(folder.path().join("flights/g"), FLIGHT, &lock);
        much.send(Stream::Output, &[0; HELD]);
        assert!(much.due_in().is_none());
    }
}
