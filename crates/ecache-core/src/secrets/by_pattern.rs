//! Finds secrets by their shape.

use std::ops::Range;

/// The prefixes of known makers' tokens, and the least number of characters that follow each.
const PREFIXES: [(&str, usize); 38] = [
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 22),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("rk_test_", 16),
    ("whsec_", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("AIza", 30),
    ("ya29.", 20),
    ("npm_", 30),
    ("pypi-", 30),
    ("hf_", 30),
    ("dop_v1_", 30),
    ("shpat_", 30),
    ("glsa_", 30),
    ("lin_api_", 30),
    ("dapi", 32),
    ("hvs.", 20),
    ("SG.", 30),
    ("AGE-SECRET-KEY-1", 30),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AROA", 16),
    ("AIDA", 16),
];

/// Minimum length of a word after `Bearer` that is taken for a token; half of that if the word has
/// a digit.
const BEARER: usize = 16;

/// Finds private keys, tokens, and passwords in URLs.
pub(super) fn find(text: &str, secrets: &mut Vec<Range<usize>>) {
    if text.contains('-') {
        private_keys(text, secrets);
    }
    urls(text, 2, secrets);
    let mut is_boundary = true;
    for (index, byte) in text.bytes().enumerate() {
        if is_boundary && byte.is_ascii_alphabetic() {
            secrets.extend(token_at(text, index));
        }
        is_boundary = !byte.is_ascii_alphanumeric() && byte.is_ascii();
    }
}

/// The body of a private key, or all that is there of it.
fn private_keys(text: &str, secrets: &mut Vec<Range<usize>>) {
    for (index, opening) in text.match_indices("-----BEGIN ") {
        let label = &text[index + opening.len()..];
        let Some(length) = label.find("-----") else {
            continue;
        };
        if !label[..length].contains("PRIVATE KEY") {
            continue;
        }
        let start = index + opening.len() + length + 5;
        let length = text[start..].find("-----END").unwrap_or(text.len() - start);
        secrets.push(start..start + length);
    }
}

/// Finds passwords in URLs that have at least `least` slashes after their scheme; one of MongoDB
/// may have none.
pub(super) fn urls(text: &str, least: usize, secrets: &mut Vec<Range<usize>>) {
    for (index, _) in text.match_indices(':') {
        let rest = &text[index + 1..];
        let slashes = rest.len() - rest.trim_start_matches('/').len();
        let scheme = text[..index].to_ascii_lowercase();
        let is_ours = scheme.ends_with("mongodb") || scheme.ends_with("mongodb+srv");
        if slashes >= least || is_ours {
            secrets.extend(in_authority(text, index + 1 + slashes.min(2)));
        }
    }
}

/// Returns the password of a URL whose authority begins there, or a token in the place of a user.
fn in_authority(text: &str, start: usize) -> Option<Range<usize>> {
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '|');
    let rest = &text[start..];
    let rest = &rest[..rest.find(is_end).unwrap_or(rest.len())];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let user = match authority.rfind('@') {
        Some(at) => &authority[..at],
        // Someone did not encode a slash in a password: what follows the colon is not a port.
        None => {
            let (_, port) = authority.split_once(':')?;
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
            &rest[..rest.rfind('@').filter(|_| !is_port)?]
        }
    };
    let secret = match user.split_once(':') {
        Some((name, _)) => name.len() + 1..user.len(),
        None => 0..user.len(),
    };
    let value = &user[secret.clone()];
    let is_secret = secret.start > 0 && !super::by_name::is_reference(value)
        || value.len() >= 20 && has_digit(value);
    is_secret.then_some(start + secret.start..start + secret.end)
}

fn token_at(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    if rest.starts_with("eyJ") {
        return jwt(rest).map(|length| start..start + length);
    }
    if rest
        .get(..7)
        .is_some_and(|word| word.eq_ignore_ascii_case("bearer "))
    {
        let token = rest[7..].trim_start_matches(' ');
        let start = start + rest.len() - token.len();
        let length = run(token, |byte| {
            word(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
        });
        let token = &token[..length];
        let is_token = length >= BEARER || length >= BEARER / 2 && has_digit(token);
        return is_token.then_some(start..start + length);
    }
    // Most words are not a token. Comparing a byte first takes a tenth of calls of `memcmp`.
    let first = rest.as_bytes().first();
    let (prefix, least) = PREFIXES
        .iter()
        .find(|(prefix, _)| prefix.as_bytes().first() == first && rest.starts_with(prefix))?;
    let length = run(&rest[prefix.len()..], |byte| word(byte) || byte == b'.');
    let body = &rest[prefix.len()..prefix.len() + length];
    // A name that someone gave a thing has no digits, or is shorter.
    (length >= *least && has_digit(body)).then_some(start..start + prefix.len() + length)
}

/// Returns the length of the JWT that a text begins with: a header, a body and a signature.
fn jwt(text: &str) -> Option<usize> {
    let mut parts = text.split('.').map(|part| run(part, word));
    let (header, body) = (parts.next()?, parts.next()?);
    if header < 10 || body < 10 || text.as_bytes().get(header) != Some(&b'.') {
        return None;
    }
    Some(run(text, |byte| word(byte) || byte == b'.'))
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn run(text: &str, is_part: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| is_part(*byte)).count()
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}
