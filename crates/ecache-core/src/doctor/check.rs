//! The checks: the name, the description and the remedy of each.

/// Something that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The value is not what was written
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
    /// Another program wrote something that an entry of ours cannot have, which is no fault
    Foreign,
}

impl Check {
    /// Every check, the worst first.
    pub const ALL: [Self; 13] = [
        Self::Damaged,
        Self::Structure,
        Self::Unreadable,
        Self::Orphaned,
        Self::Expired,
        Self::EndlessPrompts,
        Self::EndlessUsers,
        Self::SharedStores,
        Self::OldVersions,
        Self::NearLimit,
        Self::PersistExpiry,
        Self::MissingIndexes,
        Self::Foreign,
    ];

    /// Its name.
    pub fn id(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Structure => "structure",
            Self::Unreadable => "unreadable",
            Self::Orphaned => "orphaned",
            Self::Expired => "expired",
            Self::EndlessPrompts => "endless-prompts",
            Self::EndlessUsers => "endless-users",
            Self::SharedStores => "shared-stores",
            Self::OldVersions => "old-versions",
            Self::NearLimit => "near-limit",
            Self::PersistExpiry => "persist-expiry",
            Self::MissingIndexes => "missing-indexes",
            Self::Foreign => "foreign",
        }
    }

    /// Reports whether removing the entries fixes it.
    pub fn is_mendable(self) -> bool {
        matches!(
            self,
            Self::Damaged
                | Self::Unreadable
                | Self::Orphaned
                | Self::Expired
                | Self::EndlessPrompts
                | Self::EndlessUsers
        )
    }

    /// Reports whether something is wrong with the entries at all.
    pub fn is_fault(self) -> bool {
        self != Self::Foreign
    }

    /// Describes the fault of the entries, as in `3 entries …` and `1 entry …`.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Damaged => "not as written",
            Self::Structure => {
                "in a file whose pages or indexes are damaged: more of them may be hidden"
            }
            Self::Unreadable => "with a value that FiftyOne's decorator raises on at every hit",
            Self::Orphaned => "of datasets that were deleted",
            Self::Expired => "expired, and still there",
            Self::EndlessPrompts => "made in a prompt, which has ended or will, without an expiry",
            Self::EndlessUsers => "made for a user, without an expiry",
            Self::SharedStores => {
                "in stores of several functions, which take each other's entries for theirs"
            }
            Self::OldVersions => "of versions that a newer one has replaced",
            Self::NearLimit => "with a value that is nearly too large for MongoDB (16 MiB)",
            Self::PersistExpiry => {
                "of policy persist with an expiry, at which MongoDB removes them all the same"
            }
            Self::MissingIndexes => "read without the indexes that FiftyOne makes",
            Self::Foreign => {
                "with something that ecache cannot keep elsewhere: listed and counted, and left \
                 out by export and copy"
            }
        }
    }
}
