//! Command lines of this program in messages and tips, to be pasted: they are for the store that
//! was named on the command line.

use std::path::Path;
use std::sync::OnceLock;

use ecache_core::location::has_password;
use ecache_core::secrets::mask;

use super::escape::shell;

/// The option that names the store, as it was typed, with a space behind it.
static LOCATION: OnceLock<String> = OnceLock::new();

/// Sets the option that names the store in command lines. The first one stays.
///
/// A location with a password is left out, since no message may show it.
pub(crate) fn name_location(option: &str, typed: &Path) {
    let text = typed.to_string_lossy();
    if !has_password(typed.as_os_str()) && mask(&text) == text {
        // One process works for one command line.
        let _ = LOCATION.set(format!("{option} {} ", shell(&text)));
    }
}

/// Returns the line that runs a command on the store, as in `ecache --db x.db undo 4`.
pub(crate) fn own_command(words: &str) -> String {
    line(LOCATION.get().map_or("", String::as_str), words)
}

/// Returns the line that runs a command on the store at a path.
pub(crate) fn own_command_at(path: &Path, words: &str) -> String {
    line(&format!("--db {} ", shell(&path.to_string_lossy())), words)
}

fn line(location: &str, words: &str) -> String {
    format!("ecache {location}{words}")
}
