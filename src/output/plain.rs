//! ASCII for a terminal whose locale has no UTF-8.

use std::borrow::Cow;
use std::sync::LazyLock;

use unicode_width::UnicodeWidthChar;

use crate::variables::variable;

/// Reports whether terminals show more than ASCII, by the locale.
pub(crate) fn is_unicode() -> bool {
    static IS_UNICODE: LazyLock<bool> = LazyLock::new(|| {
        let named = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(variable);
        named.is_some_and(|locale| {
            let locale = locale.to_string_lossy().to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    });
    *IS_UNICODE
}

/// Returns the character that stands for a mark, a line or a bar of ours; `None` for the others.
pub(crate) fn plain(mark: char) -> Option<char> {
    Some(match mark {
        '─' => '-',
        '│' => '|',
        '┌' | '┐' | '└' | '┘' | '┬' | '┴' => '+',
        '●' => '*',
        '▌' | '▸' => '>',
        '…' => '~',
        '↑' | '←' => '<',
        '↓' | '→' => '>',
        _ => return None,
    })
}

/// Returns a line with ASCII for the marks of ours. Names and values stay as they are, since the
/// locale may say less than the terminal can.
pub(crate) fn marks(line: &str) -> Cow<'_, str> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    line.chars().map(|c| plain(c).unwrap_or(c)).collect()
}

/// Returns ASCII of the same width for a character.
pub(crate) fn ascii(symbol: &str) -> String {
    let mut text = String::new();
    for c in symbol.chars() {
        let plain = if c.is_ascii() {
            c
        } else {
            plain(c).unwrap_or('?')
        };
        text.extend(std::iter::repeat_n(plain, c.width().unwrap_or(0)));
    }
    text
}
