//! The code of a Rust source: its text without comments, literals and tests.

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns Rust text without comments, literals and modules of tests.
pub fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = literal(rest).unwrap_or(0);
        if length > 0 {
            code.push(' ');
            rest = &rest[length..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = match (code[start..].find('{'), code[start..].find(';')) {
            (Some(brace), semicolon) if semicolon.is_none_or(|at| brace < at) => {
                block(&code, start + brace)
            }
            (_, Some(semicolon)) => start + semicolon + 1,
            _ => code.len(),
        };
        code.replace_range(start..end, "");
    }
    code
}

/// Returns the end of the block whose brace opens at `open`.
fn block(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Returns the length of the comment or literal that a text begins with.
fn literal(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let from = 1 + hashes + 1;
            return Some(from + text[from..].find(&end)? + end.len());
        }
    }
    let (quote, from) = match text.as_bytes() {
        [b'"', ..] => (b'"', 1),
        [b'\'', b'\\', _, ..] => (b'\'', 3),
        // A lifetime has no second quote.
        [b'\'', ..] => {
            let inner = text[1..].chars().next()?.len_utf8();
            return text[1 + inner..].starts_with('\'').then_some(inner + 2);
        }
        _ => return None,
    };
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}
