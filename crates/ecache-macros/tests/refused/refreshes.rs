use ecache_core::execution_cache;
use std::cell::Cell;
use std::rc::Rc;

pub struct Handle;

#[execution_cache(ttl = 1, stale = 1)]
fn takes_what_cannot_be_sent(_n: Rc<u8>) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1, key_fn = |_: &Rc<u8>| 1)]
fn borrows_what_cannot_be_sent(_n: &Rc<u8>) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1)]
async fn takes_later_what_cannot_be_sent(_n: Rc<u8>) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1)]
async fn shares_what_cannot_be_shared(_n: &Cell<u8>) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1)]
async fn holds_what_cannot_be_sent(_n: u8) -> u8 {
    let held = Rc::new(1);
    std::future::ready(1).await;
    *held
}

#[execution_cache(ttl = 1, stale = 1, key_fn = |_: &Handle| 1)]
fn borrows_what_cannot_be_copied(_handle: &Handle) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1)]
fn borrows_a_type_without_a_name(_n: &(impl serde::Serialize + Send + 'static)) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1)]
fn takes_a_type_that_may_not_be_sent<T: serde::Serialize>(_n: T) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1)]
fn takes_a_type_that_may_borrow<T: serde::Serialize + Send>(_n: T) -> u8 {
    1
}

#[derive(Clone)]
struct Model(Rc<u8>);

impl Model {
    #[execution_cache(ttl = 1, stale = 1, self_key = self.0)]
    async fn cannot_be_sent_itself(&self) -> u8 {
        1
    }
}

#[execution_cache(ttl = 1, stale = 1, spawn = 5)]
async fn spawned_by_a_number(_n: u8) -> u8 {
    1
}

#[execution_cache(ttl = 1, stale = 1, spawn = |_: u8| 5)]
async fn spawned_by_another_function(_n: u8) -> u8 {
    1
}

fn main() {}
