//! The output of a command: its recording, and live output that followers read while it runs.

pub(crate) mod buffered;
pub(crate) mod live_output;
pub(crate) mod publisher;
pub(crate) mod reader;
pub(crate) mod recorder;
pub(crate) mod recording;
pub(crate) mod resume;
