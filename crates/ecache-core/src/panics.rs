//! Turns panics of a program's own code into errors: a function does not fail over its cache.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The payload of a panic.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs `run`, whose errors are texts; a panic is one of them.
pub(crate) fn caught<T, E: From<String>>(run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    // Nothing that `run` left half done is used afterwards.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(reason(panic).into()))
}

/// Runs `run`. Not generic, since it is called for each type of results.
///
/// # Errors
/// The payload of its panic.
pub(crate) fn caught_once(run: &mut dyn FnMut()) -> Result<(), Payload> {
    catch_unwind(AssertUnwindSafe(run))
}

/// Runs a future.
///
/// # Errors
/// The payload of its panic.
pub(crate) async fn caught_async<T>(run: impl Future<Output = T>) -> Result<T, Payload> {
    let mut run = pin!(run);
    std::future::poll_fn(|context| {
        // A future that panicked is not polled again.
        match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(context))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// Returns the reason that a panic is for an error.
#[cold]
pub(crate) fn reason(panic: Payload) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let Some(text) = text else {
        // A payload of another type may panic when it is dropped.
        std::mem::forget(panic);
        return "it panicked without a message".into();
    };
    format!("it panicked: {text}")
}
