//! Finds the files that a pattern names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::glob::Glob;

/// Reports whether a typed path may be a pattern.
pub(super) fn is_pattern(text: &OsStr) -> bool {
    text.as_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// Returns the folder that a pattern begins in, and all paths that match, in the order of names.
///
/// A `*` matches neither `/` nor a leading dot, and `**` matches any number of folders.
///
/// # Errors
/// Fails if nothing matches, or if a folder cannot be read.
pub(super) fn matches<'a>(
    folder: &'a Path,
    pattern: &OsStr,
) -> io::Result<(&'a Path, Vec<PathBuf>)> {
    let (start, rest) = match pattern.as_bytes().strip_prefix(b"/") {
        Some(rest) => (Path::new("/"), rest),
        None => (folder, pattern.as_bytes()),
    };
    let parts = rest.split(|byte| *byte == b'/').map(OsStr::from_bytes);
    let parts: Vec<&OsStr> = parts.filter(|part| !part.is_empty()).collect();
    let mut matches = Vec::new();
    expand(start, &parts, &mut matches)?;
    matches.sort();
    matches.dedup();
    if matches.is_empty() {
        let message = "no file matches this pattern";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok((start, matches))
}

fn expand(folder: &Path, parts: &[&OsStr], matches: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((first, rest)) = parts.split_first() else {
        matches.push(folder.to_owned());
        return Ok(());
    };
    if !is_pattern(first) {
        let path = folder.join(first);
        return match path.symlink_metadata() {
            Ok(_) => expand(&path, rest, matches),
            Err(error) if is_dangling(&error) => Ok(()),
            Err(error) => Err(error),
        };
    }
    let any_depth = *first == "**";
    if any_depth {
        // `**` also matches no folder at all; a trailing one works as `**/*`.
        let last = [*rest.first().unwrap_or(&OsStr::new("*"))];
        expand(folder, if rest.is_empty() { &last } else { rest }, matches)?;
    }
    let pattern = characters(first);
    let glob =
        Glob::new(&pattern).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    for path in sorted(folder)? {
        let name = characters(path.file_name().unwrap_or_default());
        if name.starts_with('.') && !pattern.starts_with('.') || !glob.matches(&name) {
            continue;
        }
        let is_folder = match any_depth {
            // `**` follows no links, which may form a loop.
            true => path.symlink_metadata()?.is_dir(),
            false => path.is_dir(),
        };
        match (any_depth, is_folder) {
            (true, true) => expand(&path, parts, matches)?,
            (true, false) => {}
            (false, _) if rest.is_empty() => matches.push(path),
            (false, true) => expand(&path, rest, matches)?,
            (false, false) => {}
        }
    }
    Ok(())
}

/// Converts a name or a pattern to text. A byte that is not UTF-8 becomes a private-use character,
/// which `*` and `?` match and which otherwise matches only itself.
fn characters(name: &OsStr) -> String {
    const PRIVATE: u32 = 0xF700;
    let mut text = String::with_capacity(name.len());
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        let bytes = chunk.invalid().iter();
        text.extend(bytes.filter_map(|byte| char::from_u32(PRIVATE + u32::from(*byte))));
    }
    text
}

pub(super) fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Reports whether a link is dangling: its target is missing, lies below a file, or is part of a
/// loop.
pub(super) fn is_dangling(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(libc::ELOOP)
}
