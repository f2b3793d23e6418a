use ecache_core::{ExecutionContext, execution_cache};

pub struct Handle;

#[execution_cache]
fn returns_what_cannot_be_kept(_ctx: &ExecutionContext, _n: u8) -> Handle {
    Handle
}

#[execution_cache(cache_err)]
fn fails_with_what_cannot_be_kept(_ctx: &ExecutionContext) -> Result<u8, std::io::Error> {
    Ok(1)
}

#[execution_cache]
fn takes_what_is_in_no_key(_ctx: &ExecutionContext, _handle: Handle) -> u8 {
    1
}

#[execution_cache]
fn takes_neither_context_nor_argument(_handle: &Handle) -> u8 {
    1
}

#[execution_cache(ttl = true == true)]
fn lives_a_truth(_ctx: &ExecutionContext) -> u8 {
    1
}

#[execution_cache]
async fn returns_later_what_cannot_be_kept(_n: u8) -> Handle {
    Handle
}

#[execution_cache(ttl = 1, stale = 1)]
async fn refreshes_what_cannot_be_kept(_n: u8) -> Handle {
    Handle
}

#[execution_cache(cache_err)]
async fn fails_later_with_what_cannot_be_kept(_n: u8) -> Result<u8, std::io::Error> {
    Ok(1)
}

#[execution_cache]
async fn returns_what_no_other_thread_may_have(_n: u8) -> std::rc::Rc<u8> {
    1.into()
}

#[execution_cache(codec = NotShared::default())]
fn writes_with_what_no_other_thread_may_have(_n: u8) -> u8 {
    1
}

#[derive(Default)]
struct NotShared(std::cell::Cell<u8>);

impl ecache_core::execution_cache::Codec<u8> for NotShared {
    fn encode(
        &self,
        _: &u8,
    ) -> Result<ecache_core::value::Value, ecache_core::execution_cache::CodecError> {
        unreachable!("it is not compiled")
    }

    fn decode(
        &self,
        _: ecache_core::value::Value,
    ) -> Result<u8, ecache_core::execution_cache::CodecError> {
        Ok(self.0.get())
    }
}

#[execution_cache(codec = Handle)]
fn writes_with_no_codec(_n: u8) -> u8 {
    1
}

fn main() {}
