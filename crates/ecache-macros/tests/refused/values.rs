use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache(ttl)]
fn lives(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = "10 fortnights")]
fn lives_a_while(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(ttl = 0)]
fn does_not_live(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(user_scoped = 1)]
fn of_a_user(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

#[execution_cache(version = 1.5)]
fn between_versions(_ctx: &ExecutionContext, _path: &str) -> u8 {
    1
}

fn main() {}
