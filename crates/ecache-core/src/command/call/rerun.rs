//! Makes a command again from the arguments recorded in its entry.
//!
//! No shell and no parser of command lines sees the recorded arguments: each one goes to the
//! program unchanged. But they decide which program is run, so repeat commands only from stores
//! whose writers are trusted.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::STREAMS_MARK;
use crate::command::{Call, CommandError, Identity, InputFiles, InputKey, Program, Settings};
use crate::entry::Entry;
use crate::key::{CallScopes, Key, hex, preimage};
use crate::python_json::{Json, PyString};
use crate::scope::token_hash;
use crate::value::{Kind, Value};

/// The reason why a command cannot be run again as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotRepeatable {
    /// Something else made the entry
    #[error("no command made it")]
    NoCommand,
    /// Its arguments were not recorded
    #[error("its arguments were not recorded")]
    Arguments,
    /// It read standard input, whose content is not stored
    #[error("it read its standard input, which is not kept")]
    Input,
    /// The request token is not stored, and the right one was not given
    #[error("it was run with a request token; name its file with --jwt-file")]
    Token,
    /// A variable's value is not stored, and its present value differs
    #[error("the variable {name} had another value")]
    Variable {
        /// The variable
        name: String,
    },
    /// Its key depends on a boot, a session or a modification time, which may have changed
    #[error("it was kept by its {}, which may have changed", mark.display())]
    Mark {
        /// Name of that part of the key
        mark: OsString,
    },
    /// Its folder is not there
    #[error("its folder {} is gone", path.display())]
    Folder {
        /// The folder
        path: PathBuf,
    },
    /// A file that it reads is not there
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file
        path: PathBuf,
        /// Error returned by the system
        source: io::Error,
    },
    /// A file of this name has other content, perhaps because this is another folder
    #[error("{} is another file here, and which folder it was in is not recorded", path.display())]
    OtherFile {
        /// The file
        path: PathBuf,
    },
    /// It was run by a path relative to another folder
    #[error("it was run as {}, in a folder that is not recorded", path.display())]
    Called {
        /// The path
        path: PathBuf,
    },
    /// Its program cannot be run
    #[error(transparent)]
    Program(#[from] CommandError),
    /// The entry's key does not match its recorded arguments
    #[error("its key is not that of what is recorded")]
    Key,
}

/// A command that can be run again, and its changes since it was recorded.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// The command, under the key that it has now
    pub call: Call,
    /// Names of the changed inputs, which make the key another than the entry's: the program, or
    /// files by their path
    pub changed: Vec<String>,
}

/// Makes the command of an entry again.
///
/// `token` is the request token, and `variable` returns the value of a variable. Both are recorded
/// only as hashes, so they have to be unchanged. A program or a file may have changed: the command
/// then has another key, which later look-ups use as well.
///
/// # Errors
/// [`NotRepeatable`] if it would be another command, or if its entry records too little.
pub fn repeat(
    entry: &Entry,
    token: Option<&str>,
    variable: impl Fn(&str) -> Option<OsString>,
    settings: Settings,
) -> Result<Repeated, NotRepeatable> {
    if entry.kind != Kind::Command {
        return Err(NotRepeatable::NoCommand);
    }
    let scopes = &entry.scopes;
    let token = match scopes.jwt_sha256 {
        None => None,
        recorded => Some(token.filter(|token| recorded == Some(token_hash(token)))),
    };
    let token = token
        .map(|token| token.ok_or(NotRepeatable::Token))
        .transpose()?;
    let call_scopes = CallScopes {
        operator_uri: scopes.operator_uri.as_deref(),
        prompt_id: scopes.prompt_id.as_deref(),
        user_request_token: token,
        user_id: scopes.user_id.as_deref(),
    };
    let recorded = entry
        .args
        .as_ref()
        .and_then(|args| Json::parse(args.as_bytes()).ok());
    let Some(Json::Array(recorded)) = recorded else {
        return Err(NotRepeatable::Arguments);
    };
    if Key::of_preimage(&preimage(&recorded, &call_scopes)) != entry.address.key {
        return Err(NotRepeatable::Key);
    }
    let recorded = Recorded::new(&recorded).ok_or(NotRepeatable::Arguments)?;
    let (identity, files, changed) = recorded.now(variable)?;
    let folder = identity.folder.clone();
    let scopes = (scopes.clone(), token.map(Arc::from));
    let call = Call::new(identity, &entry.address.store, scopes, settings);
    Ok(Repeated {
        call: Call {
            folder,
            files: Arc::new(files),
            ..call
        },
        changed,
    })
}

/// The recorded inputs of a command, parsed from the output of [`Identity::call`].
struct Recorded {
    arguments: Vec<OsString>,
    program: PathBuf,
    /// The name as typed and the path that started it, where they differ from the program's path
    name: Option<OsString>,
    called: Option<PathBuf>,
    size: Json,
    mtime_ns: Json,
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
    variables: Vec<(String, Option<String>)>,
    files: Vec<(OsString, String)>,
    marks: BTreeMap<OsString, String>,
    /// `None` if the command may have read an input that is not recorded
    input: Option<InputKey>,
}

