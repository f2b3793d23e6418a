use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache(stale = "1h")]
fn never_old(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = 60, stale = "1h")]
async fn without_a_runtime(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

fn main() {}
