//! Explains why a call is a hit or a miss: reports the entry under its key or, without one, the
//! entries nearest to the call.
//!
//! The work is bounded: at most [`CANDIDATES`] entries are read, the latest of the stores of that
//! name (a scan of their ids finds them), and the key is looked up in as many other stores. Removed
//! entries leave no trace, so a call that is in none of these was never stored, or it was removed.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::backend::{Backend, Content, Direction, Lookup, Row, Scan};
use crate::command::{self, Failures, Outputs};
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::filter::{Filter, Pattern};
use crate::key::hex;
use crate::python_json::{Json, PyString};
use crate::scope::{Address, Scopes};
use crate::time::Timestamp;
use crate::value::Kind;

/// Maximum number of entries read to find the nearest, and of stores searched.
pub const CANDIDATES: u64 = 1000;

/// Maximum number of nearest entries in an explanation.
const NEAREST: usize = 3;

/// A call that is asked about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The address at which it would be stored
    pub address: Address,
    /// The scopes it is made in
    pub scopes: Scopes,
    /// The function or program that makes it, where that is recorded
    pub function: Option<Arc<str>>,
    /// Its arguments, `None` if it is asked for by its key
    pub arguments: Option<Vec<Json>>,
    /// The kind of its value, if known
    pub kind: Option<Kind>,
    /// Output destinations of the command; `None` if it is not a command
    pub outputs: Option<Outputs>,
    /// Address of the alternative entry for these outputs, used if the entry at `address` is for
    /// other outputs
    pub beside: Option<Address>,
    /// The failures that would be replayed, if it is a command
    pub failures: Failures,
}

/// The state of a call in the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Explanation {
    /// It is a hit
    Hit(Box<Entry>),
    /// There is one that is expired, or that claims to be from the future
    Stale(Box<Entry>),
    /// A recorded failure with this exit code, which may not be replayed
    Failure(Box<Entry>, u8),
    /// There is one, but its value is not what was written
    Damaged,
    /// There is one under its key that something else made, as these differences say
    Another(Box<Entry>, Vec<Difference>),
    /// There is none
    Missing(Missing),
}

/// Entries that resemble a missing call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Missing {
    /// Entries under its key in other stores, datasets or collections
    pub elsewhere: Vec<Entry>,
    /// The nearest entries in stores of its name, nearest first
    pub nearest: Vec<Near>,
    /// Number of entries read to find these
    pub read: u64,
}

/// An entry that resembles the requested call.
#[derive(Clone, Debug, PartialEq)]
pub struct Near {
    /// The entry
    pub entry: Entry,
    /// The differences
    pub differences: Vec<Difference>,
}

/// A part of a call's identity in which an entry differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The kind of input that differs
    pub part: Part,
    /// The requested value, `None` for nothing
    pub asked: Option<Json>,
    /// The entry's value, `None` for nothing
    pub recorded: Option<Json>,
}

impl Difference {
    fn new(part: Part, asked: Option<Json>, recorded: Option<Json>) -> Option<Self> {
        (asked != recorded).then_some(Self {
            part,
            asked,
            recorded,
        })
    }
}

/// A part of a call's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The collection
    Collection,
    /// The store's name
    Store,
    /// The dataset
    Dataset,
    /// The user
    User,
    /// The operator
    Operator,
    /// The operator prompt
    Prompt,
    /// The request token, by its hash
    Token,
    /// The function
    Function,
    /// The kind of the value
    Kind,
    /// An argument, counted from 0
    Argument(usize),
    /// The path of a command's program
    Program,
    /// The typed name of a command's program, if it differs from the file name
    ProgramName,
    /// The path that a command's program is started by, if it is relative
    ProgramCalled,
    /// The length of the program
    ProgramSize,
    /// When the program was changed, in nanoseconds since 1970
    ProgramTime,
    /// The folder that a command is run in
    Folder,
    /// A variable, by the hash of its value
    Variable(String),
    /// A file that a command reads, by the hash of its content
    File(String),
    /// A file that a command reads, by its hash
    Input,
    /// The number of places a command's output goes to: two or one
    Outputs,
    /// Another mark that distinguishes runs, such as the boot
    Mark(String),
}

