//! From a program's name to the file that is run, as `execvp` finds it.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::CommandError;

/// Where programs are if nobody says so.
const DEFAULT_SEARCH: &str = "/usr/local/bin:/bin:/usr/bin";

/// The file that is run, and what tells it from its next version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path
    pub path: PathBuf,
    /// Its length in bytes
    pub size: u64,
    /// When it was last changed, in nanoseconds since 1970
    pub mtime_ns: i64,
}

impl Program {
    /// Finds a program: at a path if `name` has a slash, else in the folders of `search`, the value of `PATH`.
    ///
    /// # Errors
    /// [`CommandError::NotFound`], or [`CommandError::NotExecutable`] if all that is found cannot be run.
    pub fn find(name: &OsStr, search: Option<&OsStr>) -> Result<Self, CommandError> {
        if name.as_bytes().contains(&b'/') {
            return Self::at(Path::new(name));
        }
        let search = search.unwrap_or(OsStr::new(DEFAULT_SEARCH));
        let mut found = CommandError::NotFound { name: name.into() };
        for folder in std::env::split_paths(search) {
            match Self::at(&folder.join(name)) {
                Ok(program) => return Ok(program),
                Err(error @ CommandError::NotExecutable { .. }) => found = error,
                Err(_) => {}
            }
        }
        Err(found)
    }

    fn at(path: &Path) -> Result<Self, CommandError> {
        let cannot = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                CommandError::NotFound { name: path.into() }
            }
            _ => CommandError::NotExecutable {
                path: path.into(),
                source,
            },
        };
        let file = fs::metadata(path).map_err(cannot)?;
        if !file.is_file() {
            return Err(cannot(io::ErrorKind::PermissionDenied.into()));
        }
        access(path, Access::EXEC_OK).map_err(|error| cannot(error.into()))?;
        let path = std::path::absolute(path).map_err(cannot)?;
        Ok(Self::new(path, &file))
    }

    fn new(path: PathBuf, file: &Metadata) -> Self {
        Self {
            path,
            size: file.len(),
            mtime_ns: file
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(file.mtime_nsec()),
        }
    }
}
