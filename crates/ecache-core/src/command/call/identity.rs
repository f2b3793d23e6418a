//! The inputs that identify a command, apart from its store and its scopes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::command::{InputKey, Program};
use crate::key::Key;
use crate::python_json::{Json, PyString};
use crate::value::Value;

/// All inputs that the output of a command is declared to depend on.
///
/// Values of variables and the content of files may be secrets: only their SHA-256 is part of the
/// key and of the recorded arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The program that is run
    pub program: Program,
    /// Its arguments
    pub arguments: Vec<OsString>,
    /// The folder it is run in, if its output depends on that
    pub folder: Option<PathBuf>,
    /// Variables and their values, `None` for one that is not set
    pub variables: BTreeMap<String, Option<OsString>>,
    /// Files that it reads, by the path that was typed, and the SHA-256 of each
    pub files: BTreeMap<OsString, [u8; 32]>,
    /// The part of the key that stands for standard input
    pub input: InputKey,
    /// Other distinctions by name, such as the boot in which it is run
    pub marks: BTreeMap<OsString, String>,
}

impl Identity {
    /// Returns the identity of a program without arguments or other dependencies.
    #[must_use]
    pub fn of(program: Program) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            folder: None,
            variables: BTreeMap::new(),
            files: BTreeMap::new(),
            input: InputKey::default(),
            marks: BTreeMap::new(),
        }
    }

    /// Returns the arguments from which the key is made: those of the command, and one object.
    ///
    /// An argument that is not UTF-8 has FiftyOne's form of bytes, so that different command lines
    /// never have the same key.
    #[must_use]
    pub fn call(&self) -> Vec<Json> {
        let arguments = self.arguments.iter().map(|argument| text(argument));
        arguments.chain([self.context()]).collect()
    }

    fn context(&self) -> Json {
        let mut program = vec![
            ("path", text(self.program.path.as_os_str())),
            ("size", integer(self.program.size)),
            ("mtime_ns", self.program.mtime_ns.into()),
        ];
        // A program may behave differently, and print its name, when called by another name.
        program.extend(self.program.other_name().map(|name| ("name", text(name))));
        program.extend(self.program.other_path().map(|path| ("called", text(path))));
        let file = self.program.file.as_deref();
        program.extend(file.map(|file| ("file", text(file.as_os_str()))));
        let mut members = vec![("program", object(program))];
        if let Some(folder) = &self.folder {
            members.push(("cwd", text(folder.as_os_str())));
        }
        if !self.variables.is_empty() {
            let hash_value = |value: &OsString| hash(&hash_of(value));
            let variables = self.variables.iter().map(|(name, value)| {
                let value = value.as_ref().map_or(Json::Null, hash_value);
                (name.as_str(), value)
            });
            members.push(("env", object(variables)));
        }
        if !self.files.is_empty() {
            let files = self.files.iter();
            let files = files.map(|(path, content)| (path.as_os_str(), hash(content)));
            members.push(("files", object(files)));
        }
        if let Some(input) = self.input.recorded() {
            members.push(("stdin", Json::from(input.as_str())));
        }
        if !self.marks.is_empty() {
            let marks = self.marks.iter();
            let marks = marks.map(|(name, mark)| (name.as_os_str(), Json::from(mark.as_str())));
            members.push(("marks", object(marks)));
        }
        object(members)
    }
}

/// Returns the hash that is recorded in place of a variable's value.
pub(crate) fn hash_of(value: &OsStr) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}

fn object(members: impl IntoIterator<Item = (impl Into<PyString>, Json)>) -> Json {
    let members = members.into_iter();
    Json::Object(members.map(|(name, value)| (name.into(), value)).collect())
}

fn integer(number: u64) -> Json {
    Json::from(i64::try_from(number).expect("no file is as long as that"))
}

/// Returns a hash in hexadecimal, in the form of keys.
fn hash(sha256: &[u8; 32]) -> Json {
    Json::from(Key::of_hash(sha256).as_str())
}

