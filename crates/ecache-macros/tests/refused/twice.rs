use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache(user_scoped)]
#[execution_cache(ttl)]
fn cached_once(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

fn main() {}
