use ecache_macros::execution_cache;
use std::borrow::Cow;

struct ExecutionContext;

#[execution_cache]
fn borrows<'a>(_ctx: &ExecutionContext, text: &'a str) -> &'a str {
    text
}

#[execution_cache]
fn may_borrow<'a>(_ctx: &ExecutionContext, text: &'a str) -> Option<Cow<'a, str>> {
    Some(text.into())
}

#[execution_cache]
fn cannot_be_read(_ctx: &ExecutionContext, _n: u8) -> Result<Option<&'static str>, &'static str> {
    Ok(None)
}

#[execution_cache]
fn has_no_name(_ctx: &ExecutionContext, _n: u8) -> impl Clone {
    1
}

#[execution_cache]
fn runs_later(_ctx: &ExecutionContext, _n: u8) -> impl Future<Output = u8> {
    async { 1 }
}

#[execution_cache]
fn runs_later_in_a_box(_ctx: &ExecutionContext, _n: u8) -> Box<dyn Future<Output = u8>> {
    Box::new(async { 1 })
}

fn main() {}
