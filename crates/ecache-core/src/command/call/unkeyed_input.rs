//! Finds arguments that name a pipe, a socket or a descriptor, whose content cannot be part of a
//! key.
//!
//! A shell puts `/dev/fd/63` in the place of `<(command)`, whatever the command prints.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Folders whose members are descriptors of a process.
const DESCRIPTORS: [&[u8]; 2] = [b"/dev/fd/", b"/fd/"];

/// A command word that names an input which cannot be part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnkeyedInput {
    /// The word as it was typed
    pub word: OsString,
    /// The kind of file that it names
    pub what: &'static str,
}

impl fmt::Display for UnkeyedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, what } = self;
        write!(
            f,
            "{} is {what}, whose content cannot be part of the key",
            word.display()
        )
    }
}

/// Returns the first word of a command that names such an input.
///
/// Checks each whole word and the part behind an option's name or sign: `--file=/dev/fd/63`,
/// `-f/dev/fd/63`, `@fifo`. In longer texts, such as a script for `sh -c`, only the names of
/// descriptors are recognised. The standard streams for output are not inputs.
pub fn unkeyed_input<'a>(
    words: impl IntoIterator<Item = &'a OsString>,
    folder: Option<&Path>,
) -> Option<UnkeyedInput> {
    words.into_iter().find_map(|word| {
        let found = |what| UnkeyedInput {
            word: word.clone(),
            what,
        };
        if names_descriptor(word.as_bytes()) {
            return Some(found("a descriptor"));
        }
        paths(word.as_bytes())
            .filter(|path| !is_output(path.as_bytes()))
            .find_map(|path| special_file(path, folder))
            .map(found)
    })
}

/// Returns the parts of a word that may be a path.
fn paths(word: &[u8]) -> impl Iterator<Item = &OsStr> {
    let behind = |start: usize| word.get(start..).filter(|rest| !rest.is_empty());
    let value = word
        .iter()
        .position(|byte| *byte == b'=')
        .and_then(|at| behind(at + 1));
    let attached = match word {
        [b'-', letter, ..] if *letter != b'-' => behind(2),
        [b'@' | b'<', ..] => behind(1),
        _ => None,
    };
    [Some(word), value, attached]
        .into_iter()
        .flatten()
        .map(OsStr::from_bytes)
}

/// Returns the kind of a path that is a pipe or a socket.
fn special_file(path: &OsStr, folder: Option<&Path>) -> Option<&'static str> {
    let metadata = match folder {
        Some(folder) => fs::metadata(folder.join(path)),
        None => fs::metadata(path),
    };
    let kind = metadata.ok()?.file_type();
    if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        None
    }
}

/// Reports whether a text names a descriptor to read: `/dev/stdin`, `/dev/fd/N` or
/// `/proc/PID/fd/N`.
fn names_descriptor(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(slash) = rest.iter().position(|byte| *byte == b'/') {
        rest = &rest[slash..];
        if let Some(end) = rest.strip_prefix(b"/dev/stdin")
            && !end.first().is_some_and(u8::is_ascii_alphanumeric)
        {
            return true;
        }
        for folder in DESCRIPTORS {
            if let Some(number) = rest.strip_prefix(folder)
                && (folder != DESCRIPTORS[1] || is_in_proc(text))
            {
                let digits = number
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                if digits > 0 && !matches!(&number[..digits], b"1" | b"2") {
                    return true;
                }
            }
        }
        rest = &rest[1..];
    }
    false
}

/// Reports whether a path names standard output or standard error, which may be pipes.
fn is_output(path: &[u8]) -> bool {
    let is_numbered = DESCRIPTORS.iter().any(|folder| {
        let number = path.strip_suffix(b"1").or(path.strip_suffix(b"2"));
        number.is_some_and(|path| path.ends_with(folder))
    });
    is_numbered || matches!(path, b"/dev/stdout" | b"/dev/stderr")
}

fn is_in_proc(text: &[u8]) -> bool {
    text.windows(6).any(|part| part == b"/proc/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(word: &str, folder: &Path) -> Option<&'static str> {
        unkeyed_input([&OsString::from(word)], Some(folder)).map(|input| input.what)
    }

    #[test]
    fn descriptors_are_recognised_by_their_names() {
        let folder = Path::new("/");
        for word in [
            "/dev/fd/63",
            "/dev/stdin",
            "--file=/dev/fd/7",
            "-f/dev/fd/7",
            "@/dev/fd/0",
            "cat /dev/stdin | wc",
            "cat </dev/fd/3",
            "/proc/self/fd/7",
            "/proc/12/fd/0",
            "if=/proc/thread-self/fd/5",
        ] {
            assert_eq!(what(word, folder), Some("a descriptor"), "{word}");
        }
        for word in [
            "",
            "-",
            "/dev/null",
            "/dev/stdout",
            "echo > /dev/fd/2",
            "/proc/self/fd/1",
            "/dev/fd/",
            "/dev/stdinx",
            "/srv/fd/7",
            "https://example.com/fd/7",
        ] {
            assert_eq!(what(word, folder), None, "{word}");
        }
    }

    #[test]
    fn pipes_and_sockets_are_recognised_wherever_a_path_stands() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        rustix::fs::mkfifoat(rustix::fs::CWD, at.join("fifo"), 0o600.into()).expect("a pipe");
        let _socket = std::os::unix::net::UnixListener::bind(at.join("socket")).expect("a socket");
        fs::write(at.join("file"), "").expect("a file");
        std::os::unix::fs::symlink("fifo", at.join("link")).expect("a link");
        for word in [
            "fifo",
            "./fifo",
            "--in=fifo",
            "-ffifo",
            "@fifo",
            "if=fifo",
            "link",
        ] {
            assert_eq!(what(word, at), Some("a pipe"), "{word}");
        }
        assert_eq!(what("socket", at), Some("a socket"));
        for word in ["file", "nothing", "-f", "fifo2", "=", "-"] {
            assert_eq!(what(word, at), None, "{word}");
        }
    }
}
