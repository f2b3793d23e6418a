//! The functions that the code of `#[execution_cache]` calls: for the identity of a function, its
//! arguments and its return type.
//!
//! `call` and `call_async` make a call, independent of its arguments. `output_codec` and
//! `return_type` let the compiler decide which results are kept, and `refreshed` whether a
//! background refresh can have the arguments. `macro_support` exports the items that generated code
//! names.

pub(super) mod arguments;
pub(super) mod call;
pub(super) mod call_async;
pub(super) mod fallible;
pub(super) mod functions;
pub(super) mod identity;
pub(super) mod lazy_cache;
pub(super) mod lifetime;
pub(super) mod output_codec;
pub(super) mod refreshed;
pub(super) mod return_type;
