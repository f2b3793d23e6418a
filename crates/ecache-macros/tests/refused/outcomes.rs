use ecache_core::execution_cache;

#[execution_cache(cache_none = false)]
fn never_none(_n: u8) -> u8 {
    1
}

#[execution_cache(cache_none = false)]
fn is_nothing(_n: u8) {}

#[execution_cache(cache_none = false)]
async fn never_none_later(_n: u8) -> Vec<Option<u8>> {
    Vec::new()
}

#[execution_cache(cache_err)]
fn never_fails(_n: u8) -> u8 {
    1
}

#[execution_cache(cache_err = "30s")]
fn never_fails_for_a_while(_n: u8) -> Option<u8> {
    None
}

#[execution_cache(cache_err, cache_none = false)]
fn fails_and_is_never_none(_n: u8) -> Result<u8, String> {
    Ok(1)
}

#[execution_cache(ttl = 60, stale_if_error = 60)]
fn is_stale_after_no_error(_n: u8) -> Option<u8> {
    None
}

fn main() {}
