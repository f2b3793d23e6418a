//! The reasons for which results are not kept, where the store shows that it kept fewer results
//! than there were runs. Nothing is known of a single run: it may have been one of another command.

use anyhow::Result;
use ecache_core::backend::Backend;
use ecache_core::backend::limit::Limit;
use ecache_core::explain::Question;
use ecache_core::filter::Pattern;
use ecache_core::location;
use ecache_core::statistics;
use ecache_core::time::Timestamp;
use ecache_core::usage::{CallGroup, Counts, KEPT};

use crate::commands::shared::view::limit_scope::words;
use crate::context::Context;
use crate::output::escape::shell;
use crate::output::human;

/// Returns a line for each reason, if the stores of that name had more runs than they have
/// `entries`.
pub(super) fn reasons(
    context: &Context,
    backend: &dyn Backend,
    question: &Question,
    entries: u64,
) -> Result<Vec<String>> {
    let runs = runs(context, backend, question)?;
    if runs <= entries {
        return Ok(Vec::new());
    }
    let store = shell(&question.address.store.store_name);
    let mut lines = vec![format!(
        "store {store} had {} and has {}: nothing is kept of a failure with --no-failures, of less \
         time than --min-cost, of more output than --max-output, of a command that a signal ended, \
         that read a part of its input or from the terminal, or whose files changed while it ran",
        human::counted(runs, "miss", "misses"),
        human::entries(entries),
    )];
    for limit in limits(context, backend)? {
        let (names, scopes) = (limit.scope.filter(), &question.scopes);
        let [user, operator, prompt] =
            [&scopes.user_id, &scopes.operator_uri, &scopes.prompt_id].map(Option::as_deref);
        let is_of_prompt = |pattern: &Pattern| prompt.is_some_and(|prompt| pattern.matches(prompt));
        let is_in_scope = names.matches_group(&question.address.store, user, operator)
            && (names.prompts.is_empty() || names.prompts.iter().any(is_of_prompt));
        if !is_in_scope {
            continue;
        }
        let scope = words(&limit.scope.to_string());
        lines.extend(limit.bounds.min_cost_ms.map(|least| {
            let least = human::duration(least);
            format!("the limit for {scope} keeps only what takes {least} or longer")
        }));
        lines.extend(limit.bounds.max_bytes.map(|most| {
            let most = human::size(most);
            format!("the limit for {scope} keeps nothing larger than {most}")
        }));
    }
    Ok(lines)
}

/// Returns the number of runs of the stores of that name that were to be kept.
fn runs(context: &Context, backend: &dyn Backend, question: &Question) -> Result<u64> {
    let now = context.now();
    let from = Timestamp::from_millis(now.as_millis().saturating_sub(KEPT));
    let log = context.usage_log()?;
    let recorded = statistics::read(backend, Some(&log), from, now)?;
    let own = &question.address.store;
    let mut counts = Counts::default();
    for period in &recorded.periods {
        if let CallGroup::Of { store, .. } = &period.group
            && (&store.store_name, &store.collection) == (&own.store_name, &own.collection)
        {
            counts.add(&period.counts);
        }
    }
    Ok(counts.misses.saturating_add(counts.refreshes))
}

/// Returns the limits of the store. A database keeps none.
fn limits(context: &Context, backend: &dyn Backend) -> Result<Vec<Limit>> {
    if location::is_url(context.location()?.0.as_os_str()) {
        return Ok(Vec::new());
    }
    let settings = backend.settings()?;
    let limits = settings.iter();
    Ok(limits
        .filter_map(|(name, value)| Limit::read(name, value))
        .collect())
}