impl Recorded {
    fn new(call: &[Json]) -> Option<Self> {
        let (context, arguments) = call.split_last()?;
        let program = context.get("program")?;
        let path = |json: &Json| text(json).map(PathBuf::from);
        let hash = |json: &Json| json.as_str().map(str::to_owned);
        Some(Self {
            arguments: arguments.iter().map(text).collect::<Option<_>>()?,
            program: path(program.get("path")?)?,
            name: program.get("name").and_then(text),
            called: program.get("called").and_then(text).map(PathBuf::from),
            size: program.get("size")?.clone(),
            mtime_ns: program.get("mtime_ns")?.clone(),
            file: program.get("file").and_then(text).map(PathBuf::from),
            folder: match context.get("cwd") {
                Some(folder) => Some(path(folder)?),
                None => None,
            },
            variables: members(context.get("env"))
                .iter()
                .map(|(name, value)| {
                    let name = name.as_str()?.to_owned();
                    match value {
                        Json::Null => Some((name, None)),
                        value => Some((name, Some(hash(value)?))),
                    }
                })
                .collect::<Option<_>>()?,
            files: members(context.get("files"))
                .iter()
                .map(|(name, value)| Some((name.to_os_string(), hash(value)?)))
                .collect::<Option<_>>()?,
            marks: members(context.get("marks"))
                .iter()
                .map(|(name, mark)| Some((name.to_os_string(), hash(mark)?)))
                .collect::<Option<_>>()?,
            input: match context.get("stdin") {
                Some(input) => input.as_str().and_then(InputKey::unread),
                None => Some(InputKey::Nothing),
            },
        })
    }

    /// Finds the program by its recorded names.
    fn find(&self) -> Result<Program, NotRepeatable> {
        let program = Program::find(self.program.as_os_str(), None)?;
        let base = self.program.file_name().unwrap_or_default().to_owned();
        let name = self.name.clone().unwrap_or(base);
        let is_path = name.as_bytes().contains(&b'/');
        let called = match &self.called {
            Some(path) => path.clone(),
            None if is_path => PathBuf::from(&name),
            None => self.program.clone(),
        };
        // A relative path is valid only in the folder it was typed in.
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        let there = std::path::absolute(folder.join(&called));
        if there.ok().as_deref() != Some(&self.program) {
            return Err(NotRepeatable::Called { path: called });
        }
        Ok(Program {
            called,
            name,
            ..program
        })
    }

