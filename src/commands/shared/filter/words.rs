//! A selection in the words of the options, without secrets, for the log of operations.

use std::fmt::Display;

use ecache_core::filter::{
    DatasetPattern, EvictionOrder, Filter, Freshness, Jobs, Pattern, Selection,
};
use ecache_core::scope::DEFAULT_COLLECTION;
use ecache_core::secrets::mask;
use ecache_core::time::{Timestamp, whole_millis};

use super::no_match::Field;
use crate::cli::filter::KindChoice;
use crate::output::escape::shell;

/// Maximum number of names of one kind that are listed.
const MOST: usize = 5;

/// Describes the entries that a selection means at `now`, as in `--store thumbs --user ann`.
pub(in crate::commands) fn words(selection: &Selection, now: Timestamp) -> String {
    written(selection, now, Field::Policy.option())
}

/// Describes the entries whose lifetime is changed: `--policy` is their new one, and fresh ones are
/// meant unless an option says otherwise.
pub(in crate::commands) fn words_of_touched(selection: &Selection, now: Timestamp) -> String {
    let typed = selection.filters().cloned().map(|filter| Filter {
        freshness: filter.freshness.filter(|meant| *meant != Freshness::Fresh),
        ..filter
    });
    written(&Selection::of(typed.collect()), now, "--if-policy")
}

fn written(selection: &Selection, now: Timestamp, policy: &str) -> String {
    let mut parts: Vec<String> = selection
        .filters()
        .map(|filter| of_filter(filter, now, policy))
        .map(|words| match words.as_str() {
            "" => "--all".to_owned(),
            _ => words,
        })
        .collect();
    if let Some(capacity) = &selection.beyond {
        let mut words = vec![of_filter(&capacity.scope, now, policy)];
        words.extend(capacity.max_size.map(|size| format!("--max-size {size}")));
        let entries = capacity.max_entries;
        words.extend(entries.map(|count| format!("--max-entries {count}")));
        if capacity.order != EvictionOrder::default() {
            words.push(format!("--order {}", capacity.order.as_str()));
        }
        words.retain(|word| !word.is_empty());
        parts.push(words.join(" "));
    }
    let mut words = if parts.is_empty() {
        "--all".to_owned()
    } else {
        parts.join(", or ")
    };
    if let Some(cost) = selection.spared.cost_above {
        words.push_str(&format!(" --keep-cost-above {cost}ms"));
    }
    if let Some(latest) = &selection.spared.latest {
        words.push_str(&format!(" --keep-last {}", latest.count));
        if let Some(per) = latest.per {
            words.push_str(&format!(" --per {}", per.as_str()));
        }
    }
    words
}

fn of_filter(filter: &Filter, now: Timestamp, policy_option: &str) -> String {
    // Without `..`, so that a new condition is not left out of the log.
    let Filter {
        collections,
        stores,
        datasets,
        keys,
        users,
        operators,
        prompts,
        arguments,
        kinds,
        policy,
        freshness,
        expired_for,
        written_before,
        written_after,
        unused_since,
        min_hits,
        never_used,
        expires_by,
        larger_than,
        jobs,
        smaller_than,
        cost_above,
    } = filter;
    let mut words = Vec::new();
    if collections.is_empty() {
        words.push("--all-collections".to_owned());
    } else if *collections != [Pattern::exact(DEFAULT_COLLECTION)] {
        push_names(&mut words, "--collection", collections);
    }
    push_names(&mut words, "--store", stores);
    for dataset in datasets {
        match dataset {
            DatasetPattern::Id(pattern) => {
                let pattern = std::slice::from_ref(pattern);
                push_names(&mut words, Field::Datasets.option(), pattern);
            }
            // A store that is named without a dataset is the one that has none.
            DatasetPattern::Unlinked if !stores.is_empty() => {}
            DatasetPattern::Unlinked => words.push("--no-dataset".to_owned()),
        }
    }
    for (field, patterns) in [
        (Field::Keys, keys),
        (Field::Users, users),
        (Field::Operators, operators),
        (Field::Prompts, prompts),
        (Field::Arguments, arguments),
    ] {
        push_names(&mut words, field.option(), patterns);
    }
    let with = |field: Field, value: &dyn Display| format!("{} {value}", field.option());
    words.extend(kinds.iter().map(|kind| with(Field::Kinds, kind)));
    match jobs {
        Some(Jobs::Only) => words.push(with(Field::Kinds, &KindChoice::Job)),
        Some(Jobs::Running) => words.push(with(Field::Kinds, &"job (running)")),
        Some(Jobs::Idle) => words.push(with(Field::Kinds, &"job (not running)")),
        Some(Jobs::NotRunning) | None => {}
    }
    words.extend(policy.map(|policy| format!("{policy_option} {policy}")));
    words.extend(freshness.map(|freshness| match freshness {
        Freshness::Fresh => "--fresh".to_owned(),
        Freshness::Expired => "--expired".to_owned(),
        Freshness::Endless => "--no-expiry".to_owned(),
    }));
    if !expired_for.is_zero() {
        words.push(format!("--keep-stale {}ms", whole_millis(*expired_for)));
    }
    for (field, time) in [
        (Field::WrittenBefore, written_before),
        (Field::WrittenAfter, written_after),
        (Field::UnusedSince, unused_since),
    ] {
        words.extend(time.map(|time| with(field, &time)));
    }
    if let Some(time) = expires_by {
        let left = whole_millis(time.since(now));
        words.push(with(Field::ExpiresBy, &format!("{left}ms")));
    }
    words.extend(min_hits.map(|hits| with(Field::MinHits, &hits)));
    words.extend(never_used.then(|| Field::NeverUsed.option().to_owned()));
    words.extend(larger_than.map(|size| with(Field::LargerThan, &size)));
    words.extend(smaller_than.map(|size| with(Field::SmallerThan, &size)));
    words.extend(cost_above.map(|cost| {
        let cost = whole_millis(cost);
        with(Field::CostAbove, &format!("{cost}ms"))
    }));
    words.join(" ")
}

