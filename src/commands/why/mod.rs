//! `ecache why`: why a command or a call is a hit or a miss.

mod json;
mod question;
mod reason;
mod text;
mod unkept;

use std::io::{LineWriter, Write};

use anyhow::Result;
use ecache_core::backend::{Backend, Effect, Fate, OperationRecord};
use ecache_core::command::Outputs;
use ecache_core::entry::Entry;
use ecache_core::explain::{Difference, Explanation, IdentityPart, Missing, Question, explain};
use ecache_core::python_json::Json;
use ecache_core::scope::StoreAddress;
use ecache_core::secrets::mask_json;
use ecache_core::time::Timestamp;
use serde_json::json;

use self::question::question;
use crate::cli::{WhyArgs, WhyFormat};
use crate::context::Context;
use crate::error::Exit;
use crate::output::cut::folded;
use crate::output::short_ids::short_ids;
use crate::output::{JsonToTerminal, Secrets, escape, stdout};

pub(crate) fn run(context: &Context, args: WhyArgs) -> Result<Exit> {
    let secrets = Secrets::from(args.reveal);
    let format = if args.json {
        WhyFormat::Json
    } else {
        args.format
    };
    let question = match question(context, args)? {
        Ok(question) => question,
        Err(why) => return never(format, &why),
    };
    let now = context.now();
    let backend = context.reader()?;
    let (explanation, only) = explained(backend.as_ref(), &question, now)?;
    let fate = backend.fate(&question.address)?;
    let fate = fate.filter(|fate| explains(fate, &explanation));
    let renamed = match &explanation {
        Explanation::Missing(missing) if fate.is_none() => {
            renaming(backend.as_ref(), &question.address.store, missing)?
        }
        _ => None,
    };
    let unkept = match &explanation {
        Explanation::Missing(missing)
            if question.outputs.is_some() && fate.is_none() && renamed.is_none() =>
        {
            unkept::reasons(context, backend.as_ref(), &question, missing.read)?
        }
        _ => Vec::new(),
    };
    let view = View {
        question: &question,
        only,
        fate,
        renamed,
        unkept,
        now,
        secrets,
    };
    match format {
        WhyFormat::Text => {
            let mut text = view.text(&explanation);
            if context.terminal.stdout_is_terminal {
                text = folded(&short_ids(&text), context.terminal.width);
            }
            stdout().write_all(context.terminal.text(&text).as_bytes())?;
        }
        WhyFormat::Json => {
            let line = view.json(&explanation).to_string() + "\n";
            if context.terminal.stdout_is_terminal {
                let mut terminal = JsonToTerminal::new(LineWriter::new(stdout()));
                terminal.write_all(line.as_bytes())?;
                terminal.flush()?;
            } else {
                stdout().write_all(line.as_bytes())?;
            }
        }
    }
    Ok(match explanation {
        Explanation::Hit(_) => Exit::Done,
        _ => Exit::No,
    })
}

/// Reports whether the fate of an earlier entry explains the present state: no entry, or that of an
/// import which replaced the earlier one.
fn explains(fate: &Fate, explanation: &Explanation) -> bool {
    let now_there = match explanation {
        Explanation::Missing(_) => return true,
        Explanation::Hit(entry)
        | Explanation::Stale(entry)
        | Explanation::Failure(entry, _)
        | Explanation::Another(entry, _) => entry,
        Explanation::Damaged => return false,
    };
    match fate {
        Fate::Kept(operation, _) => {
            operation.effect == Effect::Written && now_there.written_at() <= operation.at
        }
        Fate::Gone(_) => false,
    }
}

/// Reports that the command has no key and always runs without the cache.
fn never(format: WhyFormat, why: &str) -> Result<Exit> {
    let text = match format {
        WhyFormat::Text => escape::for_line(&format!("never a hit: {why}")).into_owned(),
        WhyFormat::Json => json!({
            "hit": false,
            "reason": "unkeyed",
            "message": why,
            "key": null,
            "store_name": null,
            "dataset_id": null,
            "written_at": null,
            "expires_at": null,
            "cost_ms": null,
        })
        .to_string(),
    };
    stdout().write_all(format!("{text}\n").as_bytes())?;
    Ok(Exit::No)
}

