use ecache_core::execution_cache;
use std::time::Duration;

#[execution_cache(ttl_fn = no_lifetime)]
fn lives_a_number(_n: u8) -> u8 {
    1
}

fn no_lifetime(_: &u8) -> u8 {
    1
}

#[execution_cache(ttl = true == true)]
fn lives_a_truth(_n: u8) -> u8 {
    1
}

#[execution_cache(key_fn = of_nothing)]
fn keyed_by_nothing(_n: u8) -> u8 {
    1
}

fn of_nothing() -> u8 {
    1
}

#[execution_cache(key_fn = handle)]
fn keyed_by_a_handle(_n: u8) -> u8 {
    1
}

struct Handle;

fn handle(_: &u8) -> Handle {
    Handle
}

#[execution_cache(cache = LIFETIME)]
fn cached_in_a_lifetime(_n: u8) -> u8 {
    1
}

static LIFETIME: Duration = Duration::ZERO;

#[execution_cache(store_name = 5)]
fn kept_in_a_number(_n: u8) -> u8 {
    1
}

#[execution_cache(store_name = LIFETIME)]
fn kept_in_a_lifetime(_n: u8) -> u8 {
    1
}

#[execution_cache(version = Handle)]
fn of_no_version(_n: u8) -> u8 {
    1
}

#[execution_cache(serialize = as_text, deserialize = as_truth)]
fn read_as_something_else(_n: u8) -> u8 {
    1
}

fn as_text(number: &u8) -> String {
    number.to_string()
}

fn as_truth(text: String) -> bool {
    text.is_empty()
}

impl Handle {
    #[execution_cache(self_key = self.nothing)]
    fn has_no_such_part(&self, _n: u8) -> u8 {
        1
    }
}

struct Owner {
    handle: Handle,
}

impl Owner {
    #[execution_cache(self_key = self.handle)]
    fn has_a_part_in_no_key(&self, _n: u8) -> u8 {
        1
    }

    #[execution_cache(self_key = none, ttl = 60, stale = 60)]
    fn cannot_outlive_its_call(&self, _n: u8) -> u8 {
        1
    }
}

fn lifetime_of_all(_: &Option<u8>) -> std::time::Duration {
    std::time::Duration::from_secs(1)
}

#[execution_cache(ttl_fn = lifetime_of_all, cache_none = false)]
fn lasts(_path: &str) -> Option<u8> {
    None
}

struct Unwritten;

#[execution_cache]
fn in_a_pattern((_number, _unwritten): (u8, Unwritten)) -> u8 {
    1
}

fn main() {}
