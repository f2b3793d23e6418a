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

fn main() {}
