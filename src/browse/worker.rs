//! Threads that read and change the store, so that no key waits for it.
//!
//! One reads rows and makes changes, the other counts and looks for changes. Of the requests that
//! wait, only the latest of a kind is answered; changes are made one by one.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;
use ecache_core::backend::{OperationRecord, Scan};
use ecache_core::entry::Policy;
use ecache_core::filter::{Filter, Selection};
use ecache_core::scope::Address;

use super::events::{Changed, Counts, Event, Figures, Request, Whole};
use super::list::{ListPart, Row};
use crate::units::Ttl;

/// Time between two looks for changes.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The store, as the browser reads and changes it.
pub(crate) trait StoreAccess: Send + Sync {
    fn rows(&self, scan: &Scan) -> Result<Vec<Row>>;
    /// Counts what a filter means, and the places of the entries that another one means.
    fn count(&self, filter: &Filter, everywhere: &Filter) -> Result<Counts>;
    fn whole(&self, address: &Address) -> Result<Whole>;
    fn remove(&self, selection: &Selection) -> Result<Changed>;
    fn set_policy(&self, selection: &Selection, policy: Policy) -> Result<Changed>;
    fn set_lifetime(&self, selection: &Selection, ttl: Ttl) -> Result<Changed>;
    /// Returns the operations, the latest first; `None` where none are kept.
    fn operations(&self) -> Result<Option<Vec<OperationRecord>>>;
    fn figures(&self, filter: &Filter) -> Result<Figures>;
    fn undo(&self, operation: u64) -> Result<Changed>;
    /// Returns a number that differs once something changed; `None` where changes do not tell.
    fn token(&self) -> Result<Option<u64>>;
}

/// The threads, and their answers.
pub(super) struct Workers {
    rows: Option<Sender<Request>>,
    counts: Option<Sender<Request>>,
    answers: Receiver<Event>,
    sent: Answers,
    /// Becomes readable with an answer
    pub(super) woken: UnixStream,
    writer: Option<JoinHandle<()>>,
}

/// Sends answers, and wakes the loop.
#[derive(Clone)]
struct Answers {
    sender: Sender<Event>,
    wake: Arc<UnixStream>,
}

impl Answers {
    fn send(&self, event: Event) {
        // Without a receiver the browser has ended; a full stream wakes it anyway.
        let _ = self.sender.send(event);
        let _ = (&*self.wake).write(&[0]);
    }

    /// Sends an answer, or says why there is none.
    fn answer(&self, answer: Result<Event>) {
        self.send(answer.unwrap_or_else(|error| Event::Failed(format!("{error:#}"))));
    }

    /// Sends what a change has done, or why it was not made.
    fn answer_change(&self, change: Result<Changed>) {
        let not_done = |error: anyhow::Error| Event::NotDone(format!("{error:#}"));
        self.send(change.map_or_else(not_done, Event::Done));
    }
}