fn text(text: &OsStr) -> Json {
    match text.to_str() {
        Some(text) => Json::from(text),
        None => Value::bytes(text.as_bytes())
            .to_stored()
            .expect("the stored form of bytes is JSON"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::key::CallScopes;

    fn identity() -> Identity {
        Identity {
            program: Program {
                path: "/usr/bin/curl".into(),
                called: "/usr/bin/curl".into(),
                name: "curl".into(),
                size: 7,
                mtime_ns: 9,
                file: None,
            },
            arguments: vec!["-s".into(), "https://x".into()],
            folder: None,
            variables: BTreeMap::new(),
            files: BTreeMap::new(),
            input: InputKey::Nothing,
            marks: BTreeMap::new(),
        }
    }

    #[test]
    fn is_the_arguments_and_one_object() {
        assert_eq!(
            Json::Array(identity().call()).dumps_sorted(),
            r#"["-s", "https://x", {"program": {"mtime_ns": 9, "path": "/usr/bin/curl", "size": 7}}]"#
        );
    }

    #[test]
    fn shows_no_value_of_a_variable() {
        let token = Some("secret".into());
        let variables = [("TOKEN".to_owned(), token), ("UNSET".to_owned(), None)];
        let identity = Identity {
            variables: variables.into(),
            ..identity()
        };
        let text = Json::Array(identity.call()).dumps();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains(r#""UNSET": null"#), "{text}");
    }

    #[test]
    fn each_difference_makes_another_key() {
        let base = identity();
        let bytes = |bytes: &[u8]| vec![OsString::from_vec(bytes.to_vec())];
        let with_arguments = |arguments| Identity {
            arguments,
            ..base.clone()
        };
        let variable = |value: Option<&str>| Identity {
            variables: [("A".to_owned(), value.map(OsString::from))].into(),
            ..base.clone()
        };
        let with_file = |path: &[u8]| Identity {
            files: [(OsString::from_vec(path.to_vec()), [1; 32])].into(),
            ..base.clone()
        };
        let with_mark = |name: &[u8]| Identity {
            marks: [(OsString::from_vec(name.to_vec()), "1".to_owned())].into(),
            ..base.clone()
        };
        let all = [
            base.clone(),
            with_arguments(vec!["-s https://x".into()]),
            with_arguments(vec![]),
            with_arguments(bytes(b"\xff")),
            with_arguments(bytes(b"\xfe")),
            with_arguments(bytes("\u{fffd}".as_bytes())),
            variable(None),
            variable(Some("")),
            variable(Some("b")),
            Identity {
                folder: Some("/tmp".into()),
                ..base.clone()
            },
            Identity {
                files: [("a".into(), [1; 32])].into(),
                ..base.clone()
            },
            Identity {
                files: [("a".into(), [2; 32])].into(),
                ..base.clone()
            },
            with_file(b"\xff"),
            with_file(b"\xfe"),
            with_file("\u{fffd}".as_bytes()),
            with_file(br"\udcff"),
            with_mark(b"\xff"),
            with_mark("\u{fffd}".as_bytes()),
            Identity {
                input: InputKey::Read([1; 32]),
                ..base.clone()
            },
            Identity {
                marks: [("boot".into(), "1".to_owned())].into(),
                ..base.clone()
            },
            Identity {
                program: Program {
                    name: "/usr/bin/curl".into(),
                    ..base.program.clone()
                },
                ..base.clone()
            },
            Identity {
                program: Program {
                    called: "bin/curl".into(),
                    ..base.program.clone()
                },
                ..base.clone()
            },
            Identity {
                program: Program {
                    called: "bin/curl".into(),
                    name: "bin/curl".into(),
                    ..base.program.clone()
                },
                ..base.clone()
            },
            Identity {
                program: Program {
                    file: Some("/releases/1/curl".into()),
                    ..base.program.clone()
                },
                ..base.clone()
            },
            Identity {
                program: Program {
                    mtime_ns: 10,
                    ..base.program.clone()
                },
                ..base.clone()
            },
        ];
        let key = |identity: &Identity| Key::of_call(&identity.call(), &CallScopes::default());
        let keys: std::collections::BTreeSet<Key> = all.iter().map(key).collect();
        assert_eq!(keys.len(), all.len());
    }
}
