//! Finds secrets by the name before them.

use std::ops::Range;

/// A name that ends with one of these, whatever its case and its hyphens, is that of a secret.
const ENDINGS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "accountkey",
    "authkey",
    "encryptionkey",
    "privatekey",
    "secretkey",
    "sharedkey",
    "signingkey",
    "credential",
    "credentials",
    "signature",
    "authorization",
    "cookie",
];

/// Names with such endings that mean no secret: numbers, and where a list goes on.
const HARMLESS: [&str; 6] = ["max", "min", "next", "page", "continuation", "num"];

/// Flags of which curl and wget read a user and a password.
const USER_FLAGS: [&str; 4] = ["-u", "--user", "--proxy-user", "-U"];

/// Finds the values of secret names: after `=`, or after `:` as in headers and JSON.
pub(super) fn find(text: &str, secrets: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(byte, b'=' | b':')
            && let Some(name) = name_before(text, index)
            && let Some(secret) = value_after(text, index, &name)
        {
            secrets.push(secret);
        }
    }
}

/// Returns the part of an argument that is a secret because of the flag that is the argument before
/// it.
pub(super) fn after_flag(flag: &str, argument: &str) -> Option<Range<usize>> {
    if USER_FLAGS.contains(&flag) {
        let (user, password) = argument.split_once(':')?;
        // `docker run -u 1000:1000` names a user and a group.
        let is_number = password.bytes().all(|byte| byte.is_ascii_digit());
        return (!is_number && !is_reference(password)).then_some(user.len() + 1..argument.len());
    }
    let name = flag.strip_prefix('-')?;
    let is_value = !is_reference(argument) && !argument.starts_with('-');
    (is_value && !name.contains(['=', ':', ' ']) && is_secret(name)).then_some(0..argument.len())
}

/// Reports whether a value under this name is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let bare: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    bare == "sig"
        || ENDINGS.iter().any(|ending| bare.ends_with(ending))
            && !HARMLESS.iter().any(|start| bare.starts_with(start))
}

/// Reports whether a value only refers to a secret, or says that there is none.
pub(super) fn is_reference(value: &str) -> bool {
    const NONE: [&str; 9] = ["true", "false", "null", "none", "yes", "no", "-", "0", "1"];
    value.is_empty()
        || value.starts_with(['$', '@', '<', '{', '%', ':'])
        || NONE.iter().any(|none| value.eq_ignore_ascii_case(none))
}

/// A name, and the quote that it is in together with its value, as in `'password=open sesame'`.
struct Name<'a> {
    text: &'a str,
    quote: Option<u8>,
}

fn name_before(text: &str, separator: usize) -> Option<Name<'_>> {
    let before = text[..separator].trim_end_matches(' ');
    let unquoted = before.trim_end_matches(['"', '\'']);
    let is_quoted = unquoted.len() < before.len();
    let unquoted = unquoted.trim_end_matches('\\');
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = unquoted
        .bytes()
        .rev()
        .take_while(|byte| is_part(byte))
        .count();
    let (rest, name) = unquoted.split_at(unquoted.len() - length);
    // `/etc/passwd:/etc/passwd` is a path.
    if rest.ends_with('/') || !is_secret(name) {
        return None;
    }
    let quote = rest
        .bytes()
        .last()
        .filter(|byte| matches!(byte, b'"' | b'\'') && !is_quoted);
    Some(Name { text: name, quote })
}

fn value_after(text: &str, separator: usize, name: &Name<'_>) -> Option<Range<usize>> {
    let mut start = separator + 1;
    start += text[start..]
        .bytes()
        .take_while(|byte| *byte == b' ')
        .count();
    let value = &text[start..];
    let opened = value.trim_start_matches('\\');
    if let Some(quote @ (b'"' | b'\'')) = opened.bytes().next() {
        start += value.len() - opened.len() + 1;
        let value = &text[start..];
        let is_escaped = opened.len() < text[separator + 1..].trim_start_matches(' ').len();
        let end = closing(value, quote, is_escaped);
        return (!is_reference(&value[..end])).then_some(start..start + end);
    }
    let is_header = is_header(name.text) && text.as_bytes()[separator] == b':';
    let end = match name.quote {
        Some(quote) => closing(value, quote, false),
        None if is_header => value.find(['"', '\'', '\n', '\r']).unwrap_or(value.len()),
        // The value of a flag is all that follows it in its argument.
        None if separator == name.text.len() && name.text.starts_with('-') => value.len(),
        None => {
            let ends = |c: char| {
                c.is_whitespace() || matches!(c, '&' | ';' | ',' | '"' | '\'' | ')' | ']' | '}')
            };
            value.find(ends).unwrap_or(value.len())
        }
    };
    let value = &value[..end];
    // The word after `Bearer` and its like is the secret.
    if is_header
        && let Some((scheme, secret)) = value.split_once(' ')
        && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
    {
        let secret = secret.trim_start();
        return (!is_reference(secret)).then_some(start + end - secret.len()..start + end);
    }
    (!is_reference(value)).then_some(start..start + end)
}

/// Reports whether a header of this name may have a value of several words.
fn is_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("authorization") || name.ends_with("cookie")
}

/// Returns the length of a text up to the closing quote, or as a whole if there is none.
fn closing(text: &str, quote: u8, is_escaped: bool) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' if is_escaped => return index,
            b'\\' => index += 1,
            byte if byte == quote => return index,
            _ => {}
        }
        index += 1;
    }
    bytes.len()
}
