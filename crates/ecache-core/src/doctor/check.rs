//! The checks: one table with the name, the severity, the remedy and the description of each.

/// A kind of problem that `doctor` detects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The value differs from the one written
    Damaged,
    /// The pages of the file, or its indexes, contradict each other
    Structure,
    /// FiftyOne's decorator raises whenever it reads the value
    Unreadable,
    /// The dataset was deleted
    Orphaned,
    /// Expired, and still there
    Expired,
    /// Made in a prompt, which ends, but without expiry
    EndlessPrompts,
    /// Made for a user, but without expiry
    EndlessUsers,
    /// Several functions use one store, and take each other's entries for theirs
    SharedStores,
    /// A newer version of the function uses another store
    OldVersions,
    /// Nearly too large for MongoDB
    NearLimit,
    /// The policy is `persist`, but MongoDB removes the entry when it expires
    PersistExpiry,
    /// Indexes that queries count on are not there
    MissingIndexes,
    /// Limits count or sample something else than the entries
    LimitCounts,
    /// A limit evicts entries that are needed again soon
    Thrashing,
    /// Another program wrote something that an entry of ours cannot have, which is not a fault
    Foreign,
}

/// The severity of the findings of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Entries are lost, or break their readers
    Error,
    /// Something takes space, or will go wrong
    Warning,
    /// Worth knowing, and not a fault
    Info,
}

impl Severity {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// The way to fix the findings of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// By removing the very entries that were found, whatever their policy
    ByName,
    /// By removing entries of policy `evict` that a filter selects
    ByFilter,
    /// By counting again, which removes nothing
    Recount,
    /// By making indexes. One of them has MongoDB remove expired entries
    Reindex,
    /// By something else
    Otherwise,
}

/// A row of the table.
struct Facts {
    check: Check,
    id: &'static str,
    severity: Severity,
    remedy: Remedy,
    /// As in `1 entry is expired`
    one: &'static str,
    /// As in `3 entries are expired`
    many: &'static str,
}

/// Every check, the worst first, in the order of [`Check`].
const TABLE: [Facts; 15] = [
    Facts {
        check: Check::Damaged,
        id: "damaged",
        severity: Severity::Error,
        remedy: Remedy::ByName,
        one: "fails its checksum",
        many: "fail their checksums",
    },
    Facts {
        check: Check::Structure,
        id: "structure",
        severity: Severity::Error,
        remedy: Remedy::Otherwise,
        one: "is in a file whose pages or indexes are damaged, and more may be hidden",
        many: "are in a file whose pages or indexes are damaged, and more may be hidden",
    },
    Facts {
        check: Check::Unreadable,
        id: "unreadable",
        severity: Severity::Error,
        remedy: Remedy::ByName,
        one: "raises in FiftyOne on every hit",
        many: "raise in FiftyOne on every hit",
    },
    Facts {
        check: Check::Orphaned,
        id: "orphaned",
        severity: Severity::Warning,
        remedy: Remedy::ByFilter,
        one: "belongs to a dataset that was deleted",
        many: "belong to datasets that were deleted",
    },
    Facts {
        check: Check::Expired,
        id: "expired",
        severity: Severity::Warning,
        remedy: Remedy::ByFilter,
        one: "is expired but not removed yet",
        many: "are expired but not removed yet",
    },
    Facts {
        check: Check::EndlessPrompts,
        id: "endless-prompts",
        severity: Severity::Warning,
        remedy: Remedy::ByFilter,
        one: "was made in a prompt and never expires",
        many: "were made in a prompt and never expire",
    },
    Facts {
        check: Check::EndlessUsers,
        id: "endless-users",
        severity: Severity::Warning,
        remedy: Remedy::ByFilter,
        one: "was made for a user and never expires",
        many: "were made for a user and never expire",
    },
    Facts {
        check: Check::SharedStores,
        id: "shared-stores",
        severity: Severity::Warning,
        remedy: Remedy::Otherwise,
        one: "is in a store that several functions share",
        many: "are in stores that several functions share",
    },
    Facts {
        check: Check::OldVersions,
        id: "old-versions",
        severity: Severity::Warning,
        remedy: Remedy::Otherwise,
        one: "belongs to a version that a newer one has replaced",
        many: "belong to versions that a newer one has replaced",
    },
    Facts {
        check: Check::NearLimit,
        id: "near-limit",
        severity: Severity::Warning,
        remedy: Remedy::Otherwise,
        one: "is nearly too large for MongoDB (16 MiB)",
        many: "are nearly too large for MongoDB (16 MiB)",
    },
    Facts {
        check: Check::PersistExpiry,
        id: "persist-expiry",
        severity: Severity::Warning,
        remedy: Remedy::Otherwise,
        one: "is persist, and MongoDB removes it all the same when it expires",
        many: "are persist, and MongoDB removes them all the same when they expire",
    },
    Facts {
        check: Check::MissingIndexes,
        id: "missing-indexes",
        severity: Severity::Warning,
        remedy: Remedy::Reindex,
        one: "is read without the indexes that FiftyOne makes",
        many: "are read without the indexes that FiftyOne makes",
    },
    Facts {
        check: Check::LimitCounts,
        id: "limit-counts",
        severity: Severity::Warning,
        remedy: Remedy::Recount,
        one: "is in a file whose limits count or sample other entries",
        many: "are in a file whose limits count or sample other entries",
    },
    Facts {
        check: Check::Thrashing,
        id: "thrashing",
        severity: Severity::Warning,
        remedy: Remedy::Otherwise,
        one: "belongs to a limit that evicts results before they are used again",
        many: "belong to limits that evict results before they are used again",
    },
    Facts {
        check: Check::Foreign,
        id: "foreign",
        severity: Severity::Info,
        remedy: Remedy::Otherwise,
        one: "has something that ecache cannot keep elsewhere: export and copy leave it out",
        many: "have something that ecache cannot keep elsewhere: export and copy leave them out",
    },
];

impl Check {
    /// Every check, the worst first.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Damaged; TABLE.len()];
        let mut row = 0;
        while row < TABLE.len() {
            all[row] = TABLE[row].check;
            row += 1;
        }
        all
    };

    fn facts(self) -> &'static Facts {
        &TABLE[self as usize]
    }

    /// Returns its name.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.facts().id
    }

    /// Returns the severity of its findings.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.facts().severity
    }

    /// Returns the way to fix its findings.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        self.facts().remedy
    }

    /// Reports whether `doctor --fix` fixes it.
    #[must_use]
    pub fn is_fixable(self) -> bool {
        self.remedy() != Remedy::Otherwise
    }

    /// Reports whether something is wrong with the entries at all.
    #[must_use]
    pub fn is_fault(self) -> bool {
        self.severity() != Severity::Info
    }

    /// Describes the fault of a number of entries, as in `1 entry is expired`, `3 entries are`.
    #[must_use]
    pub fn explain(self, entries: u64) -> &'static str {
        let facts = self.facts();
        if entries == 1 { facts.one } else { facts.many }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_finds_its_row() {
        for check in Check::ALL {
            assert_eq!(check.facts().check, check);
        }
    }
}
