use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache]
fn changes_its_context(_ctx: &mut ExecutionContext) -> u8 {
    1
}

#[execution_cache]
fn owns_its_context(_ctx: ExecutionContext) -> u8 {
    1
}

#[execution_cache]
fn context_behind(_path: &str, _ctx: &ExecutionContext) -> u8 {
    1
}

#[execution_cache(cache = CACHE)]
fn two_caches(_ctx: &ExecutionContext) -> u8 {
    1
}

#[execution_cache(user_scoped)]
fn of_no_user(_path: &str) -> u8 {
    1
}

#[execution_cache(cache = "store.db")]
fn in_a_file(_path: &str) -> u8 {
    1
}

fn main() {}
