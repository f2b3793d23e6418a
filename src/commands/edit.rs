//! `ecache edit`: changes the value of an entry in an editor.
//!
//! The entry is written only if it still has the value that was edited. Whatever goes wrong, what
//! was typed is kept in a file that the message names.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use ecache_core::backend::{
    Backend, Cause, Condition, Expiry, Keep, KeepForUndo, Lookup, MAX_UNDO_BYTES, Put, PutOptions,
    read_value,
};
use ecache_core::entry::Entry;
use ecache_core::error::Error;
use ecache_core::filter::{Filter, Pattern};
use ecache_core::python_json::Json;
use ecache_core::value::{Kind, Value};
use tempfile::NamedTempFile;

use super::shared::address::abbreviated::whole_entry;
use super::shared::address::cut_name::Accept;
use super::shared::address::resolve::{Request, note_missing, note_other_call};
use super::shared::changes::deletion::keep_unless;
use super::shared::changes::operation::{tell_undo, this};
use super::shared::filter::words::words;
use crate::cli::EditArgs;
use crate::context::Context;
use crate::error::{Exit, usage, usage_tip};
use crate::output::escape::shell;
use crate::output::own_command;
use crate::output::{human, pretty, say, stdin};
use crate::variables::variable;
use crate::{inherited, signals};

/// Width to which JSON is laid out.
const WIDTH: usize = 80;

pub(crate) fn run(context: &Context, args: EditArgs) -> Result<Exit> {
    let editor = editor()?;
    let backend = context.remover()?;
    let entry = whole_entry(context, backend.as_ref(), args.entry, Accept::Marked)?;
    let request = Request::new(context, entry)?;
    let (entry, content) = match backend.lookup(&request.address, context.now())? {
        Lookup::Hit(entry, content) if !request.contradicts(&entry) => (*entry, content),
        Lookup::Hit(entry, _) => {
            note_other_call(context, &entry.address);
            return Ok(Exit::No);
        }
        Lookup::Missing => {
            note_missing(context, backend.as_ref(), &request.address)?;
            return Ok(Exit::No);
        }
        Lookup::Stale(_) => {
            context.note(&format!(
                "{} is expired, and cannot be edited: {} revives it",
                request.address,
                own_command("touch --expired")
            ));
            return Ok(Exit::No);
        }
        Lookup::Foreign(_, reason) => {
            return Err(usage(format!(
                "{} is of another program, and cannot be edited: {reason}",
                request.address
            )));
        }
        Lookup::Damaged(address) => {
            let address = Box::new(address);
            return Err(Error::DamagedEntry { address }.into());
        }
    };
    let old = read_value(backend.as_ref(), entry.kind, content)?;
    let draft = Draft::of(&old)
        .with_context(|| format!("cannot edit {}", request.address))
        .map_err(|error| usage(format!("{error:#}")))?;
    // The editor is in the foreground: Ctrl-C is for it.
    signals::finish_batches()?;
    let Some(edited) = edit(context, &editor, entry.kind, &draft)? else {
        context.note("nothing was changed");
        return Ok(Exit::Done);
    };
    let keep = keep_unless(args.no_undo || entry.size > MAX_UNDO_BYTES);
    write(context, backend.as_ref(), entry, old, edited, keep)
}

/// Returns the editor, with its arguments.
fn editor() -> Result<String> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(variable);
    match named {
        Some(editor) => editor
            .into_string()
            .map_err(|_| usage("VISUAL or EDITOR is not UTF-8: name an editor that is")),
        None if stdin().is_terminal() => Ok("vi".to_owned()),
        None => Err(usage_tip(
            "there is no editor",
            format!(
                "set VISUAL or EDITOR; {} changes a value without one",
                own_command("set --value-file")
            ),
        )),
    }
}

/// A value as it is edited.
struct Draft {
    text: String,
    /// JSON as Python writes it is laid out, since the changed value can be written in that form
    /// again. Any other text is edited as it is.
    is_laid_out: bool,
}

impl Draft {
    fn of(value: &Value) -> Result<Self> {
        let text = || String::from_utf8(value.bytes.clone()).context("it is not UTF-8");
        let as_it_is = |text| Self {
            text,
            is_laid_out: false,
        };
        match value.kind {
            Kind::Text => Ok(as_it_is(text()?)),
            Kind::Json => {
                let json = Json::parse(&value.bytes).context("it is not valid JSON")?;
                let laid_out = pretty(&json, WIDTH, false) + "\n";
                // Half of a surrogate pair, for one, cannot be laid out without a loss.
                let is_same = Json::parse(laid_out.as_bytes()).is_ok_and(|same| same == json);
                if is_same && json.dumps().as_bytes() == value.bytes {
                    return Ok(Self {
                        text: laid_out,
                        is_laid_out: true,
                    });
                }
                Ok(as_it_is(text()? + "\n"))
            }
            Kind::Bytes => anyhow::bail!(
                "it is bytes: write it to a file with `{}`, and keep the changed file with `{}`",
                own_command("get"),
                own_command("set --type bytes --value-file FILE")
            ),
            Kind::Command => anyhow::bail!(
                "it is what a command printed: run that again with `{}`",
                own_command("run --refresh")
            ),
        }
    }

