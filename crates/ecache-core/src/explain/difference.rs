//! The differences between a call and a recorded one, part by part.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::Question;
use crate::entry::Entry;
use crate::key::hex;
use crate::python_json::{Json, PyString};
use crate::value::Kind;

/// A part of a call's identity in which an entry differs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The kind of input that differs
    pub part: IdentityPart,
    /// The requested value, `None` for nothing
    pub asked: Option<Json>,
    /// The entry's value, `None` for nothing
    pub recorded: Option<Json>,
}

impl Difference {
    pub(super) fn new(
        part: IdentityPart,
        asked: Option<Json>,
        recorded: Option<Json>,
    ) -> Option<Self> {
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
pub enum IdentityPart {
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
    /// The file that the program's path leads to through links
    ProgramFile,
    /// The length of the program
    ProgramSize,
    /// The time of the last change of the program, in nanoseconds since 1970
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
impl fmt::Display for IdentityPart {
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
            Self::ProgramFile => f.write_str("file of the program"),
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

/// Returns the fields in which an entry differs from a call.
#[must_use]
pub fn differences(question: &Question, entry: &Entry) -> Vec<Difference> {
    let mut found = of_arguments(question, entry);
    found.extend(of_scopes(question, entry));
    // The function of a command is the path of its program.
    let is_program = |difference: &Difference| difference.part == IdentityPart::Program;
    if found.iter().any(is_program) {
        found.retain(|difference| difference.part != IdentityPart::Function);
    }
    found
}

pub(super) fn of_scopes(question: &Question, entry: &Entry) -> Vec<Difference> {
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
            IdentityPart::Collection,
            Some(&store.collection),
            Some(&other.collection),
        ),
        text(
            IdentityPart::Store,
            Some(&store.store_name),
            Some(&other.store_name),
        ),
        text(
            IdentityPart::Dataset,
            store.dataset_id.as_ref(),
            other.dataset_id.as_ref(),
        ),
        text(
            IdentityPart::User,
            asked.user_id.as_ref(),
            recorded.user_id.as_ref(),
        ),
        text(
            IdentityPart::Operator,
            asked.operator_uri.as_ref(),
            recorded.operator_uri.as_ref(),
        ),
        text(
            IdentityPart::Prompt,
            asked.prompt_id.as_ref(),
            recorded.prompt_id.as_ref(),
        ),
        Difference::new(
            IdentityPart::Token,
            token(&asked.jwt_sha256),
            token(&recorded.jwt_sha256),
        ),
        question.function.as_ref().and_then(|function| {
            text(
                IdentityPart::Function,
                Some(function),
                entry.function.as_ref(),
            )
        }),
        question
            .kind
            .and_then(|asked| Difference::new(IdentityPart::Kind, kind(asked), kind(entry.kind))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn of_arguments(question: &Question, entry: &Entry) -> Vec<Difference> {
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
                IdentityPart::Argument(index),
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

/// Returns the arguments of a command, and the object that says what else identifies it; those of
/// any other call are all.
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
    match of(IdentityPart::Program, "program", "path") {
        Some(path) => found.push(path),
        None => {
            found.extend(of(IdentityPart::ProgramName, "program", "name"));
            found.extend(of(IdentityPart::ProgramCalled, "program", "called"));
            found.extend(of(IdentityPart::ProgramFile, "program", "file"));
            found.extend(of(IdentityPart::ProgramSize, "program", "size"));
            found.extend(of(IdentityPart::ProgramTime, "program", "mtime_ns"));
        }
    }
    for (part, name) in [
        (IdentityPart::Folder, "cwd"),
        (IdentityPart::Input, "stdin"),
    ] {
        found.extend(Difference::new(
            part,
            asked.get(name).cloned(),
            recorded.get(name).cloned(),
        ));
    }
    for name in names(asked, recorded, "env") {
        found.extend(of_name(IdentityPart::Variable(shown(&name)), "env", &name));
    }
    for name in names(asked, recorded, "files") {
        found.extend(of_name(IdentityPart::File(shown(&name)), "files", &name));
    }
    for name in names(asked, recorded, "marks") {
        found.extend(of_name(IdentityPart::Mark(shown(&name)), "marks", &name));
    }
}

/// Returns the names that either of two objects has within one of its members.
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
