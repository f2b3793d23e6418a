//! Functions that several commands share.

pub(super) mod address;
pub(super) mod calls;
pub(super) mod changes;
pub(super) mod command;
pub(super) mod filter;
pub(super) mod transfer;
pub(super) mod view;
