//! Charts of the distributions of entries by size, age and time left, for `stats` and `browse`.

use ecache_core::backend::{Histogram, Spread};

use crate::output::{Terminal, chart, cut, human};

/// Width of the labels, and the gap behind them.
const LABEL: usize = 11;

/// A label, a histogram, the format of its unit, and a note.
type Line<'a> = (&'a str, &'a Histogram, fn(u64) -> String, String);

/// Returns a line for each distribution that has a shape and fits the terminal.
pub(in crate::commands) fn lines(spread: &Spread, terminal: &Terminal) -> Vec<String> {
    let expired_or_never = |left: &Histogram| {
        let entries = spread.sizes.count();
        let expired = spread.expired;
        let mut note = Vec::new();
        if expired > 0 {
            note.push(format!("{} expired", human::count(expired)));
        }
        let never = entries.saturating_sub(left.count() + expired);
        if never > 0 {
            let verb = human::plural(never, "expires", "expire");
            note.push(format!("{} never {verb}", human::count(never)));
        }
        note.join(", ")
    };
    let median = |histogram: &Histogram, unit: fn(u64) -> String| {
        let median = histogram.median().map(unit).unwrap_or_default();
        format!("median about {median}")
    };
    let lines: [Line<'_>; 3] = [
        (
            "size",
            &spread.sizes,
            human::size,
            median(&spread.sizes, human::size),
        ),
        (
            "age",
            &spread.ages,
            human::age,
            median(&spread.ages, human::age),
        ),
        (
            "time left",
            &spread.left,
            human::age,
            expired_or_never(&spread.left),
        ),
    ];
    let shown = lines.iter().filter_map(|(label, histogram, unit, note)| {
        let (least, most) = histogram.ends()?;
        let (least, most) = (unit(least), unit(most));
        (least != most).then_some((*label, least, *histogram, most, note))
    });
    let shown: Vec<_> = shown.collect();
    let widest = |of: fn(&(&str, String, &Histogram, String, &String)) -> usize| {
        shown.iter().map(of).max().unwrap_or(0)
    };
    let before = widest(|(_, least, ..)| cut::width(least));
    let behind = widest(|(_, _, _, most, _)| cut::width(most));
    let lines = shown
        .iter()
        .filter_map(|(label, least, histogram, most, note)| {
            let chart = chart::columns(histogram, terminal.is_unicode);
            let line = format!("{label:LABEL$}{least:>before$} {chart} {most:behind$}");
            let full = format!("{line}   {note}");
            let width = terminal.width.unwrap_or(usize::MAX);
            let fits = |line: &&str| cut::width(line) <= width;
            let mut lines = [full.trim_end(), line.trim_end()].into_iter();
            lines.find(fits).map(str::to_owned)
        });
    lines.collect()
}
