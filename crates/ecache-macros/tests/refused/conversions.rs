use ecache_core::execution_cache;
use std::time::Duration;

pub struct Handle;

#[execution_cache(serialize = as_handle, deserialize = of_text)]
fn written_as_what_cannot_be_stored(_n: u8) -> u8 {
    1
}

#[execution_cache(serialize = as_text, deserialize = of_handle)]
fn read_from_what_cannot_be_read(_n: u8) -> u8 {
    1
}

fn as_handle(_: &u8) -> Handle {
    Handle
}

fn of_handle(_: Handle) -> u8 {
    1
}

fn as_text(number: &u8) -> String {
    number.to_string()
}

fn of_text(_: String) -> u8 {
    1
}

#[execution_cache(serialize = |n: u8| n, deserialize = |n: u8| n)]
fn written_by_value(_n: u8) -> u8 {
    1
}

#[execution_cache(ttl_fn = |_: u8| Duration::ZERO)]
fn lasts_by_value(_n: u8) -> u8 {
    1
}

#[execution_cache(key_fn = |_: &u8| Handle)]
fn keyed_by_a_handle(_n: u8) -> u8 {
    1
}

#[execution_cache(key_fn = handle_if_it_can)]
fn keyed_by_a_handle_if_it_can(_n: u8) -> u8 {
    1
}

fn handle_if_it_can(_: &u8) -> Result<Handle, String> {
    Ok(Handle)
}

#[execution_cache(key_fn = |_: &u8| 1)]
fn keyed_and_not_kept(_n: u8) -> Handle {
    Handle
}

#[execution_cache]
fn views_what_is_in_no_key(_n: impl AsRef<Handle>) -> u8 {
    1
}

#[execution_cache]
fn may_return_a_borrowed_value<T>(value: T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned + Clone + Send + Sync,
{
    value
}

#[execution_cache]
async fn may_return_later_a_borrowed_value<T>(value: T) -> T
where
    T: serde::Serialize + serde::de::DeserializeOwned + Clone + Send + Sync,
{
    value
}

#[execution_cache(ttl = )]
fn lives_nothing(_n: u8) -> u8 {
    1
}

fn main() {}
