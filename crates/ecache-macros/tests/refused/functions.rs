use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache]
const fn constant(_ctx: &ExecutionContext) -> u8 {
    1
}

#[execution_cache]
unsafe fn dangerous(_ctx: &ExecutionContext) -> u8 {
    1
}

#[execution_cache]
struct Model;

#[execution_cache]
extern "C" fn of_another_language(_ctx: &ExecutionContext) -> u8 {
    1
}

#[execution_cache]
fn bool(n: u8) -> bool {
    n > 0
}

fn main() {}
