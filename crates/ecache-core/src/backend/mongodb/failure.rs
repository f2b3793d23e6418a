//! Failures of writes that the driver does not know as such.

use mongodb::bson::Document;

/// A failure in the server's answer to a command that the driver does not know as a write.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) detail: String,
    /// The write was done, but not by as many servers as were asked for
    pub(super) is_of_concern: bool,
}

impl Failure {
    /// Reads a write error of an answer.
    pub(super) fn of_write(error: &Document) -> Self {
        Self {
            code: error.get_i32("code").unwrap_or(0),
            detail: error
                .get_str("errmsg")
                .unwrap_or("a write failed")
                .to_owned(),
            is_of_concern: false,
        }
    }

    /// Reads the write concern's error of an answer.
    pub(super) fn of_concern(error: &Document) -> Self {
        Self {
            is_of_concern: true,
            ..Self::of_write(error)
        }
    }
}
