//! Functions that several commands share.

pub(super) mod background;
pub(super) mod call_text;
pub(super) mod collections;
pub(super) mod command_args;
pub(super) mod configured;
pub(super) mod deletion;
pub(super) mod entry_view;
pub(super) mod fields;
pub(super) mod filter;
pub(super) mod in_place;
pub(super) mod jobs;
pub(super) mod left_out;
pub(super) mod lifetime;
pub(super) mod listed;
pub(super) mod listing;
pub(super) mod live_datasets;
pub(super) mod near_names;
pub(super) mod operation;
pub(super) mod outputs;
pub(super) mod partial;
pub(super) mod pasted;
pub(super) mod resolve;
pub(super) mod sieve;
pub(super) mod transfer;