/// Appends an option for each of the first names, and the number of the others.
fn push_names(words: &mut Vec<String>, option: &str, patterns: &[Pattern]) {
    for pattern in patterns.iter().take(MOST) {
        words.push(format!("{option} {}", shell(&mask(pattern.as_str()))));
    }
    if let Some(more) = patterns.len().checked_sub(MOST).filter(|more| *more > 0) {
        words.push(format!("and {more} more"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory as _;
    use ecache_core::entry::Policy;
    use ecache_core::filter::{Capacity, Latest, Per};
    use ecache_core::value::Kind;

    use super::*;
    use crate::cli::Cli;

    const NOW: Timestamp = Timestamp::from_millis(1_795_415_570_948);

    #[test]
    fn a_part_without_conditions_is_not_left_out() {
        let usual = Filter {
            collections: vec![Pattern::exact(DEFAULT_COLLECTION)],
            ..Filter::default()
        };
        let fresh = Filter {
            freshness: Some(Freshness::Fresh),
            ..usual.clone()
        };
        let selection = Selection::of(vec![usual.clone(), fresh.clone()]);
        assert_eq!(words(&selection, NOW), "--all, or --fresh");
        assert_eq!(words(&usual.into(), NOW), "--all");
        assert_eq!(words_of_touched(&fresh.into(), NOW), "--all");
    }

    #[test]
    fn each_condition_is_written_with_an_option_that_exists() {
        let name = || vec![Pattern::exact("x")];
        let later = Timestamp::from_millis(NOW.as_millis() + 3_600_000);
        let filter = Filter {
            collections: name(),
            stores: name(),
            datasets: vec![DatasetPattern::exact(Some("x"))],
            keys: name(),
            users: name(),
            operators: name(),
            prompts: name(),
            arguments: name(),
            kinds: vec![Kind::Text],
            policy: Some(Policy::Evict),
            freshness: Some(Freshness::Expired),
            expired_for: Duration::from_millis(1),
            written_before: Some(NOW),
            written_after: Some(NOW),
            unused_since: Some(NOW),
            min_hits: Some(1),
            never_used: true,
            expires_by: Some(later),
            larger_than: Some(1),
            jobs: Some(Jobs::Idle),
            smaller_than: Some(2),
            cost_above: Some(Duration::from_millis(1)),
        };
        let unlinked = Filter {
            datasets: vec![DatasetPattern::Unlinked],
            ..Filter::default()
        };
        let mut selection = Selection::of(vec![filter, unlinked]);
        selection.beyond = Some(Capacity {
            scope: Filter::default(),
            max_size: Some(1),
            max_entries: Some(1),
            order: EvictionOrder::Size,
        });
        selection.spared.cost_above = Some(1);
        selection.spared.latest = Some(Latest {
            scope: Filter::default(),
            count: 1,
            per: Some(Per::Store),
        });
        let words = words(&selection, NOW);
        let options: Vec<&str> = words
            .split([' ', ','])
            .filter(|word| word.starts_with("--"))
            .collect();
        let mut command = Cli::command();
        command.build();
        let known: Vec<&str> = command
            .get_subcommands()
            .chain([&command])
            .flat_map(clap::Command::get_arguments)
            .filter_map(clap::Arg::get_long)
            .collect();
        for option in &options {
            let is_known = known.contains(&option.trim_start_matches('-'));
            assert!(is_known, "{option} in {words}");
        }
        for (word, count) in [
            ("--no-dataset", 1),
            ("--kind text --kind job (not running)", 1),
            ("--expiring-within 3600000ms", 1),
            ("--keep-last 1 --per store", 1),
        ] {
            assert_eq!(words.matches(word).count(), count, "{word}: {words}");
        }
        assert_eq!(options.len(), 29, "{words}");
    }
}
