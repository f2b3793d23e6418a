//! The figures of `stats` as metrics, for Prometheus.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::BufWriter;
use std::sync::Arc;

use anyhow::Result;

use super::figures::cell;
use super::{Answer, Question, Stats};
use crate::output::{Cell, OpenMetrics, Secrets, stdout};

/// Maximum number of groups that have metrics of their own. A database of metrics keeps each set of
/// labels for ever.
const MOST_LABELS: usize = 100;

/// The name of the sum of all further groups.
const OTHER: &str = "(other)";

/// The metrics: name, figure, number of them in a unit, explanation.
const METRICS: [(&str, &str, u32, &str); 15] = [
    ("ecache_entries", "entries", 1, "Entries"),
    ("ecache_size_bytes", "bytes", 1, "Size of the entries"),
    ("ecache_expired_entries", "expired", 1, "Expired entries"),
    ("ecache_calls", "calls", 1, "Hits and misses in the period"),
    (
        "ecache_hits",
        "hits",
        1,
        "Calls answered by the cache in the period",
    ),
    (
        "ecache_stale_hits",
        "stale",
        1,
        "Hits that returned a stale result",
    ),
    (
        "ecache_followers",
        "followers",
        1,
        "Hits that returned the result of a call under way",
    ),
    (
        "ecache_misses",
        "misses",
        1,
        "Calls without a result in the period",
    ),
    (
        "ecache_refreshes",
        "refreshes",
        1,
        "Results computed again on request",
    ),
    (
        "ecache_bypasses",
        "bypasses",
        1,
        "Calls that went without the cache",
    ),
    ("ecache_errors", "errors", 1, "Failures of the cache"),
    (
        "ecache_evictions",
        "evictions",
        1,
        "Entries removed because of a limit",
    ),
    (
        "ecache_lost_seconds",
        "lost_ms",
        1000,
        "Computing time of results that a limit had evicted",
    ),
    (
        "ecache_saved_seconds",
        "saved_ms",
        1000,
        "Computing time that hits saved",
    ),
    (
        "ecache_spent_seconds",
        "spent_ms",
        1000,
        "Computing time of misses and refreshes",
    ),
];

pub(super) fn print(question: &Question, answer: &Answer, secrets: Secrets) -> Result<()> {
    let weight = |stats: &Stats| (stats.counts.calls(), stats.entries.usage.entries);
    let mut ranked: Vec<_> = answer.groups.iter().collect();
    ranked.sort_by_key(|(_, stats)| Reverse(weight(stats)));
    let mut labelled: BTreeMap<Vec<String>, Stats> = BTreeMap::new();
    for (rank, (name, stats)) in ranked.into_iter().enumerate() {
        let label = |part: &Option<Arc<str>>| match part {
            _ if rank >= MOST_LABELS => OTHER.to_owned(),
            Some(part) => secrets.text(part).into_owned(),
            None => String::new(),
        };
        let sum = labelled
            .entry(name.iter().map(label).collect())
            .or_default();
        sum.counts.add(&stats.counts);
        sum.entries.merge(stats.entries.clone());
    }
    let mut metrics = OpenMetrics::new(BufWriter::new(stdout()));
    for (name, figure, in_unit, help) in METRICS {
        metrics.gauge(name, help)?;
        for (texts, stats) in &labelled {
            let value = match cell(figure, stats, question.is_counted) {
                Cell::Count(count) | Cell::Size(count) => count.to_string(),
                Cell::Duration(ms) => (ms as f64 / f64::from(in_unit)).to_string(),
                // A figure that is not counted for each group is unknown, not zero.
                _ => continue,
            };
            let labels = question.by.iter().map(|by| by.as_str());
            let labels: Vec<_> = labels.zip(texts.clone()).collect();
            metrics.sample(name, &labels, &value)?;
        }
    }
    Ok(metrics.finish()?)
}
