//! The loop: waits for keys, signals and answers, and draws what they make of the browser.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use ecache_core::filter::Filter;
use ecache_core::scope::Address;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGTSTP, SIGWINCH};
use signal_hook::low_level;

use super::events::{Copied, Event, Request};
use super::keys::Parser;
use super::list::Row;
use super::model::Model;
use super::outside;
use super::screen::Screen;
use super::signals::{Signals, drain};
use super::view::{self, Texts};
use super::worker::{StoreAccess, Workers};
use crate::error::Exit;
use crate::output::stdin;

/// Time after the last key at which the words of the filter are read.
const AFTER_KEY: Duration = Duration::from_millis(80);

/// Time in which the rest of an escape sequence comes.
const ESCAPE: Duration = Duration::from_millis(50);

/// Time after which ages are drawn again.
const AGES: Duration = Duration::from_secs(1);

/// The part of the command that the loop needs on its own thread.
pub(crate) trait Desk: Texts {
    /// Reads the words of a filter, or returns their fault in one line.
    fn filter(&self, words: &str) -> Result<Filter, String>;
    /// Returns the text to copy, if the entry has one.
    fn copied(&self, row: &Row, what: Copied) -> Option<String>;
    /// Returns the command that edits the value of an entry on the terminal.
    fn edit(&self, address: &Address) -> Result<Command>;
    /// Returns the command that runs the recorded command of an entry again.
    fn rerun(&self, address: &Address) -> Result<Command>;
}

/// The properties of the terminal that decide how the browser looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Display {
    pub(crate) color: bool,
    pub(crate) is_unicode: bool,
}

/// Shows the browser until it is left.
pub(crate) fn run(
    mut model: Model,
    desk: &dyn Desk,
    source: Arc<dyn StoreAccess>,
    display: Display,
) -> Result<Exit> {
    let signals = Signals::new()?;
    let workers = Workers::start(source)?;
    let mut screen = Screen::new(display.is_unicode)?;
    let (width, height) = Screen::size()?;
    model.take(Event::Size(width, height));
    let mut browser = Browser {
        model,
        desk,
        workers,
        signals,
        parser: Parser::default(),
        typed: None,
        exit: None,
    };
    let ended = browser.until_left(&mut screen, display.color);
    drop(screen);
    browser.workers.finish();
    match ended {
        Err(error) if is_gone(&error) => Ok(Exit::Signal(SIGHUP as u8)),
        ended => ended,
    }
}

/// Reports whether an error is that of a terminal that is gone.
fn is_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.raw_os_error() == Some(libc::EIO))
}

struct Browser<'a> {
    model: Model,
    desk: &'a dyn Desk,
    workers: Workers,
    signals: Signals,
    parser: Parser,
    /// The words of the filter, and when they are to be read
    typed: Option<(String, Instant)>,
    exit: Option<Exit>,
}

