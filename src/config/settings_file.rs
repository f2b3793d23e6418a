//! The file of the user's settings.

use std::path::{Path, PathBuf};

use crate::variables::{CONFIG, variable};

/// Value of `ECACHE_CONFIG` for no file at all.
pub(super) const NONE: &str = "none";

/// The file of the user's settings, which need not exist.
pub(crate) enum SettingsFile {
    /// In this file, which was named
    Named(PathBuf),
    /// In the user's own file, if it exists
    Usual(PathBuf),
    /// Nowhere
    None,
}

impl SettingsFile {
    /// Returns the file that the environment names, or the usual one.
    pub(crate) fn from_environment(is_off: bool) -> Self {
        match variable(CONFIG) {
            _ if is_off => Self::None,
            Some(value) if value == NONE => Self::None,
            Some(path) => Self::Named(path.into()),
            None => usual().map_or(Self::None, Self::Usual),
        }
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Named(path) | Self::Usual(path) => Some(path),
            Self::None => None,
        }
    }
}

/// Returns `$XDG_CONFIG_HOME/ecache/config.toml`, or the same in `~/.config`.
fn usual() -> Option<PathBuf> {
    let folder = match variable("XDG_CONFIG_HOME").map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => folder,
        _ => PathBuf::from(variable("HOME")?).join(".config"),
    };
    Some(folder.join("ecache/config.toml"))
}
