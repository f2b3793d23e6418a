use ecache_macros::execution_cache;

#[execution_cache(size = 100)]
fn bounded(_n: u8) -> u8 {
    1
}

#[execution_cache(time = 60)]
fn timed(_n: u8) -> u8 {
    1
}

#[execution_cache(key = "String", convert = "{ n.to_string() }")]
fn keyed(_n: u8) -> u8 {
    1
}

#[execution_cache(convert = "{ n.to_string() }")]
fn converted(_n: u8) -> u8 {
    1
}

#[execution_cache(result = true)]
fn fails(_n: u8) -> Result<u8, ()> {
    Ok(1)
}

#[execution_cache(codec = Packed, serialize = pack, deserialize = unpack)]
fn written_twice(_n: u8) -> u8 {
    1
}

fn main() {}