    /// Reads the text as a value of the kind that the entry has.
    fn parse(&self, kind: Kind, typed: Vec<u8>) -> Result<Value, String> {
        match kind {
            Kind::Json => {
                let json = Json::parse(&typed)
                    .map_err(|error| format!("this is not valid JSON: {error}"))?;
                let bytes = if self.is_laid_out {
                    json.dumps().into_bytes()
                } else {
                    typed.trim_ascii().to_vec()
                };
                Ok(Value { kind, bytes })
            }
            _ if str::from_utf8(&typed).is_err() => Err("this is not UTF-8".to_owned()),
            _ => Ok(Value { kind, bytes: typed }),
        }
    }
}

/// An edited value, and the file that has it.
struct Edited {
    value: Value,
    file: NamedTempFile,
}

impl Edited {
    /// Leaves the file there, and returns its name for a message.
    fn keep(self) -> Result<String> {
        keep(self.file)
    }
}

fn keep(file: NamedTempFile) -> Result<String> {
    let path = file.into_temp_path().keep()?;
    Ok(path.display().to_string())
}

/// Has a text edited until it is a value of that kind. Returns `None` if it was left as it is.
fn edit(context: &Context, editor: &str, kind: Kind, draft: &Draft) -> Result<Option<Edited>> {
    let suffix = if kind == Kind::Json { ".json" } else { ".txt" };
    let mut file = tempfile::Builder::new()
        .prefix("ecache-edit-")
        .suffix(suffix)
        .tempfile()
        .context("cannot make a file for the editor")?;
    file.write_all(draft.text.as_bytes())
        .and_then(|()| file.flush())
        .context("cannot write the file for the editor")?;
    loop {
        let ended = start(editor, &file);
        // Editors replace a file, so it is read by its name.
        let path = PathBuf::from(file.path());
        let mut typed =
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // Most editors end the last line.
        if typed.ends_with(b"\n") && !draft.text.ends_with('\n') {
            typed.pop();
        }
        if let Err(error) = ended {
            return Err(if typed == draft.text.as_bytes() {
                error
            } else {
                error.context(format!("your text is in {}", keep(file)?))
            });
        }
        if typed == draft.text.as_bytes() {
            return Ok(None);
        }
        match draft.parse(kind, typed) {
            Ok(value) => return Ok(Some(Edited { value, file })),
            Err(problem) if is_answered(context, &problem)? => {}
            Err(problem) => {
                return Err(usage(format!(
                    "{problem}; nothing was changed, and your text is in {}",
                    keep(file)?
                )));
            }
        }
    }
}

/// Runs the editor on a file. A variable may name one with arguments, which a shell splits.
fn start(editor: &str, file: &NamedTempFile) -> Result<()> {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(editor)
        .arg(file.path());
    inherited::prepare(&mut command);
    let status = command
        .status()
        .with_context(|| format!("cannot start the editor {editor:?}"))?;
    if status.success() {
        Ok(())
    } else {
        anyhow::bail!("the editor {editor:?} failed ({status}), and nothing was changed")
    }
}

/// Shows a problem, and waits until it was read: the editor that opens again hides it. Returns
/// `false` without a terminal, or if the input ends.
fn is_answered(context: &Context, problem: &str) -> Result<bool> {
    if !(stdin().is_terminal() && context.terminal.stderr_is_terminal) {
        return Ok(false);
    }
    say(&format!(
        "{problem}\n  Enter edits it again, Ctrl-D keeps the text in a file and leaves"
    ));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdin()), &mut line)?;
    Ok(!line.is_empty() && signals::interrupted().is_none())
}

/// Writes the value, if the entry still has the old one.
fn write(
    context: &Context,
    backend: &dyn Backend,
    old: Entry,
    value: Value,
    edited: Edited,
    keep: KeepForUndo,
) -> Result<Exit> {
    let now = context.now();
    let size = edited.value.bytes.len() as u64;
    let mut entry = Entry::new(old.address.clone(), old.kind, now);
    entry.policy = old.policy;
    entry.expires_at = old.expires_at;
    entry.scopes = old.scopes.clone();
    entry.function = old.function.clone();
    entry.args = old.args.clone();
    entry.cost_ms = old.cost_ms;
    let options = PutOptions {
        condition: Condition::IfValue(value),
        keep: Keep::LIFETIME,
        expiry: Expiry::Named,
    };
    let content = backend.stage(&mut &edited.value.bytes[..], now);
    let filter = Filter {
        keys: vec![Pattern::exact(old.address.key.as_str())],
        ..Filter::store(&old.address.store)
    };
    let operation = this(Cause::Removed, words(&filter.into(), now));
    let put = content
        .and_then(|content| backend.put_logged(&entry, &content, &options, keep, &operation, now));
    match put {
        Ok((Put::Created | Put::Replaced, report)) => {
            context.note(&format!(
                "changed {}: {}, before {}",
                old.address,
                human::counted(size, "byte", "bytes"),
                human::count(old.size)
            ));
            if let Some(until) = report.until {
                tell_undo(context, until, now);
            }
            Ok(Exit::Done)
        }
        Ok((Put::Refused, _)) => {
            let file = edited.keep()?;
            context.warn(&format!(
                "{} was changed, removed or expired meanwhile, and stays as it is; your text is in {}",
                old.address,
                shell(&file)
            ));
            Ok(Exit::No)
        }
        Err(error) => {
            let file = edited.keep()?;
            Err(anyhow::Error::new(error).context(format!("your text is in {file}")))
        }
    }
}
