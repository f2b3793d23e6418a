use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache]
fn without_arguments() -> u8 {
    1
}

#[execution_cache]
fn without_a_context(_path: String) -> u8 {
    1
}

#[execution_cache]
fn changes_its_context(_ctx: &mut ExecutionContext) -> u8 {
    1
}

fn main() {}