    /// Returns the present identity of the command, and the names of its changed inputs.
    fn now(
        self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<(Identity, InputFiles, Vec<String>), NotRepeatable> {
        let input = self.input.ok_or(NotRepeatable::Input)?;
        // Scopes and the output form are stable; a boot, a session or a modification time may have
        // changed.
        let stays = |mark: &OsStr| mark == "scope" || mark == STREAMS_MARK;
        if let Some(mark) = self.marks.keys().find(|mark| !stays(mark)) {
            let mark = mark.clone();
            return Err(NotRepeatable::Mark { mark });
        }
        if let Some(path) = self.folder.as_ref().filter(|folder| !folder.is_dir()) {
            let path = path.clone();
            return Err(NotRepeatable::Folder { path });
        }
        let mut changed = Vec::new();
        let program = self.find()?;
        let is_same = self.size == Json::from(i64::try_from(program.size).unwrap_or(i64::MAX))
            && self.mtime_ns == Json::from(program.mtime_ns)
            && self.file == program.file;
        if !is_same {
            changed.push("the program".to_owned());
        }
        let mut variables = BTreeMap::new();
        for (name, recorded) in self.variables {
            let value = variable(&name);
            let hash = value
                .as_ref()
                .map(|value| hex(&super::identity::hash_of(value)));
            if hash != recorded {
                return Err(NotRepeatable::Variable { name });
            }
            variables.insert(name, value);
        }
        let (mut files, mut input_files) = (BTreeMap::new(), InputFiles::default());
        for (name, recorded) in self.files {
            let folder = self.folder.as_deref().unwrap_or(Path::new("."));
            let path = match &self.folder {
                Some(folder) => folder.join(&name),
                None => PathBuf::from(&name),
            };
            let content = input_files.hash(folder, &name);
            let content = content.map_err(|source| NotRepeatable::File {
                path: path.clone(),
                source,
            })?;
            if hex(&content) != recorded {
                if self.folder.is_none() && Path::new(&name).is_relative() {
                    return Err(NotRepeatable::OtherFile { path });
                }
                changed.push(name.to_string_lossy().into_owned());
            }
            files.insert(name, content);
        }
        let identity = Identity {
            program,
            arguments: self.arguments,
            folder: self.folder,
            variables,
            files,
            input,
            marks: self.marks,
        };
        Ok((identity, input_files, changed))
    }
}

/// Parses a string, which has FiftyOne's form of bytes if it is not UTF-8.
fn text(json: &Json) -> Option<OsString> {
    match json {
        Json::String(text) => text.as_str().map(OsString::from),
        Json::Object(_) => {
            let value = Value::from_stored(json);
            (value.kind == Kind::Bytes).then(|| OsString::from_vec(value.bytes))
        }
        _ => None,
    }
}

fn members(json: Option<&Json>) -> &[(PyString, Json)] {
    match json {
        Some(Json::Object(members)) => members,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::{Scopes, StoreAddress};
    use crate::time::Timestamp;

    fn identity() -> Identity {
        Identity {
            program: Program::find("sh".as_ref(), None).expect("there is a shell"),
            arguments: vec!["-c".into(), OsString::from_vec(b"echo \xff".to_vec())],
            folder: None,
            variables: BTreeMap::new(),
            files: BTreeMap::new(),
            input: InputKey::Nothing,
            marks: BTreeMap::new(),
        }
    }

    fn entry(identity: Identity) -> Entry {
        let store = StoreAddress::new("sh");
        let scopes = Scopes {
            user_id: Some("ann".into()),
            ..Scopes::default()
        };
        let call = Call::new(identity, &store, (scopes, None), Settings::default());
        Entry {
            scopes: call.scopes,
            args: Some(call.entry.args),
            ..Entry::new(call.entry.address, Kind::Command, Timestamp::from_millis(0))
        }
    }

    fn again(entry: &Entry) -> Result<Repeated, NotRepeatable> {
        let variable = |name: &str| (name == "LANG").then(|| "C".into());
        repeat(entry, None, variable, Settings::default())
    }

    #[test]
    fn is_the_same_command_under_the_same_key() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "content").expect("a file");
        let content = InputFiles::default().hash(folder.path(), "file".as_ref());
        let content = content.expect("a file");
        let identity = Identity {
            folder: Some(folder.path().to_owned()),
            variables: [
                ("LANG".to_owned(), Some("C".into())),
                ("NONE".to_owned(), None),
            ]
            .into(),
            files: [("file".into(), content)].into(),
            ..identity()
        };
        let entry = entry(identity.clone());
        let repeated = again(&entry).expect("all is as it was");
        assert_eq!(repeated.call.entry.address, entry.address);
        assert_eq!(repeated.call.arguments(), identity.arguments);
        assert_eq!(repeated.call.folder, identity.folder);
        assert!(repeated.changed.is_empty());

        std::fs::write(folder.path().join("file"), "another").expect("a file");
        let repeated = again(&entry).expect("a file may change");
        assert_ne!(repeated.call.entry.address, entry.address);
        assert_eq!(repeated.changed, ["file"]);
    }

    #[test]
    fn another_program_makes_another_key() {
        let mut identity = identity();
        identity.program.size += 1;
        let entry = entry(identity);
        let repeated = again(&entry).expect("a program may change");
        assert_ne!(repeated.call.entry.address, entry.address);
        assert_eq!(repeated.changed, ["the program"]);
    }

    #[test]
    fn a_rerun_that_would_be_another_command_is_refused() {
        let refused =
            |identity: Identity| again(&entry(identity)).expect_err("refused").to_string();
        let variables = [("LANG".to_owned(), Some("de".into()))].into();
        assert_eq!(
            refused(Identity {
                variables,
                ..identity()
            }),
            "the variable LANG had another value"
        );
        assert_eq!(
            refused(Identity {
                input: InputKey::Read([0; 32]),
                ..identity()
            }),
            "it read its standard input, which is not kept"
        );
        assert_eq!(
            refused(Identity {
                folder: Some("/nowhere".into()),
                ..identity()
            }),
            "its folder /nowhere is gone"
        );
        let files = [("Cargo.toml".into(), [0; 32])].into();
        assert_eq!(
            refused(Identity {
                files,
                ..identity()
            }),
            "Cargo.toml is another file here, and which folder it was in is not recorded"
        );
        let mut gone = identity();
        gone.program.path = "/nowhere/sh".into();
        assert_eq!(refused(gone), "there is no program \"/nowhere/sh\"");

        let forged = Entry {
            args: Some(
                r#"["-c", "true", {"program": {"path": "/bin/sh", "size": 1, "mtime_ns": 1}}]"#
                    .into(),
            ),
            ..entry(identity())
        };
        assert!(matches!(again(&forged), Err(NotRepeatable::Key)));
        let unrecorded = Entry {
            args: None,
            ..entry(identity())
        };
        assert!(matches!(again(&unrecorded), Err(NotRepeatable::Arguments)));
        let text = Entry {
            kind: Kind::Text,
            ..entry(identity())
        };
        assert!(matches!(again(&text), Err(NotRepeatable::NoCommand)));
        let mut with_token = entry(identity());
        with_token.scopes.jwt_sha256 = Some([1; 32]);
        assert!(matches!(again(&with_token), Err(NotRepeatable::Token)));
    }
}
