use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache(stale = "1h")]
fn never_old(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(stale_if_error = "1h")]
fn never_old_either(_ctx: &ExecutionContext, _path: &str) -> Result<u8, ()> {
    Ok(1)
}

#[execution_cache(ttl = 60, spawn = spawn)]
async fn never_refreshed(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = 60, stale = 60, spawn = spawn)]
fn refreshed_by_a_thread(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = 60, stale = 60)]
fn outlived<'a>(_text: std::borrow::Cow<'a, str>) -> u8 {
    1
}

#[execution_cache(ttl = 60, stale = 60)]
fn outlived_within(_texts: &[&str]) -> u8 {
    1
}

fn main() {}