impl Browser<'_> {
    /// Runs the event loop until the user quits.
    fn until_left(&mut self, screen: &mut Screen, color: bool) -> Result<Exit> {
        for request in self.model.begin() {
            self.carry_out(request, screen)?;
        }
        loop {
            let (buffer, cursor) = view::draw(&self.model, self.desk, color);
            screen.show(buffer, cursor)?;
            self.wait(screen)?;
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
        }
    }

    /// Waits until something happens, and takes it.
    fn wait(&mut self, screen: &mut Screen) -> Result<()> {
        let mut timeout = AGES;
        if let Some((_, at)) = &self.typed {
            timeout = timeout.min(at.saturating_duration_since(Instant::now()));
        }
        if self.parser.is_waiting() {
            timeout = timeout.min(ESCAPE);
        }
        let stdin = stdin();
        let mut ready = [
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.reader.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.workers.woken.as_fd(), PollFlags::IN),
        ];
        let timeout = Timespec::try_from(timeout).ok();
        match poll(&mut ready, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let [typed, signalled, woken] = ready.map(|ready| !ready.revents().is_empty());
        if signalled {
            self.take_signals(screen)?;
        }
        if typed {
            self.read_keys(screen)?;
        } else if self.parser.is_waiting()
            && let Some(key) = self.parser.give_up()
        {
            self.take(Event::Key(key), screen)?;
        }
        if woken {
            drain(&self.workers.woken);
        }
        let answers: Vec<Event> = self.workers.answers().collect();
        for answer in answers {
            self.take(answer, screen)?;
        }
        if self
            .typed
            .as_ref()
            .is_some_and(|(_, at)| *at <= Instant::now())
            && let Some((words, _)) = self.typed.take()
        {
            let filter = self.desk.filter(&words).map(Box::new);
            self.take(Event::Filter(filter), screen)?;
        }
        Ok(())
    }

    fn read_keys(&mut self, screen: &mut Screen) -> Result<()> {
        let mut bytes = [0; 4096];
        let length = match stdin().read(&mut bytes) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            // Linux reports a closed terminal as an error.
            Err(_) => 0,
        };
        if length == 0 {
            self.exit = Some(Exit::Signal(SIGHUP as u8));
            return Ok(());
        }
        for key in self.parser.keys(&bytes[..length]) {
            self.take(Event::Key(key), screen)?;
        }
        Ok(())
    }

    fn take_signals(&mut self, screen: &mut Screen) -> Result<()> {
        drain(&self.signals.reader);
        for signal in self.signals.seen() {
            match signal {
                SIGTSTP => self.stop(screen)?,
                // It was stopped without being asked, and its terminal was used by others.
                SIGCONT => screen.enter()?,
                SIGWINCH => {}
                signal => self.exit = Some(Exit::Signal(signal as u8)),
            }
        }
        self.measure(screen)
    }

    fn measure(&mut self, screen: &mut Screen) -> Result<()> {
        let (width, height) = Screen::size()?;
        self.take(Event::Size(width, height), screen)
    }

    /// Stops this process, as Ctrl-Z stops others, and goes on when it is continued.
    fn stop(&mut self, screen: &mut Screen) -> Result<()> {
        super::screen::restore();
        low_level::emulate_default_handler(SIGTSTP)?;
        screen.enter()?;
        // That it was continued is known.
        self.signals.seen().for_each(drop);
        self.measure(screen)
    }

    /// Runs a command on the terminal, and takes that over again behind it.
    fn outside(&mut self, command: Command, screen: &mut Screen) -> Result<()> {
        super::screen::restore();
        let ended = outside::run(command, &self.signals);
        screen.enter()?;
        self.measure(screen)?;
        if let Some(signal) = ended? {
            self.exit = Some(Exit::Signal(signal as u8));
        }
        Ok(())
    }

    fn take(&mut self, event: Event, screen: &mut Screen) -> Result<()> {
        for request in self.model.take(event) {
            self.carry_out(request, screen)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, request: Request, screen: &mut Screen) -> Result<()> {
        match request {
            Request::Read(words) => self.typed = Some((words, Instant::now() + AFTER_KEY)),
            Request::Quit => self.exit = Some(Exit::Done),
            Request::Suspend => self.stop(screen)?,
            Request::Copy(row, what) => {
                let said = match self.desk.copied(&row, what) {
                    Some(text) => {
                        screen.copy(&text)?;
                        let noun = if what == Copied::Key {
                            "key"
                        } else {
                            "command"
                        };
                        format!("copied the {noun}, if this terminal lets programs copy")
                    }
                    None => "the command of this entry is not recorded".to_owned(),
                };
                self.take(Event::Said(said), screen)?;
            }
            Request::Rerun(address) => {
                let command = self.desk.rerun(&address);
                let started = command.and_then(|command| Ok(self.workers.run(command)?));
                if let Err(error) = started {
                    self.take(Event::Failed(format!("{error:#}")), screen)?;
                }
            }
            Request::Edit(address) => {
                let command = self.desk.edit(&address);
                let edited = command.and_then(|command| self.outside(command, screen));
                let event = match edited {
                    Ok(()) => Event::Ran(String::new()),
                    Err(error) => Event::Failed(format!("{error:#}")),
                };
                self.take(event, screen)?;
            }
            request => self.workers.ask(request),
        }
        Ok(())
    }
}
