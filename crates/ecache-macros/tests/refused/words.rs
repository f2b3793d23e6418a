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

fn main() {}