/// Names the part as messages do: `argument 2`, `dataset`, `variable LANG`, `file Cargo.lock`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collection => f.write_str("collection"),
            Self::Store => f.write_str("store"),
            Self::Dataset => f.write_str("dataset"),
            Self::User => f.write_str("user"),
            Self::Operator => f.write_str("operator"),
            Self::Prompt => f.write_str("prompt"),
            Self::Token => f.write_str("request token"),
            Self::Function => f.write_str("function"),
            Self::Kind => f.write_str("kind"),
            Self::Argument(index) => write!(f, "argument {}", index + 1),
            Self::Program => f.write_str("program"),
            Self::ProgramName => f.write_str("name of the program"),
            Self::ProgramCalled => f.write_str("path of the program"),
            Self::ProgramSize => f.write_str("size of the program"),
            Self::ProgramTime => f.write_str("last change of the program"),
            Self::Folder => f.write_str("folder"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Input => f.write_str("standard input"),
            Self::Outputs => f.write_str("standard output and standard error"),
            Self::Mark(name) => f.write_str(name),
        }
    }
}

/// Explains what a look-up of a call finds, and changes nothing.
///
/// # Errors
/// If the store cannot be read.
pub fn explain(backend: &dyn Backend, question: &Question, now: Timestamp) -> Result<Explanation> {
    Ok(match backend.lookup(&question.address, now)? {
        // `run` treats a value that is not a recording as a miss.
        Lookup::Hit(entry, content)
            if question.outputs.is_some()
                && entry.kind == Kind::Command
                && command::form(backend, &content)?.is_none() =>
        {
            Explanation::Damaged
        }
        Lookup::Hit(entry, content) => {
            let mut differences = contradictions(question, &entry);
            if let Some(difference) = of_outputs(backend, question, &entry, &content)? {
                if differences.is_empty()
                    && let Some((entry, content)) = beside(backend, question, &entry, now)?
                {
                    return allowed(backend, question, (entry, content), now);
                }
                differences.push(difference);
            }
            if !differences.is_empty() {
                return Ok(Explanation::Another(entry, differences));
            }
            allowed(backend, question, (entry, content), now)?
        }
        Lookup::Stale(entry) => Explanation::Stale(entry),
        Lookup::Damaged(_) => Explanation::Damaged,
        Lookup::Foreign(entry, reason) => return Err(Error::foreign(*entry, reason)),
        Lookup::Missing => Explanation::Missing(Missing {
            elsewhere: elsewhere(backend, question, now)?,
            ..nearest(backend, question, now)?
        }),
    })
}

/// Applies the policy on replaying failures to the entry found.
fn allowed(
    backend: &dyn Backend,
    question: &Question,
    (mut entry, content): (Box<Entry>, Content),
    now: Timestamp,
) -> Result<Explanation> {
    let exit = match entry.kind {
        Kind::Command => command::exit_code(backend, &content)?,
        _ => None,
    };
    Ok(match exit {
        None | Some(0) => Explanation::Hit(entry),
        Some(exit) if !question.failures.allow(&mut entry) => Explanation::Failure(entry, exit),
        Some(_) if !entry.is_fresh(now) => Explanation::Stale(entry),
        Some(_) => Explanation::Hit(entry),
    })
}

/// Looks up the alternative entry beside a command's own one, which was recorded for other outputs.
fn beside(
    backend: &dyn Backend,
    question: &Question,
    own: &Entry,
    now: Timestamp,
) -> Result<Option<(Box<Entry>, Content)>> {
    let Some(address) = &question.beside else {
        return Ok(None);
    };
    Ok(match backend.lookup(address, now)? {
        Lookup::Hit(entry, content) if command::is_beside(&entry, own) => {
            let differs = of_outputs(backend, question, &entry, &content)?;
            differs.is_none().then_some((entry, content))
        }
        _ => None,
    })
}

/// Returns the differences between a call and an entry under the same key; a scope or a function
/// that the entry does not record is no difference.
fn contradictions(question: &Question, entry: &Entry) -> Vec<Difference> {
    let mut found = of_scopes(question, entry);
    found.retain(|difference| difference.recorded.is_some());
    found.extend(of_arguments(question, entry));
    found
}

/// Returns the difference in outputs, if the recording does not serve the requested ones.
fn of_outputs(
    backend: &dyn Backend,
    question: &Question,
    entry: &Entry,
    content: &Content,
) -> Result<Option<Difference>> {
    let Some(outputs) = question.outputs.filter(|_| entry.kind == Kind::Command) else {
        return Ok(None);
    };
    let form = command::form(backend, content)?;
    let (apart, one) = (Json::from("apart"), Json::from("one"));
    let (asked, recorded) = match outputs {
        Outputs::Apart => (apart, one),
        Outputs::Merged => (one, apart),
    };
    let difference = Difference::new(Part::Outputs, Some(asked), Some(recorded));
    Ok(difference.filter(|_| form.is_some_and(|form| !form.answers(outputs))))
}

