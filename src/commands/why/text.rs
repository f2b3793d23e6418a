//! The explanation as text.

use ecache_core::backend::{Cause, Effect, Fate, OperationRecord, Tombstone};
use ecache_core::command::Outputs;
use ecache_core::entry::Entry;
use ecache_core::explain::{Difference, Explanation, IdentityPart, Missing};
use ecache_core::python_json::Json;
use ecache_core::scope::Address;
use ecache_core::time::Timestamp;

use super::super::shared::calls::times;
use super::super::shared::changes::operation::ago;
use super::reason::Reason;
use super::{Sides, View};
use crate::output::escape::shell;
use crate::output::human::entries;
use crate::output::own_command;
use crate::output::{escape, human};

impl View<'_> {
    pub(super) fn text(&self, explanation: &Explanation) -> String {
        let mut text = self.explained(explanation);
        if let Some(Fate::Kept(operation, earlier)) = &self.fate
            && !matches!(explanation, Explanation::Missing(_))
        {
            for line in [
                format!("  replaced an earlier one {}", self.by(operation)),
                format!("  the earlier one: {}", self.times(earlier)),
            ]
            .into_iter()
            .chain(self.undoing(operation))
            {
                text.push_str(&escape::for_line(&line));
                text.push('\n');
            }
        }
        text
    }

    /// Returns what the look-up finds, and why.
    fn explained(&self, explanation: &Explanation) -> String {
        let address = &self.question.address;
        let mut text = String::new();
        let mut say = |line: String| {
            // Names and arguments may hold anything.
            text.push_str(&escape::for_line(&line));
            text.push('\n');
        };
        let with_times = |line: String, entry: &Entry| [line, format!("  {}", self.times(entry))];
        match Reason::of(self, explanation) {
            Reason::Hit(entry) => {
                say(self.hit(entry));
                say(self.key_line());
            }
            Reason::Expired(entry) => {
                let line = format!("miss: {address} is expired");
                with_times(line, entry).into_iter().for_each(&mut say);
            }
            Reason::FromTheFuture(entry) => {
                say(format!(
                    "miss: {address} has a write time in the future, so its age is unknown"
                ));
                say(format!("  written at {}", entry.written_at()));
            }
            Reason::Failure(entry, exit) => {
                let line = format!(
                    "miss: {address} is a failure with exit code {exit}, which --no-failures does not print"
                );
                with_times(line, entry).into_iter().for_each(&mut say);
            }
            Reason::Damaged => say(format!(
                "miss: {address} is damaged; the next run replaces it, `{}` removes it",
                own_command("rm")
            )),
            Reason::OtherOutputs(entry) => {
                with_times(self.other_outputs(), entry)
                    .into_iter()
                    .for_each(&mut say);
            }
            Reason::OtherCall(entry, differences) => {
                say(format!(
                    "miss: {address} was made by another call, which differs in"
                ));
                differences
                    .iter()
                    .for_each(|difference| say(self.difference(entry, difference)));
            }
            Reason::Replaced(operation, entry) => {
                self.removed("replaced", operation, entry, &mut say);
            }
            Reason::Removed(operation, entry) => {
                let how = match operation.operation.cause {
                    Cause::Cleared => "cleared",
                    Cause::Pruned => "pruned",
                    Cause::Evicted => "evicted",
                    Cause::Removed | Cause::Expired | Cause::Orphaned => "removed",
                };
                self.removed(how, operation, entry, &mut say);
            }
            Reason::Gone(tombstone) => say(self.gone(tombstone)),
            Reason::Renamed(operation) => {
                let (store, by) = (&address.store, self.by(operation));
                say(format!("miss: {store} was renamed {by}"));
            }
            Reason::Missing if self.question.outputs.is_some() => self.not_run(&mut say),
            Reason::Missing => say(format!("miss: there is no {address}")),
        }
        if let Explanation::Missing(missing) = explanation {
            self.missing(missing, &mut say);
        }
        text
    }

    fn hit(&self, entry: &Entry) -> String {
        let times = self.times(entry);
        match self.only {
            None => format!("hit: {times}"),
            Some(Outputs::Merged) => {
                format!("hit on a terminal: {times}; a pipe runs it once more: recorded merged")
            }
            Some(Outputs::Apart) => {
                format!("hit in a pipe: {times}; a terminal runs it once more: recorded separate")
            }
        }
    }

    fn other_outputs(&self) -> String {
        let (here, there) = match self.question.outputs {
            Some(Outputs::Merged) => ("go to one place", "went to two"),
            _ => ("go to two places", "went to one"),
        };
        format!(
            "miss: {} was recorded with another order of output: standard output and standard error {there} there, and {here} here",
            self.question.address
        )
    }

    /// Says that there is no result of a command, and reasons for which none may have been kept.
    fn not_run(&self, say: &mut impl FnMut(String)) {
        let reasons = self.unkept.iter();
        say(match reasons.len() {
            0 => "miss: this command has not been run".to_owned(),
            _ => "miss: there is no result of this command, which may have run".to_owned(),
        });
        say(self.key_line());
        reasons.for_each(|reason| say(format!("  {reason}")));
    }

    /// Says how an entry went that undoing an operation brings back.
    fn removed(
        &self,
        how: &str,
        operation: &OperationRecord,
        entry: &Entry,
        say: &mut impl FnMut(String),
    ) {
        let (address, by) = (&self.question.address, self.by(operation));
        say(format!("miss: {address} was {how} {by}"));
        say(format!("  {}", self.times(entry)));
        self.undoing(operation).into_iter().for_each(say);
    }

    /// `2m ago by op 3, `ecache rm thumbs dog.jpg``
    fn by(&self, operation: &OperationRecord) -> String {
        let ago = ago(operation.at, self.now);
        let (id, command) = (operation.id, &operation.operation.command);
        format!("{ago} by op {id}, `ecache {command}`")
    }

    /// Returns what undoing an operation brings back, if that is still possible.
    fn undoing(&self, operation: &OperationRecord) -> Option<String> {
        operation.undo.at(self.now).until()?;
        let usage = match operation.effect {
            Effect::Written => operation.replaced,
            _ => operation.usage,
        };
        let (id, what) = (operation.id, entries(usage.entries));
        let undo = own_command(&format!("undo {id}"));
        Some(format!("  tip: {undo} brings {what} back"))
    }

    /// Returns the line on why an entry is gone for good.
    fn gone(&self, tombstone: &Tombstone) -> String {
        let address = &self.question.address;
        let when = ago(tombstone.at, self.now);
        let expired = tombstone.expired_at.map(|at| ago(at, self.now));
        let how = match (tombstone.cause, expired) {
            (Cause::Expired, Some(expired)) => format!("expired {expired} and was removed"),
            (Cause::Expired, None) => format!("was expired when it was removed {when}"),
            // A limit has evicted the copy that was kept for undo.
            (Cause::Removed, _) if !tombstone.note.is_empty() => {
                format!("was removed, and evicted for good {when}")
            }
            (Cause::Removed | Cause::Orphaned, _) => format!("was removed {when}"),
            (Cause::Pruned, _) => format!("was pruned {when}"),
            (Cause::Evicted, _) => format!("was evicted {when}"),
            (Cause::Cleared, _) => format!("was cleared {when}"),
        };
        let by = match (&tombstone.operation, &*tombstone.note) {
            (Some(operation), _) => {
                let (id, command) = (operation.id, &operation.operation.command);
                format!(" by op {id}, `ecache {command}`")
            }
            (None, "") => String::new(),
            (None, limit) => format!(" by the limit for {limit}"),
        };
        let why = match tombstone.cause {
            Cause::Orphaned => ", since its dataset was deleted",
            _ => "",
        };
        format!("miss: {address} {how}{by}{why}")
    }

    fn missing(&self, missing: &Missing, say: &mut impl FnMut(String)) {
        for entry in &missing.elsewhere {
            say(format!(
                "  that key is in {}, {}",
                self.other_store(&entry.address),
                self.times(entry)
            ));
        }
        for near in &missing.nearest {
            let key = shell(near.entry.address.key.as_str());
            say(format!("  nearest  {key}, {}", self.times(&near.entry)));
            let mut label = "  differs  in ";
            for difference in &near.differences {
                let difference = self.difference(&near.entry, difference);
                say(format!("{label}{}", difference.trim_start()));
                label = "              ";
            }
        }
        let store = &self.question.address.store.store_name;
        if self.question.arguments.is_none() {
            return;
        }
        let store = shell(store);
        match (missing.read, missing.nearest.is_empty()) {
            (0, _) => say(format!("  store {store} has no entries")),
            (1, true) => say(format!(
                "  the only entry of store {store} does not record what made it"
            )),
            (read, true) => say(format!(
                "  none of the {read} latest entries of store {store} records what made it"
            )),
            (1, false) => {}
            (read, false) => say(format!(
                "  compared with the {read} latest entries of store {store}"
            )),
        }
    }

    /// Returns the line that names the key which is looked for: `  key      5b7f… in sh`.
    fn key_line(&self) -> String {
        let address = &self.question.address;
        let store = address.store.to_string();
        let store = store.strip_prefix("store ").unwrap_or(&store);
        format!("  key      {} in {store}", shell(address.key.as_str()))
    }

    fn times(&self, entry: &Entry) -> String {
        times(entry, self.now)
    }

    /// Returns the name of a store in a message, with its collection if that is not ours.
    fn other_store(&self, address: &Address) -> String {
        let store = &address.store;
        if store.collection == self.question.address.store.collection {
            store.to_string()
        } else {
            let [name, collection] = [&store.store_name, &store.collection].map(|name| shell(name));
            format!("store {name} of collection {collection}")
        }
    }

    fn difference(&self, entry: &Entry, difference: &Difference) -> String {
        let Sides { asked, recorded } = self.sides(entry, difference);
        let show = |side: &Option<Json>| match (side, &difference.part) {
            (None, _) => "nothing".to_owned(),
            (Some(Json::Integer(nanos)), IdentityPart::ProgramTime) => {
                Timestamp::from_millis(nanos / 1_000_000).to_string()
            }
            (Some(json), _) => json.dumps(),
        };
        let part = &difference.part;
        let is_null = |side: &Option<Json>| matches!(side, Some(Json::Null));
        let kinds = [&recorded, &asked].map(|side| side.as_ref().and_then(input_kind));
        match part {
            IdentityPart::Input if kinds[0] != kinds[1] => {
                let [there, here] = kinds.map(|kind| kind.unwrap_or("nothing"));
                format!("    {part}: {there} there, {here} here")
            }
            IdentityPart::Variable(_) if is_null(&asked) != is_null(&recorded) => {
                let [there, here] =
                    [&recorded, &asked].map(|side| if is_null(side) { "not set" } else { "set" });
                format!("    {part}: {there} there, {here} here")
            }
            IdentityPart::Variable(_)
            | IdentityPart::File(_)
            | IdentityPart::Input
            | IdentityPart::Token
                if asked.is_some() && recorded.is_some() =>
            {
                format!("    {part}: differs")
            }
            IdentityPart::Variable(_)
            | IdentityPart::File(_)
            | IdentityPart::Input
            | IdentityPart::Token => match asked {
                Some(_) => format!("    {part}: no part of it there"),
                None => format!("    {part}: no part of it here"),
            },
            _ if show(&recorded) == show(&asked) => {
                format!("    {part}: another secret, which --reveal shows")
            }
            _ => {
                let by = by_how_much(part, recorded.as_ref(), asked.as_ref());
                let (there, here) = (show(&recorded), show(&asked));
                format!("    {part}: {there} there, {here} here{by}")
            }
        }
    }
}