/// Returns the latest operation that renamed a store to one that has the key.
fn renaming(
    backend: &dyn Backend,
    store: &StoreAddress,
    missing: &Missing,
) -> Result<Option<OperationRecord>> {
    if missing.elsewhere.is_empty() {
        return Ok(None);
    }
    let has_key = |one: &StoreAddress| {
        let mut elsewhere = missing.elsewhere.iter();
        elsewhere.any(|entry| *entry.address.store == *one)
    };
    for operation in backend.operations()? {
        if operation.effect == Effect::Renamed {
            let stores = backend.operation_stores(operation.id)?;
            if stores.contains(store) && stores.iter().any(has_key) {
                return Ok(Some(operation));
            }
        }
    }
    Ok(None)
}

/// Explains a call. The result of a command may answer one destination of its output alone, which
/// is returned; where the output of this process goes does not matter.
fn explained(
    backend: &dyn Backend,
    question: &Question,
    now: Timestamp,
) -> Result<(Explanation, Option<Outputs>)> {
    let here = explain(backend, question, now)?;
    let Some(outputs) = question.outputs else {
        return Ok((here, None));
    };
    let is_other = |explanation: &Explanation| match explanation {
        Explanation::Another(_, differences) => differences
            .iter()
            .all(|it| it.part == IdentityPart::Outputs),
        _ => false,
    };
    if !matches!(here, Explanation::Hit(_)) && !is_other(&here) {
        return Ok((here, None));
    }
    let elsewhere = match outputs {
        Outputs::Merged => Outputs::Apart,
        Outputs::Apart => Outputs::Merged,
    };
    let question = Question {
        outputs: Some(elsewhere),
        ..question.clone()
    };
    let there = explain(backend, &question, now)?;
    Ok(match (&here, &there) {
        (Explanation::Hit(_), there) if is_other(there) => (here, Some(outputs)),
        (here, Explanation::Hit(_)) if is_other(here) => (there, Some(elsewhere)),
        _ => (here, None),
    })
}

/// Formats an explanation.
struct View<'a> {
    question: &'a Question,
    /// The destination of output that the result answers alone
    only: Option<Outputs>,
    /// The removal that took the entry away, and the entry
    fate: Option<Fate>,
    /// The renaming that took the entry to another store
    renamed: Option<OperationRecord>,
    /// Reasons for which the result of a command may not have been kept
    unkept: Vec<String>,
    now: Timestamp,
    secrets: Secrets,
}

impl View<'_> {
    /// Returns the requested and the recorded value, with secrets masked unless they are revealed.
    /// All arguments are masked together: after `--password`, the next one is a secret.
    fn sides(&self, entry: &Entry, difference: &Difference) -> Sides {
        let (mut asked, mut recorded) = (difference.asked.clone(), difference.recorded.clone());
        if self.secrets == Secrets::Masked {
            if let IdentityPart::Argument(index) = difference.part {
                let own = self.question.arguments.clone().map(Json::Array);
                let theirs = entry
                    .args
                    .as_ref()
                    .and_then(|args| Json::parse(args.as_bytes()).ok());
                asked = asked.and(masked(own, index));
                recorded = recorded.and(masked(theirs, index));
            } else {
                asked.as_mut().map(mask_json);
                recorded.as_mut().map(mask_json);
            }
        }
        Sides { asked, recorded }
    }
}

/// The two sides of a difference.
struct Sides {
    asked: Option<Json>,
    recorded: Option<Json>,
}

/// Returns one of the arguments after all of them were masked.
fn masked(arguments: Option<Json>, index: usize) -> Option<Json> {
    let mut arguments = arguments?;
    mask_json(&mut arguments);
    match arguments {
        Json::Array(items) => items.into_iter().nth(index),
        _ => None,
    }
}