/// Looks for the key in other stores.
fn elsewhere(backend: &dyn Backend, question: &Question, now: Timestamp) -> Result<Vec<Entry>> {
    let own = &*question.address.store;
    let mut stores = backend.stores()?;
    stores.retain(|store| *store.address != *own);
    // The stores that differ least come first, so that the limit does not cut them off.
    stores.sort_by_key(|store| {
        let store = &store.address;
        (
            store.store_name != own.store_name,
            store.dataset_id != own.dataset_id,
        )
    });
    stores.truncate(CANDIDATES as usize);
    let mut found = Vec::new();
    for store in &stores {
        let address = store.address.entry(question.address.key.clone());
        if let Lookup::Hit(entry, _) | Lookup::Stale(entry) = backend.lookup(&address, now)? {
            found.push(*entry);
        }
        if found.len() == NEAREST {
            break;
        }
    }
    Ok(found)
}

/// Finds the entries that differ least among the latest ones of the stores of that name.
fn nearest(backend: &dyn Backend, question: &Question, now: Timestamp) -> Result<Missing> {
    let mut missing = Missing::default();
    if question.arguments.is_none() {
        return Ok(missing);
    }
    let store = &question.address.store;
    let filter = Filter {
        collections: vec![Pattern::exact(&*store.collection)],
        stores: vec![Pattern::exact(&*store.store_name)],
        ..Filter::default()
    };
    let scan = Scan {
        direction: Direction::Descending,
        limit: Some(CANDIDATES),
        ..Scan::new(filter)
    };
    for row in backend.scan(&scan, now)? {
        missing.read += 1;
        let Row::Entry(entry, _) = row? else { continue };
        // An entry with the same key is reported in `elsewhere`.
        if entry.address.key == question.address.key {
            continue;
        }
        // Without recorded arguments the distance is unknown.
        if entry.args.is_none() {
            continue;
        }
        let differences = differences(question, &entry);
        let rank = |near: &Near| near.differences.len();
        let at = missing
            .nearest
            .partition_point(|near| rank(near) <= differences.len());
        if at < NEAREST {
            missing.nearest.insert(
                at,
                Near {
                    entry: *entry,
                    differences,
                },
            );
            missing.nearest.truncate(NEAREST);
        }
    }
    Ok(missing)
}

/// Returns the fields in which an entry differs from a call.
pub fn differences(question: &Question, entry: &Entry) -> Vec<Difference> {
    let mut found = of_arguments(question, entry);
    found.extend(of_scopes(question, entry));
    // The function of a command is the path of its program.
    let is_program = |difference: &Difference| difference.part == Part::Program;
    if found.iter().any(is_program) {
        found.retain(|difference| difference.part != Part::Function);
    }
    found
}

