//! What a command reads from files: a file, a folder or a pattern, by content, as one hash.
//!
//! Every byte is read for every look-up. Weighed against it: a memory from a file's inode, size and times to the
//! hash it had. It could be right where the time of the last change (ctime, which nobody can put back) is well before
//! it was noted, as git has it, but not across a clock that is set back. It would be a second store, with its own
//! locks and its own full disk, written to by hits, to save what SHA-256 takes (a millisecond for a megabyte or two).
//! For large inputs `--env` of a version, or a file with their checksums, is the better key.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::glob::Glob;

/// Returns the SHA-256 of what a path or pattern stands for.
///
/// Of a file: that of its content. Of a folder: of all that is in it and below, in the order of names, with the names,
/// hidden ones as well, whether it is executable, and where links point to; links in it are not followed. Of a
/// pattern that names no file itself: of all that matches, in the same order; a `*` stands for no `/` and no
/// leading dot, and `**` for any number of folders.
///
/// # Errors
/// If it cannot be read, or nothing is there or matches.
pub fn hash_files(typed: &str) -> io::Result<[u8; 32]> {
    hash_files_in(Path::new("."), typed)
}

/// As [`hash_files`], of what was typed in that folder.
pub(super) fn hash_files_in(folder: &Path, typed: &str) -> io::Result<[u8; 32]> {
    let path = folder.join(typed);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => hash_folder(&path),
        Ok(_) => hash_file(&path),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_pattern(typed) => {
            hash_matches(folder, typed)
        }
        Err(error) => Err(error),
    }
}

fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn hash_folder(folder: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    for path in sorted(folder)? {
        let metadata = path.symlink_metadata()?;
        let kind = metadata.file_type();
        let (kind, content) = if kind.is_dir() {
            (b'd', hash_folder(&path)?)
        } else if kind.is_symlink() {
            let target = fs::read_link(&path)?;
            (b'l', Sha256::digest(target.as_os_str().as_bytes()).into())
        } else if !kind.is_file() {
            // A pipe or a socket has no content; that it is there is all there is to it.
            (b's', [0; 32])
        } else if metadata.permissions().mode() & 0o100 != 0 {
            (b'x', hash_file(&path)?)
        } else {
            (b'f', hash_file(&path)?)
        };
        let name = path.file_name().unwrap_or_default();
        add(&mut hash, kind, name.as_bytes(), content);
    }
    Ok(hash.finalize().into())
}

/// No name contains a NUL, so that no two folders make the same bytes.
fn add(hash: &mut Sha256, kind: u8, name: &[u8], content: [u8; 32]) {
    hash.update([kind]);
    hash.update(name);
    hash.update([0]);
    hash.update(content);
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn hash_matches(folder: &Path, pattern: &str) -> io::Result<[u8; 32]> {
    let (start, rest) = match pattern.strip_prefix('/') {
        Some(rest) => (Path::new("/"), rest),
        None => (folder, pattern),
    };
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let mut matches = Vec::new();
    expand(start, &parts, &mut matches)?;
    matches.sort();
    matches.dedup();
    if matches.is_empty() {
        let message = "no file matches this pattern";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    let mut hash = Sha256::new();
    for path in matches {
        let (kind, content) = match path.is_dir() {
            true => (b'd', hash_folder(&path)?),
            false => (b'f', hash_file(&path)?),
        };
        let name = path.strip_prefix(start).unwrap_or(&path);
        add(&mut hash, kind, name.as_os_str().as_bytes(), content);
    }
    Ok(hash.finalize().into())
}

fn expand(folder: &Path, parts: &[&str], matches: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some((first, rest)) = parts.split_first() else {
        matches.push(folder.to_owned());
        return Ok(());
    };
    if !is_pattern(first) {
        let path = folder.join(first);
        return match path.try_exists()? {
            true => expand(&path, rest, matches),
            false => Ok(()),
        };
    }
    let any_depth = *first == "**";
    if any_depth {
        // What is a file cannot be gone into.
        let last = [*rest.first().unwrap_or(&"*")];
        expand(folder, if rest.is_empty() { &last } else { rest }, matches)?;
    }
    let glob =
        Glob::new(first).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    for path in sorted(folder)? {
        let name = path.file_name().unwrap_or_default();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with('.') && !first.starts_with('.') || !glob.matches(name) {
            continue;
        }
        let is_folder = match any_depth {
            // Links are not followed down here, or there might be no end.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with some files, and the hash of what is typed, relative to it.
    fn tree() -> (tempfile::TempDir, impl Fn(&str) -> Option<[u8; 32]>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_owned();
        for name in ["src/a.rs", "src/deep/b.rs", "src/c.txt", "src/.hidden.rs"] {
            let file = path.join(name);
            fs::create_dir_all(file.parent().expect("it has one")).expect("a folder");
            fs::write(file, name).expect("a file");
        }
        (folder, move |typed: &str| {
            hash_files(&format!("{}/{typed}", path.display())).ok()
        })
    }

    #[test]
    fn a_folder_is_what_is_in_it() {
        let (folder, hash) = tree();
        let path = folder.path();
        let mut seen = vec![hash("src").expect("a folder")];
        let mut is_new = |what: &str| {
            let now = hash("src").expect("a folder");
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(path.join("src/deep/b.rs"), "changed").expect("a file");
        is_new("content");
        fs::rename(path.join("src/a.rs"), path.join("src/z.rs")).expect("a file");
        is_new("a name");
        fs::create_dir(path.join("src/empty")).expect("a folder");
        is_new("an empty folder");
        std::os::unix::fs::symlink("nowhere", path.join("src/link")).expect("a link");
        is_new("a link");
        fs::set_permissions(path.join("src/z.rs"), PermissionsExt::from_mode(0o755))
            .expect("a mode");
        is_new("a mode");
    }

    #[test]
    fn a_pattern_is_what_matches() {
        let (folder, hash) = tree();
        let before = (hash("src/*.rs"), hash("src/**/*.rs"), hash("*/deep/b.?s"));
        assert!(before.0.is_some() && before.1.is_some() && before.2.is_some());
        fs::write(folder.path().join("src/c.txt"), "changed").expect("a file");
        fs::write(folder.path().join("src/.hidden.rs"), "changed").expect("a file");
        let after = (hash("src/*.rs"), hash("src/**/*.rs"), hash("*/deep/b.?s"));
        assert_eq!(before, after);
        fs::write(folder.path().join("src/deep/b.rs"), "changed").expect("a file");
        assert_eq!(hash("src/*.rs"), before.0);
        assert_ne!(hash("src/**/*.rs"), before.1);
        assert_ne!(hash("src/**"), None);
        assert_eq!(hash("src/*.py"), None, "nothing matches");
        assert_eq!(hash("src/missing"), None);
        // A file of that name comes before what it would stand for.
        fs::write(folder.path().join("src/*.rs"), "odd").expect("a file");
        assert_eq!(hash("src/*.rs"), Some(Sha256::digest("odd").into()));
    }
}
