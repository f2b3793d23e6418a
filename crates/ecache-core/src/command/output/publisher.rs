//! Decides when the output of a running command is published to followers: once it has run for a
//! moment or printed much, or at its end if its result is not stored and a follower waits for it.
//!
//! Creating a file takes a large part of the time of a quick command, and its result is in the
//! store before a follower would have opened the file. A result that is not stored has to be
//! published all the same. A follower announces itself by a lock that the leader can see
//! ([`FlightLocks::wait`](crate::single_flight::FlightLocks)), and gets the time to open the file.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::live_output::{LiveOutput, frame};
use super::recording::{END, Stream};
use crate::single_flight::{FlightLock, FlightLocks};

/// Run time after which a command's output is published as it arrives.
const QUICK: Duration = Duration::from_millis(20);

/// Number of bytes buffered until then; more output is published at once.
const HELD: usize = 1 << 16;

/// Maximum wait, after a command has ended, for its followers to open the file; they poll every ten
/// milliseconds.
const HANDING_OVER: Duration = Duration::from_millis(100);

/// Publishes the output of a running command.
pub(crate) struct Publisher {
    place: PathBuf,
    flight: [u8; 32],
    locks: FlightLocks,
    started: Instant,
    state: State,
    /// `true` if the command ended and its result is not in the store
    is_owed: bool,
}

enum State {
    Held(Vec<u8>),
    Told(LiveOutput),
    /// Publishing failed: followers wait for the end
    Untold,
}

impl Publisher {
    /// Buffers the output of a flight whose lock this process holds.
    pub(crate) fn new(place: PathBuf, flight: [u8; 32], lock: &FlightLock) -> Self {
        Self {
            place,
            flight,
            locks: lock.locks(),
            started: Instant::now(),
            state: State::Held(Vec::new()),
            is_owed: false,
        }
    }

    /// Returns how much longer output may be buffered, `None` if it is not buffered any more.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let is_held = matches!(self.state, State::Held(_));
        is_held.then(|| QUICK.saturating_sub(self.started.elapsed()))
    }

    /// Starts to publish if it is time.
    pub(crate) fn tell_if_due(&mut self) {
        if self.due_in() == Some(Duration::ZERO) {
            self.tell();
        }
    }

    /// Adds output of a stream.
    pub(crate) fn send(&mut self, stream: Stream, bytes: &[u8]) {
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

    /// Publishes the output so far, and that no more follows although the command is running.
    pub(crate) fn seal(&mut self) {
        self.tell();
        if let State::Told(broadcast) = &mut self.state {
            broadcast.seal();
        }
    }

    /// Adds the end of the run.
    pub(crate) fn end(&mut self, exit: u8) {
        match &mut self.state {
            State::Held(frames) => frames.extend_from_slice(&[END, exit]),
            State::Told(broadcast) => broadcast.end(exit),
            State::Untold => return,
        }
        // Also if output was published: a follower may not have read the last part.
        self.is_owed = true;
    }

    /// Drops the rest: followers find the result in the store.
    pub(crate) fn settle(mut self) {
        self.is_owed = false;
    }

    fn tell(&mut self) {
        if let State::Held(frames) = &self.state {
            let broadcast = LiveOutput::start(self.place.clone(), &self.flight);
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

impl Drop for Publisher {
    fn drop(&mut self) {
        if !self.is_owed || !self.locks.is_awaited(&self.flight) {
            // A killed leader may have left its file.
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
    use super::super::live_output::{Listener, LiveEvent};
    use super::*;

    const FLIGHT: [u8; 32] = [7; 32];

    /// Returns the lock of a flight, the locks as another process opens them, and the file's path.
    fn flight(folder: &tempfile::TempDir) -> (FlightLock, FlightLocks, PathBuf) {
        let open = || FlightLocks::open(&folder.path().join("locks")).expect("locks");
        let lock = open().try_lock(&FLIGHT).expect("locks work");
        let place = folder.path().join("flights/f");
        (lock.expect("it is free"), open(), place)
    }

    /// Returns a run that printed `size` bytes and ended before a follower looked.
    fn quick(lock: &FlightLock, place: &std::path::Path, size: usize) -> Publisher {
        let mut publisher = Publisher::new(place.to_owned(), FLIGHT, lock);
        publisher.send(Stream::Output, &vec![b'a'; size]);
        publisher.end(3);
        publisher
    }

    #[test]
    fn a_quick_command_is_told_to_those_who_wait_unless_it_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lock, others, place) = flight(&folder);
        drop(quick(&lock, &place, 1));
        let waiting = others.wait(&FLIGHT).expect("locks work");
        quick(&lock, &place, 1).settle();
        assert!(
            !folder.path().join("flights").exists(),
            "no follower needs it"
        );
        drop(waiting);
        // The second run exceeds the buffer, so it is published before it ends.
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
                    LiveEvent::End(exit) => break exit,
                    LiveEvent::Bytes(Stream::Output, bytes) => printed.extend_from_slice(bytes),
                    LiveEvent::Nothing => std::thread::sleep(Duration::from_millis(1)),
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
    fn output_of_a_longer_run_is_published_as_it_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (lock, _, place) = flight(&folder);
        let mut publisher = Publisher::new(place.clone(), FLIGHT, &lock);
        publisher.send(Stream::Output, b"a");
        publisher.tell_if_due();
        std::thread::sleep(publisher.due_in().expect("it is held back"));
        publisher.tell_if_due();
        assert!(place.exists() && publisher.due_in().is_none());
        let mut much = Publisher::new(folder.path().join("flights/g"), FLIGHT, &lock);
        much.send(Stream::Output, &[0; HELD]);
        assert!(much.due_in().is_none());
    }
}
