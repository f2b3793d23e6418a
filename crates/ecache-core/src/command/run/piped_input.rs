//! Looks up and keeps the result of a command whose standard input is a pipe or a socket.
//!
//! The entry depends on what the command takes from the stream, which only a run can show:
//!
//! | the command | entry | answers for |
//! |---|---|---|
//! | succeeded and took nothing although input was available | [`InputKey::Unread`] | any input |
//! | succeeded before anything arrived, or received end of file at once | [`InputKey::Empty`] | an empty stream at end of file |
//! | anything else, if the whole input is known | [`InputKey::Stream`] | the same input |
//!
//! Other runs are not kept. A command that was seen to read has a [`Profile`] instead of the first
//! entry. A look-up takes nothing from the stream before it has found the entry, except the
//! verified beginning of an input that is too long to be peeked.
//!
//! Followers wait for the leader instead of replaying its live output, since only the finished
//! entry says how much to take. Stale results are served only if the whole input can be peeked, so
//! that a background process can have a copy.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::feed::InputUse;
use super::pass_on::Ended;
use super::runner::LookedUp;
use super::stale::Usable;
use crate::backend::{Backend, Condition, Content, Lookup};
use crate::command::input::{Profile, Seen, StreamContent, Taken, Waiting};
use crate::command::output::recording::ending;
use crate::command::{Call, InputKey, OnMiss, Report, Runner, StreamInput, Unusable};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::scope::Address;
use crate::time::{Clock, Timestamp};
use crate::value::Kind;

/// Maximum wait for an end of file that is about to come: in `true | ecache run -- date` it may be
/// late.
const END_PATIENCE: Duration = Duration::from_millis(5);

/// Maximum wait for an end of file if there is a result for an empty stream.
const KNOWN_END_PATIENCE: Duration = Duration::from_millis(50);

/// Maximum wait for the first byte of an input whose key is requested, as in a run that knows
/// inputs.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// Maximum wait for each further byte.
const NEXT_PATIENCE: Duration = Duration::from_secs(10);

/// The reason why nothing is a hit of a stream that stays open.
pub const OPEN_INPUT: &str = "standard input is an open pipe without data yet; --stdin none or \
                              </dev/null makes it a hit";

/// The input of a command whose standard input is a stream, as far as it is known without a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The part of the key
    Input(InputKey),
    /// Nothing came, not even the end in the time that a run waits for it
    Idle,
    /// The end is not in sight
    Endless,
}

impl<'a> Runner<'a> {
    /// Looks for the entry that answers for the content of the stream.
    pub(crate) fn look_at_stream(
        &self,
        path: &Path,
        stream: &mut StreamInput,
    ) -> Result<(Arc<dyn Backend>, LookedUp<'a>)> {
        let unread = self.call.with_input(InputKey::Unread(stream.wire()));
        let runner = self.of(&unread);
        let (backend, kept) = runner.look(path)?;
        if !matches!(kept, Usable::Nothing) {
            return Ok((backend, LookedUp::of(Cow::Owned(unread), kept)));
        }
        let profile = runner.profile(backend.as_ref())?;
        let may_take = self.call.settings.on_miss != OnMiss::Fail;
        let found = self.look_at(&backend, stream, profile.as_ref(), may_take)?;
        Ok((backend, found))
    }

