//! The files that a command is declared to read, and whether they changed since they were hashed.
//!
//! A result belongs to a key only if the files of the key stayed as they were while the command
//! ran. Metadata tells that for a file that nothing was written to; others are hashed again, so
//! that a command may write the same bytes.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files::{Files, file_metadata};

/// The files that a command is declared to read, as they were before it runs.
#[derive(Clone, Debug, Default)]
pub struct InputFiles(Vec<InputFile>);

#[derive(Clone, Debug)]
enum InputFile {
    /// A path or pattern in a folder, by content
    Content(PathBuf, OsString, Files),
    /// A file by its modification time
    Modified(PathBuf, String),
}

impl InputFiles {
    /// Adds the files that a path or pattern relative to a folder names, and returns the SHA-256 of
    /// their content.
    ///
    /// # Errors
    /// Fails if something cannot be read, is neither a file nor a folder, or if nothing exists or
    /// matches.
    pub fn hash(&mut self, folder: &Path, typed: &OsStr) -> io::Result<[u8; 32]> {
        let files = Files::hash(folder, typed)?;
        let sha256 = files.sha256;
        let file = InputFile::Content(folder.into(), typed.into(), files);
        self.0.push(file);
        Ok(sha256)
    }

    /// Adds a file, and returns the text that stands for its modification time, or for its absence.
    ///
    /// # Errors
    /// Fails if it cannot be looked at, or is neither a file nor a folder.
    pub fn modified(&mut self, path: &Path) -> io::Result<String> {
        let modified = modified(path)?;
        let file = InputFile::Modified(path.into(), modified.clone());
        self.0.push(file);
        Ok(modified)
    }

    /// Returns the path of a file that changed since it was added.
    pub(crate) fn changed(&self) -> Option<PathBuf> {
        let path = self.0.iter().find_map(|file| match file {
            InputFile::Content(folder, typed, files) => files.changed(folder, typed),
            InputFile::Modified(path, before) => {
                let is_same = modified(path).is_ok_and(|now| now == *before);
                (!is_same).then(|| path.clone())
            }
        })?;
        let typed = path.strip_prefix(".").unwrap_or(&path).to_owned();
        Some(typed)
    }
}

/// Returns the text that stands for a modification time. As for bkt, a missing file is a state of
/// its own.
fn modified(path: &Path) -> io::Result<String> {
    match file_metadata(path) {
        Ok(file) => Ok(format!("{}.{:09}", file.mtime(), file.mtime_nsec())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok("none".to_owned()),
        Err(error) => Err(error),
    }
}
