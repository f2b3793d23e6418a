//! `ecache touch`: changes the lifetime or the policy of entries.

use anyhow::Result;
use ecache_core::backend::Touch;
use ecache_core::entry::Policy;
use ecache_core::error::Error;
use ecache_core::filter::Freshness;

use super::removal::{Run, amount, open};
use super::request::{expiry, filter, require_narrowed};
use crate::cli::TouchArgs;
use crate::cli::filter::PolicyChoice;
use crate::cli::value::Ttl;
use crate::context::Context;
use crate::error::{Exit, usage};

pub(crate) fn run(context: &Context, args: TouchArgs) -> Result<Exit> {
    let now = context.now();
    let policy = args.policy.map(Policy::from);
    let touch = match (args.ttl, policy) {
        (Some(Ttl::Millis(_)), Some(Policy::Persist)) => {
            return Err(usage(
                "an entry with a lifetime cannot be of policy persist: leave out --ttl or --policy",
            ));
        }
        (ttl @ Some(Ttl::Millis(_)), _) => Touch {
            expires_at: Some(expiry(now, ttl)),
            policy: Some(Policy::Evict),
        },
        (Some(Ttl::Never), policy) => Touch {
            expires_at: Some(None),
            policy,
        },
        (None, Some(Policy::Persist)) => Touch {
            expires_at: Some(None),
            policy,
        },
        (None, policy) => Touch {
            expires_at: None,
            policy,
        },
    };
    let mut filter = filter(context, &args.filter, PolicyChoice::Any, now)?;
    require_narrowed(&filter, args.all, "change")?;
    // What has expired is gone for readers, and comes back only if it is asked for with --expired.
    filter.freshness = filter.freshness.or(Some(Freshness::Fresh));
    let run = Run::from(args.dry_run);
    let backend = open(context, run)?;
    let selection = filter.into();
    let (verb, usage) = match run {
        Run::Dry => ("would change", backend.usage(&selection, now)),
        Run::Wet => ("changed", backend.touch(&selection, touch, now)),
    };
    if let Ok(usage) | Err(Error::DamagedLeft { done: usage, .. }) = usage {
        context.note(&format!("{verb} {}", amount(usage)));
    }
    usage?;
    Ok(Exit::Done)
}
