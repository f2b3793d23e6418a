//! Holds a value of the program's own types, whose `Drop` may panic.

use std::any::type_name;
use std::mem::ManuallyDrop;
use std::sync::Mutex;

use super::failures::report;
use crate::panics::{caught_once, reason};
use crate::sync::lock;

/// A value; `None` once it has been taken.
pub(in super::super) struct Holder<T>(Option<T>);

impl<T> Holder<T> {
    pub(in super::super) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(in super::super) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    pub(in super::super) fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// The cache drops values at times that are not the function's, such as when another one needs the
/// room in memory.
impl<T> Drop for Holder<T> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() && self.0.is_some() {
            quietly(type_name::<T>(), &mut || drop(self.0.take()));
        }
    }
}

/// A codec. It has the size of the codec, mostly none, so that its box needs no
/// memory.
pub(in super::super) struct CodecHolder<C>(ManuallyDrop<C>);

impl<C> CodecHolder<C> {
    pub(in super::super) fn new(codec: C) -> Self {
        Self(ManuallyDrop::new(codec))
    }

    pub(in super::super) fn get(&self) -> &C {
        &self.0
    }
}

impl<C> Drop for CodecHolder<C> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<C>() {
            // SAFETY: the codec is not used after its holder is dropped.
            drop(Holder::new(unsafe { ManuallyDrop::take(&mut self.0) }));
        }
    }
}

fn quietly(of: &'static str, drop: &mut dyn FnMut()) {
    if let Err(panic) = caught_once(drop) {
        warn(of, &reason(panic));
    }
}

/// Warns of a type once.
#[cold]
fn warn(of: &'static str, why: &str) {
    static WARNED: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    let mut warned = lock(&WARNED);
    if warned.contains(&of) {
        return;
    }
    warned.push(of);
    drop(warned);
    report(
        log::Level::Warn,
        format_args!("the execution cache could not drop a {of}: {why}"),
    );
}
