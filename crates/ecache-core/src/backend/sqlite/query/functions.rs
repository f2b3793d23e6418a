//! SQL functions: the comparisons that SQL lacks.

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use crate::filter::{Pattern, arguments_match};
use crate::glob::Glob;
use crate::key::hex;

/// Registers the comparisons that SQL lacks.
pub(in crate::backend::sqlite) fn register(connection: &Connection) -> rusqlite::Result<()> {
    rusqlite::vtab::array::load_module(connection)?;
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("key_matches", 2, flags, |context| {
        let glob = pattern(context, 1, true)?;
        Ok(match context.get_raw(0) {
            ValueRef::Blob(hash) => glob.matches(&hex(hash)),
            ValueRef::Text(key) => std::str::from_utf8(key).is_ok_and(|key| glob.matches(key)),
            _ => false,
        })
    })?;
    connection.create_scalar_function("argument_matches", 3, flags, |context| {
        let glob = context.get_raw(1).as_i64()? == 1;
        let pattern = pattern(context, 2, glob)?;
        let args = context.get_raw(0).as_str_or_null()?;
        Ok(arguments_match(std::slice::from_ref(&*pattern), args))
    })
}

/// Returns the pattern in an argument, parsed once per statement.
fn pattern(
    context: &Context<'_>,
    argument: i32,
    glob: bool,
) -> rusqlite::Result<std::sync::Arc<Pattern>> {
    context.get_or_create_aux(argument, |value| {
        let text = value.as_str()?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(if glob {
            Pattern::Glob(Glob::new(text)?)
        } else {
            Pattern::exact(text)
        })
    })
}
