use ecache_macros::execution_cache;

struct ExecutionContext;

#[execution_cache]
fn fills(_ctx: &ExecutionContext, _rows: &mut Vec<u8>) -> u8 {
    1
}

#[execution_cache]
fn fills_if_it_may(_ctx: &ExecutionContext, _rows: Option<&mut Vec<u8>>) -> u8 {
    1
}

#[execution_cache]
fn shows(_ctx: &ExecutionContext, _what: &dyn std::fmt::Display) -> u8 {
    1
}

struct Model;

impl Model {
    #[execution_cache(self_key = none)]
    fn learns(&mut self, _ctx: &ExecutionContext) -> u8 {
        1
    }
}

#[execution_cache]
fn takes_more_in_some_builds(_ctx: &ExecutionContext, #[cfg(test)] _count: u8) -> u8 {
    1
}

fn main() {}
