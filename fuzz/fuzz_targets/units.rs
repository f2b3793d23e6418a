//! Parses durations, rates and sizes.

#![no_main]

use ecache_core::glob::Glob;
use ecache_core::units::{parse_duration, parse_rate, parse_size};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = parse_duration(text);
    let _ = parse_rate(text);
    let _ = parse_size(text);
    if let Ok(glob) = Glob::new(text) {
        let prefix = glob.literal_prefix();
        // Whatever a pattern matches begins with its literal prefix.
        assert!(!glob.matches(text) || text.starts_with(&prefix));
    }
});
