//! The identity of a command besides its arguments: its program, folder, environment and input
//! files, and the boot, session or scope that it belongs to.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use ecache_core::command::{Identity, InputFiles, Program};

use crate::cli::entry::SurroundingsArgs;
use crate::error::hindered;
use crate::units::Lifetime;
use crate::variables::{self, variable};

/// Returns the further parts of the key: the boot or session, the scope, and the modification times
/// of files.
fn marks(
    args: &SurroundingsArgs,
    lifetime: Option<Lifetime>,
    files: &mut InputFiles,
) -> Result<BTreeMap<OsString, String>> {
    let mut marks = BTreeMap::new();
    marks.extend(lifetime.map(lifetime_mark).transpose()?.flatten());
    let scope = variable(variables::BKT_SCOPE);
    if let Some(name) = args.name.as_ref().map(OsString::from).or(scope) {
        let name = name
            .into_string()
            .map_err(|_| hindered(anyhow!("BKT_SCOPE is not UTF-8")))?;
        marks.insert("scope".into(), name);
    }
    for path in &args.modtime {
        let modified = files.modified(path);
        let modified = modified.with_context(|| format!("cannot inspect {}", path.display()))?;
        let mut name = OsString::from("modtime ");
        name.push(path);
        marks.insert(name, modified);
    }
    Ok(marks)
}

/// Returns the part of the key that stands for the current boot or session.
pub(in crate::commands) fn lifetime_mark(lifetime: Lifetime) -> Result<Option<(OsString, String)>> {
    Ok(match lifetime {
        Lifetime::Boot => Some(("boot".into(), boot()?)),
        Lifetime::Session => Some(("session".into(), session()?)),
        Lifetime::Ttl(_) => None,
    })
}

/// Returns the id of the current boot.
fn boot() -> Result<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let id = id
        .context("cannot tell this boot from others, as --ttl boot and --ttl session need")
        .map_err(hindered)?;
    Ok(id.trim_end().to_owned())
}

/// Returns an id of the session of this terminal or cron job: the boot, and the PID and start time
/// of the session leader, usually a shell.
fn session() -> Result<String> {
    // Not `rustix`, whose process ids cannot be the 0 of a leader outside this container.
    // SAFETY: this only asks, and does not fail for the calling process.
    let leader = unsafe { libc::getsid(0) };
    // A leader that has ended, or is outside this container, is identified by its PID alone.
    let status = fs::read_to_string(format!("/proc/{leader}/stat")).unwrap_or_default();
    let fields = status.rsplit_once(") ").map(|(_, fields)| fields);
    let started = fields.and_then(|fields| fields.split(' ').nth(19));
    Ok(format!("{} {leader} {}", boot()?, started.unwrap_or("-")))
}

pub(in super::super) fn find(name: &OsStr) -> Result<Program> {
    Ok(Program::find(name, std::env::var_os("PATH").as_deref())?)
}

/// Returns the current folder by the path that the command sees in `PWD`, as `pwd -L` does. Links
/// give a folder further paths.
fn folder() -> Result<PathBuf> {
    let place = |path: &Path| fs::metadata(path).map(|folder| (folder.dev(), folder.ino()));
    let is_plain = |path: &Path| {
        let mut parts = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
        path.is_absolute() && !parts.any(|part| part == b"." || part == b"..")
    };
    let logical = variable("PWD").map(PathBuf::from);
    let here = place(Path::new(".")).ok();
    match logical.filter(|path| is_plain(path) && here.is_some() && place(path).ok() == here) {
        Some(logical) => Ok(logical),
        None => std::env::current_dir()
            .context("cannot find the current folder, as --cwd needs")
            .map_err(hindered),
    }
}

/// Returns the identity of a program that is run here, without its arguments and its input, and its
/// files.
pub(in crate::commands) fn identity(
    name: &OsStr,
    args: &SurroundingsArgs,
    lifetime: Option<Lifetime>,
) -> Result<(Identity, InputFiles)> {
    let program = find(name)?;
    let value = |name: &String| (name.clone(), std::env::var_os(name));
    let folder = args.cwd.then(folder).transpose()?;
    let mut input_files = InputFiles::default();
    let mut files = BTreeMap::new();
    for typed in &args.file {
        let content = input_files.hash(Path::new("."), typed);
        let content = content.with_context(|| format!("cannot read {}", typed.display()))?;
        files.insert(typed.clone(), content);
    }
    let identity = Identity {
        folder,
        variables: args.env.iter().map(value).collect(),
        files,
        marks: marks(args, lifetime, &mut input_files)?,
        ..Identity::of(program)
    };
    Ok((identity, input_files))
}