    fn look_at(
        &self,
        backend: &Arc<dyn Backend>,
        stream: &mut StreamInput,
        profile: Option<&Profile>,
        may_take: bool,
    ) -> Result<LookedUp<'a>> {
        let whole = match profile {
            Some(profile) => match stream.recognize(profile, may_take)? {
                StreamContent::Whole(sha256) => Some(sha256),
                StreamContent::Unknown => None,
            },
            // A command that finds nothing may still read what arrives later, so no result answers
            // for an open stream.
            None => match stream.wait_for_end(END_PATIENCE)? {
                Waiting::Idle => return self.look_for_empty(backend, stream),
                Waiting::Ended | Waiting::Something => stream.whole()?,
            },
        };
        let Some(sha256) = whole else {
            return Ok(LookedUp::Miss(None));
        };
        let call = self.call.with_input(stream.key_of(sha256));
        let kept = self
            .of(&call)
            .find(backend, <dyn Backend>::lookup_unread, self.clock.now())?;
        // A command that reads exits only after end of file.
        if let Usable::Fresh(_, content) = &kept
            && profile.is_some()
            && stream.is_empty(sha256)
            && !saw_end(backend, content)?
        {
            return Ok(LookedUp::Miss(Some(Cow::Owned(call))));
        }
        Ok(LookedUp::of(Cow::Owned(call), kept))
    }

    /// Looks for the result of a run without input, which answers if the end of the stream is about
    /// to come.
    fn look_for_empty(
        &self,
        backend: &Arc<dyn Backend>,
        stream: &StreamInput,
    ) -> Result<LookedUp<'a>> {
        let call = self.call.with_input(InputKey::Empty(stream.wire()));
        let now = self.clock.now();
        let found = self
            .of(&call)
            .find(backend, <dyn Backend>::lookup_unread, now)?;
        match found {
            Usable::Fresh(entry, content)
                if stream.wait_for_end(KNOWN_END_PATIENCE)? == Waiting::Ended =>
            {
                Ok(LookedUp::Hit(Cow::Owned(call), entry, content))
            }
            Usable::Fresh(..) => {
                self.caller.on_unusable(Unusable::OpenInput);
                Ok(LookedUp::Miss(None))
            }
            Usable::Stale(..) | Usable::Nothing => Ok(LookedUp::Miss(None)),
        }
    }

    /// Returns the calls whose entries may answer for this one: of a stream, also that of a command
    /// that reads nothing.
    pub(crate) fn answering<'b>(&self, call: &'b Call) -> impl Iterator<Item = Cow<'b, Call>> {
        let wire = call.identity.input.wire();
        let unread = wire.map(|wire| Cow::Owned(self.call.with_input(InputKey::Unread(wire))));
        unread.into_iter().chain([Cow::Borrowed(call)])
    }

    /// Returns the profile at this address, if there is one.
    fn profile(&self, backend: &dyn Backend) -> Result<Option<Profile>> {
        let lookup = backend.lookup_unread(&self.call.entry.address, self.clock.now());
        let Some(Lookup::Hit(entry, Content::Inline(text))) = self.attempt(lookup)? else {
            return Ok(None);
        };
        let args = &self.call.entry.args;
        let is_ours =
            entry.kind == Kind::Json && entry.is_of_call(&self.function(), &self.call.scopes, args);
        Ok(Profile::parse(&text).filter(|_| is_ours))
    }

    /// Stores the recording in the entry that fits what the command took.
    pub(crate) fn keep_piped(
        &self,
        backend: &Arc<dyn Backend>,
        ended: Ended,
        mut report: Report,
    ) -> Result<Report> {
        report.outcome = self.call.settings.outcome_of_run();
        let InputUse::Took(taken) = &ended.input else {
            // The command inherited the stream itself.
            self.keep(backend.as_ref(), ended, &mut report)?;
            return Ok(report);
        };
        let unread = self.call.with_input(InputKey::Unread(taken.wire));
        let runner = self.of(&unread);
        let profile = runner.profile(backend.as_ref())?;
        let is_read = taken.bytes > 0 || profile.is_some();
        if taken.bytes > 0 {
            // A command that exits before end of file may read less of a slower stream.
            let is_all = |whole: &Seen| taken.saw_end && whole.length() == taken.bytes;
            let seen = taken.whole.clone().filter(is_all);
            runner.keep_profile(backend.as_ref(), profile, seen)?;
        }
        match key_of(taken, report.exit, is_read) {
            Some(input) => {
                let call = self.call.with_input(input);
                self.of(&call).keep(backend.as_ref(), ended, &mut report)?;
            }
            None => self.leave("it did not read its standard input to the end")?,
        }
        Ok(report)
    }

    /// Stores that the command reads, and the input that it read to the end.
    fn keep_profile(
        &self,
        backend: &dyn Backend,
        known: Option<Profile>,
        seen: Option<Seen>,
    ) -> Result<()> {
        let mut profile = known.clone().unwrap_or_default();
        if let Some(seen) = seen {
            profile.add(seen);
        }
        if known.as_ref() == Some(&profile) {
            return Ok(());
        }
        let now = self.clock.now();
        let ttl = self.call.settings.ttl;
        let entry = Entry {
            expires_at: ttl.map(|ttl| now.saturating_add(ttl)),
            scopes: self.call.scopes.clone(),
            function: Some(self.function()),
            args: self.recorded_args(),
            ..Entry::new(self.call.entry.address.clone(), Kind::Json, now)
        };
        let text = Content::Inline(profile.to_json().into_bytes());
        self.attempt(backend.put(&entry, &text, &Condition::Always.into(), now))
            .map(drop)
    }
}

