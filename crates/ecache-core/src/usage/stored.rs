//! A row of usage as a backend stores it.

use super::names::{self, Parser, write_number};
use super::{CallGroup, Counts, Gap};
use crate::time::Timestamp;

/// A row of usage of one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoredRow {
    /// The counts of a group
    Counts(CallGroup, Counts),
    /// A time in which not every call could be counted
    Gap(Gap),
}

/// The first byte of a row; below are the flags of the names of a group.
const OTHER: u8 = 0x80;
const GAP: u8 = 0x81;

impl StoredRow {
    /// Returns bytes that are equal for rows of the same group.
    pub(crate) fn group_bytes(&self) -> Vec<u8> {
        match self {
            Self::Gap(_) => vec![GAP],
            Self::Counts(CallGroup::Other, _) => vec![OTHER],
            Self::Counts(
                CallGroup::Of {
                    store,
                    user,
                    operator,
                },
                _,
            ) => {
                let (flags, names) =
                    names::group_bytes(store, user.as_deref(), operator.as_deref());
                let mut bytes = vec![flags];
                write_number(names.len() as u64, &mut bytes);
                bytes.extend_from_slice(&names);
                bytes
            }
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = self.group_bytes();
        match self {
            Self::Counts(_, counts) => {
                for count in counts.fields() {
                    write_number(count, &mut bytes);
                }
            }
            Self::Gap(gap) => {
                for time in [gap.from, gap.until] {
                    bytes.extend_from_slice(&time.as_millis().to_le_bytes());
                }
            }
        }
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        if *first == GAP {
            let time = |place: usize| {
                let bytes = rest.get(place..)?.first_chunk()?;
                Some(Timestamp::from_millis(i64::from_le_bytes(*bytes)))
            };
            return Some(Self::Gap(Gap {
                from: time(0)?,
                until: time(8)?,
            }));
        }
        let mut parser = Parser(rest);
        let group = if *first == OTHER {
            CallGroup::Other
        } else {
            let length = usize::try_from(parser.number()?).ok()?;
            let (names, rest) = parser.0.split_at_checked(length)?;
            parser.0 = rest;
            let (store, user, operator) = names::read_group((*first, names))?;
            CallGroup::Of {
                store,
                user,
                operator,
            }
        };
        let mut fields = [0; Counts::FIELDS];
        for field in &mut fields {
            *field = parser.number()?;
        }
        Some(Self::Counts(group, Counts::of_fields(fields)))
    }
}
