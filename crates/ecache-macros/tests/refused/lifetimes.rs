use ecache_macros::execution_cache;

#[execution_cache]
fn of_nothing(text: &'a str) -> usize {
    text.len()
}

fn main() {}