impl Call {
    /// Returns the address of the record of inputs that the command read, if there is one and the
    /// result of no other input is there, which it helps to find.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub fn own_input_record(
        &self,
        backend: &dyn Backend,
        now: Timestamp,
    ) -> Result<Option<Address>> {
        let Some(wire) = self.identity.input.wire() else {
            return Ok(None);
        };
        let unread = self.with_input(InputKey::Unread(wire)).entry.address;
        let seen = match backend.lookup_unread(&unread, now)? {
            Lookup::Stale(entry) if entry.is_input_record() => return Ok(Some(unread)),
            Lookup::Hit(entry, Content::Inline(text)) if entry.is_input_record() => {
                Profile::parse(&text).unwrap_or_default().inputs
            }
            _ => return Ok(None),
        };
        for seen in seen {
            let other = InputKey::Stream(wire, seen.sha256());
            let address = self.with_input(other).entry.address;
            if other != self.identity.input
                && backend.lookup_unread(&address, now)? != Lookup::Missing
            {
                return Ok(None);
            }
        }
        Ok(Some(unread))
    }

    /// Returns the input by which a run would look the command up. Waits for the content of the
    /// stream unless the command is known not to read it.
    ///
    /// # Errors
    /// Fails if the store or the stream cannot be read.
    pub fn settled(
        &self,
        backend: Option<&Arc<dyn Backend>>,
        stream: &StreamInput,
        clock: &dyn Clock,
    ) -> Result<Settled> {
        let unread = InputKey::Unread(stream.wire());
        let call = self.with_input(unread);
        let lookup = backend.map(|backend| backend.lookup_unread(&call.entry.address, clock.now()));
        let known = match lookup.transpose()? {
            Some(Lookup::Hit(entry, _) | Lookup::Stale(entry)) => Some(entry.kind),
            Some(Lookup::Damaged(_) | Lookup::Foreign(..) | Lookup::Missing) | None => None,
        };
        if known == Some(Kind::Command) {
            return Ok(Settled::Input(unread));
        }
        // A run of a command that is not known to read does not wait longer for nothing.
        let is_reader = known == Some(Kind::Json);
        let at_once = stream.wait_for_end(KNOWN_END_PATIENCE).map_err(Error::Io)?;
        let input = stream.key(FIRST_PATIENCE, NEXT_PATIENCE);
        Ok(match input.map_err(Error::Io)? {
            Some(InputKey::Empty(_)) if at_once == Waiting::Idle && !is_reader => Settled::Idle,
            Some(input) => Settled::Input(input),
            None if at_once == Waiting::Idle && stream.lies().is_ok_and(|now| now == at_once) => {
                Settled::Idle
            }
            None => Settled::Endless,
        })
    }

    /// Waits until the end of a stream can be peeked, or until the time is up.
    ///
    /// # Errors
    /// Fails if the stream cannot be peeked.
    pub fn wait_for_input(stream: &StreamInput) -> Result<()> {
        let input = stream.key(FIRST_PATIENCE, NEXT_PATIENCE);
        input.map(drop).map_err(Error::Io)
    }
}

/// Returns the key part that fits what a command took; `None` if the run must not be kept.
fn key_of(taken: &Taken, exit: u8, is_read: bool) -> Option<InputKey> {
    let ended_well = exit == 0;
    match &taken.whole {
        _ if taken.was_offered && ended_well && !is_read => Some(InputKey::Unread(taken.wire)),
        Some(whole) if whole.length() == 0 => Some(InputKey::Empty(taken.wire)),
        Some(whole) => Some(InputKey::Stream(taken.wire, whole.sha256())),
        None if taken.nothing_came && ended_well && !is_read => Some(InputKey::Empty(taken.wire)),
        None => None,
    }
}

/// Reports whether a recorded command received end of file; assumes so if that is not recorded.
fn saw_end(backend: &Arc<dyn Backend>, content: &Content) -> Result<bool> {
    let ending = ending(backend.as_ref(), content)?;
    let input = ending.and_then(|ending| ending.input);
    Ok(input.is_none_or(|input| input.saw_end))
}