/// Returns how far two values are apart, where that has a measure.
fn by_how_much(part: &IdentityPart, there: Option<&Json>, here: Option<&Json>) -> String {
    /// Length of a common beginning that is hard to see through.
    const LONG: usize = 12;
    match (part, there, here) {
        (IdentityPart::ProgramTime, Some(Json::Integer(there)), Some(Json::Integer(here))) => {
            let word = if here > there { "later" } else { "earlier" };
            let apart = here.abs_diff(*there) / 1_000_000;
            format!(", {} {word}", human::duration(apart))
        }
        (IdentityPart::ProgramSize, Some(Json::Integer(there)), Some(Json::Integer(here))) => {
            let word = if here > there { "larger" } else { "smaller" };
            let apart = here.abs_diff(*there);
            format!(", {} {word}", human::size(apart))
        }
        (_, Some(Json::Integer(there)), Some(Json::Integer(here))) => {
            let word = if here > there { "more" } else { "less" };
            format!(", {} {word}", here.abs_diff(*there))
        }
        (_, Some(Json::String(there)), Some(Json::String(here))) => {
            let (there, here) = (there.to_string_lossy(), here.to_string_lossy());
            let same = there.chars().zip(here.chars());
            let same = same.take_while(|(there, here)| there == here).count();
            if same < LONG {
                return String::new();
            }
            format!(", from character {}", same + 1)
        }
        _ => String::new(),
    }
}

/// Returns the kind of a recorded standard input, without its content.
fn input_kind(input: &Json) -> Option<&str> {
    let input = input.as_str()?;
    Some(input.split_once(": ").map_or(input, |(kind, _)| kind))
}
