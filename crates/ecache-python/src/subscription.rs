//! Subscriptions to the changes of a store: threads that call Python.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ecache_core::error::Result;
use ecache_core::execution_store::{Change, ExecutionStore, Subscription};
use ecache_core::time::{Clock, SystemClock};
use pyo3::prelude::*;

use crate::per_process::PerProcess;
use crate::stored_form::{self, Parsed};
use crate::{shutdown, warnings};

/// The subscriptions of this process. A forked child has none: it lacks the threads.
///
/// The lock is taken with the interpreter's lock held, and nothing in it releases that.
static SUBSCRIPTIONS: PerProcess<Mutex<HashMap<String, Subscription>>> = PerProcess::new();

/// A change of a store, as FiftyOne's `MessageData`.
#[pyclass(frozen, get_all, module = "execution_cache")]
pub struct Message {
    key: String,
    value: Option<Py<PyAny>>,
    metadata: Py<MessageMetadata>,
}

/// The circumstances of a change.
#[pyclass(frozen, get_all, module = "execution_cache")]
pub struct MessageMetadata {
    operation_type: &'static str,
    dataset_id: Option<String>,
    timestamp: String,
}

/// Adds a subscription; returns its name.
pub fn add(subscription: Subscription) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = format!("subscription-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    lock(SUBSCRIPTIONS.get_or_make(Mutex::default)).insert(name.clone(), subscription);
    name
}

/// Ends a subscription; returns whether there was one. Waits for a callback that runs.
pub fn end(py: Python<'_>, name: &str) -> bool {
    let ended = SUBSCRIPTIONS
        .get()
        .and_then(|subscriptions| lock(subscriptions).remove(name));
    let was_there = ended.is_some();
    // Its end waits for the callback, which may wait for the interpreter's lock.
    shutdown::detach(py, move || drop(ended));
    was_there
}

/// Ends all subscriptions.
pub fn end_all(py: Python<'_>) {
    let ended = SUBSCRIPTIONS
        .get()
        .map(|subscriptions| std::mem::take(&mut *lock(subscriptions)));
    shutdown::detach(py, move || drop(ended));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a change to a callback. What either fails with becomes a warning of the next call.
pub fn call(callback: &Py<PyAny>, store: &ExecutionStore, change: Result<Change>) {
    let name = &store.address().store_name;
    let called = change
        .and_then(|change| {
            let value = match &change {
                Change::Created(entry) | Change::Updated(entry) => store.get(&entry.address.key)?,
                Change::Deleted(_) => None,
            };
            Ok((change, value.map(Parsed::of)))
        })
        .map_err(|error| error.to_string())
        .and_then(|(change, value)| {
            let value = value.transpose()?;
            let called = shutdown::attach_to_compute(|py| {
                let message = message(py, store, &change, value)?;
                callback.call1(py, (message,)).map(drop)
            });
            called.map_err(|error: PyErr| error.to_string())
        });
    if let Err(error) = called {
        warnings::add(format!("a subscriber of {name} missed a change: {error}"));
    }
}

fn message(
    py: Python<'_>,
    store: &ExecutionStore,
    change: &Change,
    value: Option<Parsed>,
) -> PyResult<Message> {
    let metadata = MessageMetadata {
        operation_type: match change {
            Change::Created(_) => "insert",
            Change::Updated(_) => "update",
            Change::Deleted(_) => "delete",
        },
        dataset_id: store.address().dataset_id.as_deref().map(str::to_owned),
        timestamp: SystemClock.now().to_string(),
    };
    let value = value
        .map(|value| stored_form::from_value(py, value))
        .transpose()?;
    Ok(Message {
        key: change.key().to_string(),
        value: value.map(Bound::unbind),
        metadata: Py::new(py, metadata)?,
    })
}
