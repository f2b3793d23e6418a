//! Finds the file of a program by its name, as `execvp` does.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::command::CommandError;

/// Search path used if `PATH` is not set.
const DEFAULT_SEARCH: &str = "/usr/local/bin:/bin:/usr/bin";

/// The file that is run, with a size and time that identify its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path
    pub path: PathBuf,
    /// The path it is started by, relative if it was typed or found as such; a script sees it as
    /// `$0`
    pub called: PathBuf,
    /// The name as typed, passed as `argv[0]`
    pub name: OsString,
    /// Its length in bytes
    pub size: u64,
    /// The time of its last change, in nanoseconds since 1970
    pub mtime_ns: i64,
    /// The path of the file itself, `None` if no part of `path` is a link: a link to a folder of
    /// each release may change, and all else stay the same
    pub file: Option<PathBuf>,
}

impl Program {
    /// Finds a program: at a path if `name` has a slash, else in the folders of `search`, the value
    /// of `PATH`.
    ///
    /// # Errors
    /// [`CommandError::NotFound`], or [`CommandError::NotExecutable`] if all that is found cannot
    /// be run.
    pub fn find(name: &OsStr, search: Option<&OsStr>) -> Result<Self, CommandError> {
        let mut found = CommandError::NotFound { name: name.into() };
        if name.is_empty() {
            return Err(found);
        }
        if name.as_bytes().contains(&b'/') {
            return Self::at(Path::new(name), name);
        }
        let search = search.unwrap_or(OsStr::new(DEFAULT_SEARCH));
        for folder in std::env::split_paths(search) {
            match Self::at(&folder.join(name), name) {
                Ok(program) => return Ok(program),
                Err(error @ CommandError::NotExecutable { .. }) if folder.is_dir() => found = error,
                // An entry of the search path may be something other than a folder.
                Err(_) => {}
            }
        }
        Err(found)
    }

    fn at(called: &Path, name: &OsStr) -> Result<Self, CommandError> {
        let cannot = |error: io::Error| CommandError::of_start(called, error);
        let file = fs::metadata(called).map_err(cannot)?;
        if !file.is_file() {
            return Err(cannot(Errno::ACCESS.into()));
        }
        access(called, Access::EXEC_OK).map_err(|error| cannot(error.into()))?;
        let path = std::path::absolute(called).map_err(cannot)?;
        let real = fs::canonicalize(called).map_err(cannot)?;
        Ok(Self {
            file: (real != path).then_some(real),
            path,
            called: called.into(),
            name: name.into(),
            size: file.len(),
            mtime_ns: file
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(file.mtime_nsec()),
        })
    }

    /// Reports whether another file is at the program's path now. A program that is gone is not
    /// another one.
    pub(crate) fn is_other_now(&self) -> bool {
        let state = |program: &Self| (program.size, program.mtime_ns, program.file.clone());
        Self::at(&self.path, &self.name).is_ok_and(|now| state(&now) != state(self))
    }

    /// Returns the command that starts the program.
    pub(crate) fn command(&self) -> Command {
        if !self.is_text() {
            let mut command = Command::new(&self.called);
            command.arg0(&self.name);
            return command;
        }
        // The shell first tries the system's handlers for such a file.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\""]).arg(&self.called);
        command
    }

    /// Reports whether the program is a script without an interpreter line, judged by its first
    /// line being text. The system refuses such a script, and `env` and shells pass it to `sh`.
    fn is_text(&self) -> bool {
        let mut beginning = [0; 256];
        let read = File::open(&self.path).and_then(|mut file| file.read(&mut beginning));
        let Ok(count) = read else {
            return false;
        };
        let beginning = &beginning[..count];
        let mut lines = beginning.split(|byte| *byte == b'\n');
        !beginning.starts_with(b"#!") && lines.next().is_none_or(|line| !line.contains(&0))
    }

    /// Returns the name as typed, if it differs from the name of the file.
    pub(crate) fn other_name(&self) -> Option<&OsStr> {
        Some(self.name.as_os_str()).filter(|name| self.path.file_name() != Some(name))
    }

    /// Returns the path that starts the program, if it is neither the absolute path nor the name as
    /// typed.
    pub(crate) fn other_path(&self) -> Option<&OsStr> {
        let called = self.called.as_os_str();
        let is_other = self.called.as_path() != self.path && called != self.name;
        is_other.then_some(called)
    }
}
