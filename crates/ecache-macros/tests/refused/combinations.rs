use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache(max_size = 8, residency = "transient")]
fn bounds_what_is_not_there(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(serialize = to_text)]
fn is_written_and_not_read(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(deserialize = from_text)]
fn is_read_and_not_written(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = 1, ttl = 2)]
fn lives_twice(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(max_bytes = 8, residency = "transient")]
fn bounds_bytes_that_are_not_there(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(max_size = 0, residency = "ephemeral")]
fn is_kept_nowhere(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = 60, stale_if_error = 60, cache_err)]
fn keeps_and_replaces_an_err(_ctx: &ExecutionContext, _path: &str) -> Result<u8, ()> {
    Ok(1)
}

#[execution_cache(link_to_dataset)]
fn of_no_dataset(_path: &str) -> u8 {
    1
}

fn main() {}