fn of_scopes(question: &Question, entry: &Entry) -> Vec<Difference> {
    let (asked, recorded) = (&question.scopes, &entry.scopes);
    let (store, other) = (&question.address.store, &entry.address.store);
    let text = |part, asked: Option<&Arc<str>>, recorded: Option<&Arc<str>>| {
        let json = |text: Option<&Arc<str>>| text.map(|text| Json::from(&**text));
        Difference::new(part, json(asked), json(recorded))
    };
    let token = |hash: &Option<[u8; 32]>| hash.map(|hash| Json::from(hex(&hash)));
    let kind = |kind: Kind| Some(Json::from(kind.as_str()));
    [
        text(
            Part::Collection,
            Some(&store.collection),
            Some(&other.collection),
        ),
        text(
            Part::Store,
            Some(&store.store_name),
            Some(&other.store_name),
        ),
        text(
            Part::Dataset,
            store.dataset_id.as_ref(),
            other.dataset_id.as_ref(),
        ),
        text(
            Part::User,
            asked.user_id.as_ref(),
            recorded.user_id.as_ref(),
        ),
        text(
            Part::Operator,
            asked.operator_uri.as_ref(),
            recorded.operator_uri.as_ref(),
        ),
        text(
            Part::Prompt,
            asked.prompt_id.as_ref(),
            recorded.prompt_id.as_ref(),
        ),
        Difference::new(
            Part::Token,
            token(&asked.jwt_sha256),
            token(&recorded.jwt_sha256),
        ),
        question
            .function
            .as_ref()
            .and_then(|function| text(Part::Function, Some(function), entry.function.as_ref())),
        question
            .kind
            .and_then(|asked| Difference::new(Part::Kind, kind(asked), kind(entry.kind))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_arguments(question: &Question, entry: &Entry) -> Vec<Difference> {
    let mut found = Vec::new();
    let recorded = entry
        .args
        .as_ref()
        .and_then(|args| Json::parse(args.as_bytes()).ok());
    if let (Some(asked), Some(Json::Array(recorded))) = (&question.arguments, &recorded) {
        let (asked, asked_context) = split(asked);
        let (recorded, recorded_context) = split(recorded);
        for index in 0..asked.len().max(recorded.len()) {
            let (asked, recorded) = (asked.get(index), recorded.get(index));
            found.extend(Difference::new(
                Part::Argument(index),
                asked.cloned(),
                recorded.cloned(),
            ));
        }
        if let (Some(asked), Some(recorded)) = (asked_context, recorded_context) {
            of_contexts(asked, recorded, &mut found);
        }
    }
    found
}

/// The arguments of a command, and the object that says what else identifies it; those of any other
/// call are all.
fn split(call: &[Json]) -> (&[Json], Option<&Json>) {
    match call.split_last() {
        Some((context, arguments))
            if context
                .get("program")
                .is_some_and(|it| it.get("mtime_ns").is_some()) =>
        {
            (arguments, Some(context))
        }
        _ => (call, None),
    }
}

/// The inputs that identify a command besides its arguments.
fn of_contexts(asked: &Json, recorded: &Json, found: &mut Vec<Difference>) {
    let inner = |json: &Json, outer: &str, name: &PyString| {
        let mut members = members(json, outer).iter();
        let found = members.find(|(member, _)| member == name);
        found.map(|(_, value)| value.clone())
    };
    let of_name = |part, outer: &str, name: &PyString| {
        Difference::new(
            part,
            inner(asked, outer, name),
            inner(recorded, outer, name),
        )
    };
    let of = |part, outer: &str, name: &str| of_name(part, outer, &name.into());
    match of(Part::Program, "program", "path") {
        Some(path) => found.push(path),
        None => {
            found.extend(of(Part::ProgramName, "program", "name"));
            found.extend(of(Part::ProgramCalled, "program", "called"));
            found.extend(of(Part::ProgramSize, "program", "size"));
            found.extend(of(Part::ProgramTime, "program", "mtime_ns"));
        }
    }
    for (part, name) in [(Part::Folder, "cwd"), (Part::Input, "stdin")] {
        found.extend(Difference::new(
            part,
            asked.get(name).cloned(),
            recorded.get(name).cloned(),
        ));
    }
    for name in names(asked, recorded, "env") {
        found.extend(of_name(Part::Variable(shown(&name)), "env", &name));
    }
    for name in names(asked, recorded, "files") {
        found.extend(of_name(Part::File(shown(&name)), "files", &name));
    }
    for name in names(asked, recorded, "marks") {
        found.extend(of_name(Part::Mark(shown(&name)), "marks", &name));
    }
}

/// The names that either of two objects has within one of its members.
fn names(one: &Json, other: &Json, member: &str) -> BTreeSet<PyString> {
    let all = [one, other].map(|json| members(json, member));
    all.concat().into_iter().map(|(name, _)| name).collect()
}

fn members<'a>(json: &'a Json, member: &str) -> &'a [(PyString, Json)] {
    match json.get(member) {
        Some(Json::Object(members)) => members,
        _ => &[],
    }
}

fn shown(name: &PyString) -> String {
    name.to_os_string().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::MemoryBackend;
    use crate::backend::{Condition, Content};
    use crate::key::{CallScopes, Key};
    use crate::scope::StoreAddress;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    fn question(arguments: &str) -> Question {
        let Ok(Json::Array(arguments)) = Json::parse(arguments.as_bytes()) else {
            panic!("arguments are a list");
        };
        Question {
            address: StoreAddress::new("s").entry(Key::of_call(&arguments, &CallScopes::default())),
            scopes: Scopes::default(),
            function: None,
            arguments: Some(arguments),
            kind: None,
            outputs: None,
            beside: None,
            failures: Failures::KeepAlike,
        }
    }

    fn entry(question: &Question) -> Entry {
        Entry {
            scopes: question.scopes.clone(),
            args: question
                .arguments
                .clone()
                .map(|arguments| Json::Array(arguments).dumps_sorted()),
            ..Entry::new(question.address.clone(), Kind::Text, NOW)
        }
    }

    fn put(backend: &dyn Backend, entry: &Entry) {
        let content = Content::Inline(b"value".to_vec());
        backend
            .put(entry, &content, &Condition::Always.into(), NOW)
            .expect("an entry");
    }

    fn parts(asked: &str, recorded: &str) -> Vec<String> {
        let differences = differences(&question(asked), &entry(&question(recorded)));
        differences
            .into_iter()
            .map(|difference| difference.part.to_string())
            .collect()
    }

    #[test]
    fn a_difference_says_which_part_it_is() {
        let command = |rest: &str| {
            format!(r#"["a", {{"program": {{"path": "/bin/x", "size": 1, "mtime_ns": 2}}{rest}}}]"#)
        };
        assert_eq!(parts(r#"["a", 1]"#, r#"["a", 2]"#), ["argument 2"]);
        assert_eq!(parts(r#"["a"]"#, r#"["a", {"b": 1}]"#), ["argument 2"]);
        assert_eq!(parts("[]", "[]"), [""; 0]);
        assert_eq!(parts(&command(""), &command(r#", "cwd": "/""#)), ["folder"]);
        assert_eq!(
            parts(&command(r#", "stdin": "00""#), &command("")),
            ["standard input"]
        );
        assert_eq!(
            parts(
                &command(r#", "env": {"A": "1", "B": null}, "files": {"f": "1"}"#),
                &command(r#", "env": {"A": "2", "B": null}, "files": {"g": "1"}"#)
            ),
            ["variable A", "file f", "file g"]
        );
        let upgraded = command("").replace("\"size\": 1", "\"size\": 3");
        assert_eq!(parts(&command(""), &upgraded), ["size of the program"]);
        let other = upgraded.replace("/bin/x", "/usr/bin/x");
        assert_eq!(parts(&command(""), &other), ["program"]);
    }

    #[test]
    fn the_nearest_come_first_and_no_more_is_read_than_there_is_to_be() {
        let backend = MemoryBackend::default();
        for number in 0..CANDIDATES + 10 {
            put(
                &backend,
                &entry(&question(&format!("[{number}, {number}]"))),
            );
        }
        put(&backend, &entry(&question(r#"["a", 1]"#)));
        let Ok(Explanation::Missing(missing)) = explain(&backend, &question(r#"["a", 2]"#), NOW)
        else {
            panic!("it is not there");
        };
        assert_eq!(missing.read, CANDIDATES);
        let counts: Vec<usize> = missing
            .nearest
            .iter()
            .map(|near| near.differences.len())
            .collect();
        assert_eq!(counts, [1, 2, 2]);
        assert!(missing.elsewhere.is_empty());
    }

    #[test]
    fn the_key_is_found_in_other_stores() {
        let backend = MemoryBackend::default();
        let asked = question("[1]");
        let other = StoreAddress::new("s").with_dataset("d");
        let elsewhere = Entry {
            address: other.entry(asked.address.key.clone()),
            ..entry(&asked)
        };
        put(&backend, &elsewhere);
        let Ok(Explanation::Missing(missing)) = explain(&backend, &asked, NOW) else {
            panic!("it is not there");
        };
        assert_eq!(missing.elsewhere.len(), 1);
        assert_eq!(*missing.elsewhere[0].address.store, other);
        assert!(missing.nearest.is_empty());
    }

    #[test]
    fn what_is_there_is_told_apart() {
        let backend = MemoryBackend::default();
        let asked = question("[1]");
        put(&backend, &entry(&asked));
        assert!(matches!(
            explain(&backend, &asked, NOW),
            Ok(Explanation::Hit(_))
        ));
        let user = Some("ann".into());
        let of_another = Question {
            scopes: Scopes {
                user_id: user.clone(),
                ..Scopes::default()
            },
            ..asked.clone()
        };
        // What is not recorded contradicts nothing.
        assert!(matches!(
            explain(&backend, &of_another, NOW),
            Ok(Explanation::Hit(_))
        ));
        let recorded = Scopes {
            user_id: Some("bob".into()),
            ..Scopes::default()
        };
        put(
            &backend,
            &Entry {
                scopes: recorded,
                ..entry(&asked)
            },
        );
        let explained = explain(&backend, &of_another, NOW).expect("it can be read");
        let Explanation::Another(_, differences) = explained else {
            panic!("{explained:?}");
        };
        assert_eq!(differences[0].part, Part::User);
        let expired = Entry {
            expires_at: Some(NOW),
            ..entry(&asked)
        };
        put(&backend, &expired);
        assert!(matches!(
            explain(&backend, &asked, NOW),
            Ok(Explanation::Stale(_))
        ));
    }
}
