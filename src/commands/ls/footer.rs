//! The line below a table on a terminal.

use anyhow::Result;
use ecache_core::filter::{Filter, Freshness};

use super::super::shared::view::listing::shared_by_all;
use super::{List, Seen};
use crate::output::{Format, Left, human};

impl List<'_> {
    /// Says below a table on a terminal how many entries there are, and what it left out.
    pub(super) fn print_footer(&self, seen: &Seen, left: &Left) -> Result<()> {
        if !self.is_for_terminal() || self.context.quiet {
            return Ok(());
        }
        if self.text.is_some() {
            let is_cut = self.is_full(Format::Table, seen.count)
                && seen.searched < self.usage(self.filter)?.entries;
            if is_cut {
                let text = self.args.value_contains.as_deref().unwrap_or_default();
                let first = match seen.count {
                    1 => "the first entry that contains".to_owned(),
                    count => format!("the first {} that contain", human::entries(count)),
                };
                self.context
                    .footer(&format!("{first} {text:?}; -L 0 for all"));
                return Ok(());
            }
            let searched = human::entries(seen.searched);
            self.context.footer(&match seen.count {
                0 => format!("none of {searched} contains it"),
                1 => format!("1 of {searched} contains it"),
                count => format!("{} of {searched} contain it", human::count(count)),
            });
            return Ok(());
        }
        let all = self.usage(self.filter)?;
        if all.entries == 0 {
            return Ok(());
        }
        let mut text = human::entries(all.entries);
        if seen.count < all.entries {
            text = format!("{} of {text}", human::count(seen.count));
        }
        text.push_str(&shared_by_all(left));
        text.push_str(&format!(", {}", human::size(all.bytes)));
        let expired = match self.filter.freshness {
            None => {
                let expired = Filter {
                    freshness: Some(Freshness::Expired),
                    ..self.filter.clone()
                };
                self.usage(&expired)?.entries
            }
            Some(Freshness::Expired) => all.entries,
            Some(Freshness::Fresh | Freshness::Endless) => 0,
        };
        if expired == all.entries {
            text.push_str(", all expired");
        } else if expired > 0 {
            text.push_str(&format!(", {} expired", human::count(expired)));
        } else if left.empty.contains(&"expires_at") {
            text.push_str("; none expires");
        }
        self.context.footer(&text);
        Ok(())
    }
}
