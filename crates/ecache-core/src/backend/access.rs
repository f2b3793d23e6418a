//! Reading, writing, or writing durably.

/// The access that a store is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only; the file must be there, and the folder may be read-only
    Read,
    /// Reads and writes, creating a missing file. A power loss may cost the last writes, never the
    /// store
    Write,
    /// Like `Write`, but waits until a write is on the disk before acknowledging it
    WriteDurably,
}

impl Access {
    /// Reports whether the store may be changed.
    #[must_use]
    pub fn is_writing(self) -> bool {
        match self {
            Self::Read => false,
            Self::Write | Self::WriteDurably => true,
        }
    }
}