impl Workers {
    pub(super) fn start(source: Arc<dyn StoreAccess>) -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let (sender, answers) = mpsc::channel();
        let sent = Answers {
            sender,
            wake: Arc::new(wake),
        };
        let (rows, asked) = mpsc::channel();
        let (counts, asked_counts) = mpsc::channel();
        let (store, answer) = (Arc::clone(&source), sent.clone());
        let counted = sent.clone();
        let writer = thread::Builder::new()
            .name("rows".into())
            .spawn(move || read_rows(store.as_ref(), &asked, &answer))?;
        thread::Builder::new()
            .name("counts".into())
            .spawn(move || count(source.as_ref(), &asked_counts, &counted))?;
        Ok(Self {
            rows: Some(rows),
            counts: Some(counts),
            answers,
            sent,
            woken,
            writer: Some(writer),
        })
    }

    /// Hands a request to its thread.
    pub(super) fn ask(&self, request: Request) {
        let thread = match request {
            Request::Count { .. } | Request::Watch(_) | Request::Figures(_) => &self.counts,
            _ => &self.rows,
        };
        if let Some(thread) = thread {
            // A thread that is gone has panicked, and the message is on the screen.
            let _ = thread.send(request);
        }
    }

    /// Runs a command without a terminal, and answers with the last line that it prints to
    /// standard error. It goes on if the browser ends before it.
    pub(super) fn run(&self, mut command: Command) -> io::Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        let child = command.spawn()?;
        let sent = self.sent.clone();
        thread::Builder::new().name("run".into()).spawn(move || {
            match child.wait_with_output() {
                Ok(output) => {
                    let said = String::from_utf8_lossy(&output.stderr);
                    let said = last_words(&said, output.status.success());
                    let said = said.unwrap_or_else(|| output.status.to_string());
                    sent.send(Event::Ran(said));
                }
                Err(error) => sent.send(Event::Failed(error.to_string())),
            }
        })?;
        Ok(())
    }

    /// Returns the answers so far.
    pub(super) fn answers(&self) -> impl Iterator<Item = Event> + '_ {
        self.answers.try_iter()
    }

    /// Waits for requested changes to finish, so that none ends halfway and unreported.
    pub(super) fn finish(mut self) {
        self.rows = None;
        self.counts = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Returns what a command that ran others said in the end: of one that failed, how it failed.
fn last_words(said: &str, is_success: bool) -> Option<String> {
    const FAILED: &str = " failed with ";
    let failed = said.lines().find_map(|line| line.split_once(FAILED));
    match failed.filter(|_| !is_success) {
        Some((_, how)) => Some(format!("it failed with {how}")),
        None => {
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            last.map(str::to_owned)
        }
    }
}

fn read_rows(source: &dyn StoreAccess, asked: &Receiver<Request>, answers: &Answers) {
    while let Ok(first) = asked.recv() {
        let (mut rows, mut whole) = (None, None);
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Rows(..) => rows = Some(request),
                Request::Whole(_) => whole = Some(request),
                Request::Remove(selection) => {
                    answers.answer_change(source.remove(&selection));
                }
                Request::SetPolicy(selection, policy) => {
                    answers.answer_change(source.set_policy(&selection, policy));
                }
                Request::SetLifetime(selection, ttl) => {
                    answers.answer_change(source.set_lifetime(&selection, ttl));
                }
                Request::Operations => {
                    answers.answer(source.operations().map(Event::Operations));
                }
                Request::Undo(operation) => {
                    answers.answer_change(source.undo(operation));
                }
                _ => {}
            }
            next = asked.try_recv().ok();
        }
        if let Some(Request::Rows(generation, part, scan)) = rows {
            answers.answer(page(source, generation, part, &scan));
        }
        if let Some(Request::Whole(address)) = whole {
            let read = source.whole(&address);
            answers.answer(read.map(|whole| Event::Whole(address, whole)));
        }
    }
}

/// Reads a page; one that goes backwards is turned round.
fn page(source: &dyn StoreAccess, generation: u64, part: ListPart, scan: &Scan) -> Result<Event> {
    let mut rows = source.rows(scan)?;
    let is_all = (rows.len() as u64) < scan.limit.unwrap_or(u64::MAX);
    if matches!(part, ListPart::Before | ListPart::Last) {
        rows.reverse();
    }
    Ok(Event::Rows {
        generation,
        part,
        rows,
        is_all,
    })
}

fn count(source: &dyn StoreAccess, asked: &Receiver<Request>, answers: &Answers) {
    let mut seen: Option<Option<u64>> = None;
    loop {
        let first = if seen.is_some() {
            asked.recv_timeout(LOOK_EVERY)
        } else {
            asked.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match first {
            Ok(first) => {
                let mut counts = None;
                for request in [first].into_iter().chain(asked.try_iter()) {
                    match request {
                        Request::Count { .. } => counts = Some(request),
                        Request::Watch(true) => {
                            seen = Some(source.token().ok().flatten());
                            // The entries on the screen were read before.
                            answers.send(Event::Changed);
                        }
                        Request::Watch(false) => seen = None,
                        Request::Figures(filter) => {
                            let figures = source.figures(&filter);
                            let event = |figures| Event::Figures(Box::new(figures));
                            answers.answer(figures.map(event));
                        }
                        _ => {}
                    }
                }
                if let Some(Request::Count {
                    generation,
                    filter,
                    everywhere,
                }) = counts
                {
                    let counted = source.count(&filter, &everywhere);
                    answers.answer(counted.map(|counts| Event::Counted(generation, counts)));
                }
            }
            Err(RecvTimeoutError::Timeout) => match source.token() {
                Ok(token) => {
                    // Without a change token everything is read again, less often.
                    let is_other = token.is_none() || seen != Some(token);
                    if is_other && seen.replace(token).is_some() {
                        answers.send(Event::Changed);
                    }
                    if token.is_none() {
                        thread::sleep(4 * LOOK_EVERY);
                    }
                }
                Err(error) => answers.send(Event::Failed(format!("{error:#}"))),
            },
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
