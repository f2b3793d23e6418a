//! Entries and findings as people see them: rows of tables, one entry in full, charts.

pub(in crate::commands) mod call_text;
pub(in crate::commands) mod distributions;
pub(in crate::commands) mod entry;
pub(in crate::commands) mod fields;
pub(in crate::commands) mod findings;
pub(in crate::commands) mod limit_scope;
pub(in crate::commands) mod listing;
