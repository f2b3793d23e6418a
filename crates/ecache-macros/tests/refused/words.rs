use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache(residency = "persistent")]
fn resides_nowhere(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(user_scopd)]
fn misspelled(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(verify = 10)]
fn cut_short(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(lifetime = 5)]
fn unknown(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl: 5)]
fn with_a_colon(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl(5))]
fn with_parentheses(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl == 5)]
fn compared(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache("ttl" = 5)]
fn quoted(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(store_name = "")]
fn without_a_name(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(max_bytes = "256 apples")]
fn bounded_by_fruit(_n: u8) -> u8 {
    1
}

#[execution_cache(max_size = "256MiB")]
fn bounded_by_bytes(_n: u8) -> u8 {
    1
}

#[execution_cache(residency = ecache_core::execution_cache::Residency::Transient, max_size = 8)]
fn bounds_no_memory(_n: u8) -> u8 {
    1
}

fn main() {}
