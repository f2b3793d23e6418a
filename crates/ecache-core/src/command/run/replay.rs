//! Replays a recorded command.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::ports::{Ports, StoredResult};
use crate::backend::{Backend, Content, ContentReader};
use crate::command::output::reader::Source;
use crate::command::settings::{OnMiss, Report, RunOutcome};
use crate::command::{CommandError, ReplayError, Runner, replay};
use crate::error::Error;

impl Runner<'_> {
    /// Replays a hit, as [`Runner::replay`].
    pub(crate) fn replay_hit(
        &self,
        backend: Arc<dyn Backend>,
        found: StoredResult,
        ports: &mut Ports<'_>,
    ) -> Result<Option<Report>, CommandError> {
        self.replay(&backend, found, RunOutcome::Hit, ports)
    }

    /// Replays a stale result, as [`Runner::replay`].
    pub(crate) fn replay_stale(
        &self,
        backend: &Arc<dyn Backend>,
        found: StoredResult,
        ports: &mut Ports<'_>,
    ) -> Result<Option<Report>, CommandError> {
        self.replay(backend, found, RunOutcome::Stale, ports)
    }

    /// Prints a recorded result. Returns `None` if the rest of it is damaged and the error is
    /// ignored: the caller runs the command, and [`resume`](crate::command::output::resume)
    /// compares its output with the beginning that was printed already.
    ///
    /// A value too long for memory is verified chunk by chunk, each before it is printed.
    /// Alternatives considered: reading all of it twice (every hit takes twice as long, and it can
    /// still be removed in between), and failing where it breaks (the next attempt would fail at
    /// the same place).
    pub(crate) fn replay(
        &self,
        backend: &Arc<dyn Backend>,
        (entry, content): StoredResult,
        outcome: RunOutcome,
        ports: &mut Ports<'_>,
    ) -> Result<Option<Report>, CommandError> {
        let console = &mut ports.console;
        let now = self.clock.now();
        let source = match &content {
            Content::Inline(_) => None,
            Content::Chunked(chunked) => Some(Source::Usable(backend.clone(), *chunked)),
        };
        console.begin(source);
        let reader = ContentReader::new(backend.as_ref(), content);
        let exit = match replay(reader, &mut console.stdout, &mut console.stderr) {
            Ok(ending) => {
                ports.input.leave(ending.input);
                ending.exit
            }
            Err(ReplayError::Write(error)) => unread(error)?,
            Err(ReplayError::Read(error)) => match error.downcast() {
                // The value was removed between the lookup and the read.
                Ok(Error::Replaced)
                    if !console.has_printed() && self.call.settings.on_miss != OnMiss::Fail =>
                {
                    return Ok(None);
                }
                // There is nothing left to compare another run with.
                Ok(error @ Error::Replaced) => {
                    return Err(CommandError::Replay(io::Error::other(error)));
                }
                Ok(error) if self.call.settings.on_miss == OnMiss::Fail => {
                    return Err(CommandError::Replay(io::Error::other(error)));
                }
                Ok(trouble) => {
                    let trouble = match trouble {
                        // Only this value is known to be damaged, and the rerun replaces it.
                        Error::Damaged { .. } => Error::DamagedEntry {
                            address: Box::new(self.call.entry.address.clone()),
                        },
                        other => other,
                    };
                    return Ok(self.caller.on_trouble(trouble).map(|()| None)?);
                }
                Err(error) => return Err(CommandError::Replay(error)),
            },
            Err(ReplayError::Malformed(error)) => {
                return Err(CommandError::Replay(io::Error::other(error)));
            }
        };
        console.finish()?;
        Ok(Some(Report {
            outcome,
            exit,
            signal: None,
            age: now.since(entry.written_at()),
            overdue: self.overdue(&entry, now),
            ttl_left: entry.expires_at.map(|expires| expires.since(now)),
            cost: entry.cost_ms.map(Duration::from_millis),
            size: Some(entry.size),
            key: Some(entry.address.key.clone()),
            written_at: Some(entry.written_at()),
            kept_at: None,
        }))
    }
}

/// Returns the exit code of a command whose reader went away: SIGPIPE would have ended it.
pub(crate) fn unread(error: io::Error) -> Result<u8, CommandError> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(128 + libc::SIGPIPE as u8),
        _ => Err(CommandError::Output(error)),
    }
}

/// Returns the error for a damaged result that no other output can replace.
pub(crate) fn lost() -> CommandError {
    CommandError::Replay(io::Error::other("the rest of it is damaged"))
}
