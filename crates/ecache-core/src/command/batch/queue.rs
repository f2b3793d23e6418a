//! The queue that the workers of a [`Warm`](crate::command::Warm) share: pending items, the time of
//! the next start, the running commands, and the reason to stop.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Stop;
use crate::command::Signals;
use crate::sync::lock;

/// Maximum number of items read ahead: enough to know the total early, unless there are very many.
const AHEAD: usize = 1 << 16;

/// A queue that is filled by one thread and emptied by many, until it is stopped.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    drained: Condvar,
    stopped: Condvar,
    deadline: Option<Instant>,
    pace: Duration,
    prepare: fn(&mut Command),
}

struct State<T> {
    items: VecDeque<T>,
    /// Number of items read so far, which is the total once `is_ended`
    read: u64,
    is_ended: bool,
    stop: Option<Stop>,
    next_start: Instant,
    /// The running processes, each with `true` if a signal was meant for it
    running: Vec<(u32, bool)>,
    /// The last signal that came, 0 for one that the terminal sent
    signal: Option<u8>,
}

impl<T> Queue<T> {
    pub(crate) fn new(
        deadline: Option<Instant>,
        pace: Duration,
        prepare: fn(&mut Command),
    ) -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                read: 0,
                is_ended: false,
                stop: None,
                next_start: Instant::now(),
                running: Vec::new(),
                signal: None,
            }),
            filled: Condvar::new(),
            drained: Condvar::new(),
            stopped: Condvar::new(),
            deadline,
            pace,
            prepare,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Every change is one step, so a panic elsewhere leaves nothing half done.
        lock(&self.state)
    }

    /// Appends items as they arrive, until the work is stopped.
    pub(crate) fn fill(&self, items: impl Iterator<Item = T>) {
        // Ends the queue even if the iterator panics, so that no worker waits for more.
        let _end = End(self);
        for item in items {
            let mut state = self.state();
            while state.items.len() >= AHEAD && state.stop.is_none() {
                state = self
                    .drained
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop.is_some() {
                return;
            }
            state.items.push_back(item);
            state.read += 1;
            self.filled.notify_one();
        }
    }

    /// Waits for the next item and returns it; `None` at the end, or once the work is stopped.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            self.look_at_time(&mut state);
            if state.stop.is_some() {
                return None;
            }
            if let Some(item) = state.items.pop_front() {
                if state.items.len() == AHEAD / 2 {
                    self.drained.notify_one();
                }
                return Some(item);
            }
            if state.is_ended {
                return None;
            }
            state = self.wait(&self.filled, state, self.deadline);
        }
    }

    /// Returns the items that were read but not taken.
    pub(crate) fn rest(&self) -> VecDeque<T> {
        std::mem::take(&mut self.state().items)
    }

    /// Returns the total number of items, `None` until all are read.
    pub(crate) fn total(&self) -> Option<u64> {
        let state = self.state();
        state.is_ended.then_some(state.read)
    }

    /// Waits until the next command may start. Returns `false` if the work was stopped.
    pub(crate) fn may_start(&self) -> bool {
        let mut state = self.state();
        let start = state.next_start.max(Instant::now());
        state.next_start = start + self.pace;
        loop {
            self.look_at_time(&mut state);
            if state.stop.is_some() || Instant::now() >= start {
                return state.stop.is_none();
            }
            let until = self.deadline.map_or(start, |deadline| deadline.min(start));
            state = self.wait(&self.stopped, state, Some(until));
        }
    }

    /// Waits for this long, or until the work is stopped. Returns `true` if it is stopped.
    pub(crate) fn is_stopped_within(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.state();
        while state.stop.is_none() && Instant::now() < until {
            state = self.wait(&self.stopped, state, Some(until));
        }
        state.stop.is_some()
    }

    /// Prevents further starts. The first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        let mut state = self.state();
        state.stop.get_or_insert(why);
        self.filled.notify_all();
        self.drained.notify_all();
        self.stopped.notify_all();
    }

    /// Reports whether a signal arrived, after which no command starts.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.state().signal.is_some()
    }

    /// Reports whether any command is running.
    pub(crate) fn is_any_running(&self) -> bool {
        !self.state().running.is_empty()
    }

    pub(crate) fn why_stopped(&self) -> Option<Stop> {
        self.state().stop
    }

    /// Forwards signals to the running commands. Each signal also stops the work. A byte is the
    /// signal's number, or 0 if the terminal sent it, which sends it to the commands itself.
    pub(crate) fn pass_on(&self, mut signals: &UnixStream) {
        let mut buffer = [0; 64];
        loop {
            match signals.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    self.stop(Stop::Signal(buffer[0]));
                    for signal in &buffer[..count] {
                        self.state().pass_on(*signal);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn look_at_time(&self, state: &mut State<T>) {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            state.stop.get_or_insert(Stop::Time);
        }
    }

    fn wait<'a>(
        &self,
        condition: &Condvar,
        state: MutexGuard<'a, State<T>>,
        until: Option<Instant>,
    ) -> MutexGuard<'a, State<T>> {
        match until {
            Some(until) => {
                let pause = until.saturating_duration_since(Instant::now());
                let waited = condition.wait_timeout(state, pause);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => condition
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl<T> State<T> {
    fn pass_on(&mut self, signal: u8) {
        self.signal = Some(signal);
        for (child, is_meant) in &mut self.running {
            *is_meant = true;
            send(*child, signal);
        }
    }
}

/// Sends a signal to a process that is not reaped yet.
fn send(child: u32, signal: u8) {
    // Not `rustix`, which has no names for realtime signals.
    // SAFETY: this touches no memory. Signal 0, which stands for one from the terminal, only checks
    // that the process exists.
    let _ = unsafe { libc::kill(child as libc::pid_t, i32::from(signal)) };
}

impl<T> Signals for Queue<T> {
    fn begin(&self) -> io::Result<()> {
        match self.state().signal {
            Some(_) => Err(io::ErrorKind::Interrupted.into()),
            None => Ok(()),
        }
    }

    fn prepare(&self, command: &mut Command) {
        (self.prepare)(command);
    }

    fn reach(&self, child: u32) {
        let mut state = self.state();
        let signal = state.signal;
        match signal {
            // The terminal sent it before there was this command.
            Some(0) => send(child, libc::SIGINT as u8),
            Some(signal) => send(child, signal),
            None => {}
        }
        state.running.push((child, signal.is_some()));
    }

    fn end(&self, child: u32) -> bool {
        let mut state = self.state();
        let place = state.running.iter().position(|(id, _)| *id == child);
        place.is_some_and(|place| state.running.swap_remove(place).1)
    }
}

/// Marks the queue as complete when it is dropped.
struct End<'a, T>(&'a Queue<T>);

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.0.state().is_ended = true;
        self.0.filled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;
    use std::sync::Arc;

    use super::*;

    fn queue(pace: Duration, deadline: Option<Instant>) -> Queue<u32> {
        Queue::new(deadline, pace, |_| {})
    }

    #[test]
    fn hands_out_each_item_once_and_then_ends() {
        let queue = queue(Duration::ZERO, None);
        assert_eq!(queue.total(), None);
        queue.fill(0..3);
        assert_eq!(queue.total(), Some(3));
        let taken: Vec<u32> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(taken, [0, 1, 2]);
    }

    #[test]
    fn a_stuck_source_delays_no_worker_once_the_work_is_stopped() {
        let queue = Arc::new(queue(Duration::ZERO, None));
        let source = queue.clone();
        // An input that never comes to its end.
        std::thread::spawn(move || {
            source.fill(std::iter::from_fn(|| {
                loop {
                    std::thread::park()
                }
            }))
        });
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| queue.take());
            queue.stop(Stop::Signal(2));
            assert_eq!(taker.join().expect("it ends"), None);
        });
        assert!(!queue.may_start());
        assert_eq!(queue.why_stopped(), Some(Stop::Signal(2)));
    }

    #[test]
    fn a_source_that_panics_is_at_its_end() {
        let queue = Arc::new(queue(Duration::ZERO, None));
        let source = queue.clone();
        let thread =
            std::thread::spawn(move || source.fill(std::iter::from_fn(|| panic!("no more"))));
        assert_eq!(queue.take(), None);
        assert!(thread.join().is_err());
    }

    #[test]
    fn starts_keep_their_distance() {
        let pace = Duration::from_millis(20);
        let queue = queue(pace, None);
        let started = Instant::now();
        for _ in 0..4 {
            assert!(queue.may_start());
        }
        assert!(started.elapsed() >= 3 * pace);
    }

    #[test]
    fn nothing_starts_when_time_is_over() {
        let queue = queue(
            Duration::from_secs(3600),
            Some(Instant::now() + Duration::from_millis(20)),
        );
        queue.fill(0..2);
        assert!(queue.may_start());
        assert!(!queue.may_start(), "its turn is in an hour");
        assert_eq!(
            (queue.take(), queue.why_stopped()),
            (None, Some(Stop::Time))
        );
        assert_eq!(queue.rest(), [0, 1]);
    }

    #[test]
    fn a_signal_reaches_all_that_runs_and_what_is_about_to_start() {
        let queue = queue(Duration::ZERO, None);
        let start = || {
            queue.begin().expect("no signal came yet");
            let cat = Command::new("cat").stdin(Stdio::piped()).spawn();
            cat.expect("it starts")
        };
        let (mut first, mut gone, mut late) = (start(), start(), start());
        queue.reach(first.id());
        queue.reach(gone.id());
        assert!(!queue.end(gone.id()));
        let (mut signals, source) = UnixStream::pair().expect("sockets");
        signals.write_all(&[15]).expect("a byte");
        drop(signals);
        queue.pass_on(&source);
        queue.reach(late.id());
        for child in [&mut first, &mut late] {
            assert!(queue.end(child.id()));
            let status = child.wait().expect("it is our own");
            assert_eq!(status.signal(), Some(15));
        }
        drop(gone.stdin.take());
        assert!(gone.wait().expect("it is our own").success());
        assert!(queue.begin().is_err());
        assert_eq!(queue.why_stopped(), Some(Stop::Signal(15)));
    }
}
