//! A smoke run, `-- smoke`: everything once, with little of it, for the figures of nothing.

/// Returns the usual number, or the least of a smoke run.
pub fn usually<T>(usual: T, least: T) -> T {
    let is_smoke = std::env::args().any(|argument| argument == "smoke");
    if is_smoke { least } else { usual }
}
