//! The methods that Python sees of [`Cache`](crate::cache::Cache) and
//! [`Function`](crate::function::Function), which lead to modules that use these types themselves.

mod cache;
mod function;
