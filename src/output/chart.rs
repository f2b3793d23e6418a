//! Bars and histograms, of block elements or of ASCII.

use ecache_core::backend::Histogram;

/// Width of a bar.
const BAR: usize = 8;

/// Number of columns of a histogram.
const COLUMNS: usize = 16;

/// Draws a share as a bar in eighths of a column. Something is never drawn as nothing.
pub(crate) fn bar(part: u128, whole: u128, is_unicode: bool) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if !is_unicode {
        let length = scaled(part, whole, BAR);
        return "#".repeat(length);
    }
    let length = scaled(part, whole, BAR * EIGHTHS.len());
    "█".repeat(length / EIGHTHS.len()) + EIGHTHS[length % EIGHTHS.len()]
}

/// Draws how entries are distributed between the ends. A range with an entry is never empty.
pub(crate) fn columns(histogram: &Histogram, is_unicode: bool) -> String {
    const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 9] = [" ", ".", ":", "-", "=", "+", "*", "%", "#"];
    let levels = if is_unicode { BLOCKS } else { ASCII };
    let heights = histogram.columns(COLUMNS);
    let most = heights.iter().copied().max().unwrap_or(0);
    let level = |height: u64| levels[scaled(height.into(), most.into(), levels.len() - 1)];
    heights.into_iter().map(level).collect()
}

/// Returns the part of `length` that is to the whole as `part` is, at least 1 above nothing.
fn scaled(part: u128, whole: u128, length: usize) -> usize {
    let scaled = part.min(whole).saturating_mul(length as u128);
    let scaled = scaled.checked_div(whole).unwrap_or(0);
    usize::try_from(scaled)
        .unwrap_or(length)
        .max(usize::from(part > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_eight_columns_and_are_never_empty_above_zero() {
        for (part, drawn, plain) in [
            (0, "", ""),
            (1, "▏", "#"),
            (125, "█", "#"),
            (500, "████", "####"),
            (740, "█████▉", "#####"),
            (1000, "████████", "########"),
            (2000, "████████", "########"),
        ] {
            assert_eq!(bar(part, 1000, true), drawn);
            assert_eq!(bar(part, 1000, false), plain);
        }
        assert_eq!(bar(0, 0, true), "");
    }

    #[test]
    fn histograms_show_each_range_that_has_an_entry() {
        let mut histogram = Histogram::default();
        for (amount, count) in [(1, 1), (1_000, 800), (3_000_000, 2)] {
            (0..count).for_each(|_| histogram.add(amount));
        }
        assert_eq!(columns(&histogram, true), "▁    █         ▁");
        assert_eq!(columns(&histogram, false), ".    #         .");
        assert_eq!(columns(&Histogram::default(), true), " ".repeat(16));
    }
}
