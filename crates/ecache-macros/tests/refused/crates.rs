use ecache_core::execution_cache;

#[execution_cache(crate = nothing)]
fn of_no_crate(_n: u8) -> u8 {
    1
}

fn main() {}
