//! The effects that operations can have.

/// The effect of an operation. Its number stands for it in files: new ones come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It removed entries
    Removed = 0,
    /// It brought entries back
    Restored = 1,
    /// It wrote entries: an import, a copy or an edit
    Written = 2,
    /// It changed lifetimes
    Touched = 3,
    /// It renamed a store
    Renamed = 4,
    /// It changed settings of the store
    Set = 5,
}

impl Effect {
    const ALL: [Self; 6] = [
        Self::Removed,
        Self::Restored,
        Self::Written,
        Self::Touched,
        Self::Renamed,
        Self::Set,
    ];

    /// Returns the word for it, which is also the one in a database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Restored => "restored",
            Self::Written => "written",
            Self::Touched => "touched",
            Self::Renamed => "renamed",
            Self::Set => "set",
        }
    }

    /// Returns the effect that a number stands for in a file.
    pub(in crate::backend) fn of(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|effect| *effect as i64 == number)
    }

    /// Returns the effect of undoing it.
    pub(in crate::backend) fn reversed(self) -> Self {
        match self {
            Self::Removed => Self::Restored,
            Self::Restored | Self::Written => Self::Removed,
            same => same,
        }
    }
}
