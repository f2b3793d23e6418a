//! Results in memory: copies that no caller can change.
//!
//! A result is copied when it is kept and when it is handed out. How much there is to copy is found
//! out once: nothing for a number or a text, one call for a flat list or dict.

use std::sync::Arc;

use ecache_core::execution_cache::{Codec, CodecError};
use ecache_core::python_json::MAX_DEPTH;
use ecache_core::value::Value;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};

use crate::interrupt;
use crate::shutdown;
use crate::stored_form::{self, Parsed};

/// A result in memory.
#[derive(Clone)]
pub struct Kept(Arc<Inner>);

struct Inner {
    object: Py<PyAny>,
    copying: Copying,
}

/// The part of an object that others could change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copying {
    /// None of it
    Nothing,
    /// The object itself, whose members cannot be changed
    Shallow,
    /// Also members of it
    Deep,
    /// Unknown, since it has no stored form
    Impossible,
}

impl Kept {
    /// Copies a result. One without a stored form is taken as it is.
    pub fn of(result: &Bound<'_, PyAny>) -> Self {
        let (object, copying) = copy(result, 0).unwrap_or_else(|error| {
            interrupt::note(result.py(), &error);
            (result.clone(), Copying::Impossible)
        });
        Self::new(object, copying)
    }

    fn new(object: Bound<'_, PyAny>, copying: Copying) -> Self {
        let object = object.unbind();
        Self(Arc::new(Inner { object, copying }))
    }

    /// Reports whether callers would share the object, which any of them may change.
    pub fn is_shared(&self) -> bool {
        self.0.copying == Copying::Impossible
    }

    /// Returns a caller's own copy, or the object that all callers share.
    ///
    /// # Errors
    /// If the memory is used up.
    pub fn hand_out<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let object = self.0.object.bind(py);
        match self.0.copying {
            Copying::Nothing | Copying::Impossible => Ok(object.clone()),
            Copying::Shallow => shallow(object),
            Copying::Deep => copy(object, 0).map(|(object, _)| object),
        }
    }
}

/// Converts results to stored values and back, with the interpreter's lock for as long as objects
/// are touched.
#[derive(Clone, Copy)]
pub struct Stored;

impl Codec<Kept> for Stored {
    fn encode(&self, result: &Kept) -> Result<Value, CodecError> {
        let stored = shutdown::attach(|py| stored_form::to_value(result.0.object.bind(py)));
        stored.map_err(|error| {
            let message = message_of(error);
            CodecError::new(format!("{message}; serialize= can convert it"))
        })
    }

    fn decode(&self, value: Value) -> Result<Kept, CodecError> {
        let parsed = Parsed::of(value).map_err(CodecError::new)?;
        shutdown::attach(|py| {
            let object = stored_form::from_value(py, parsed).map_err(message_of)?;
            Ok(Kept::of(&object))
        })
    }

    /// Every value with a form comes back as it was; other types are refused when encoded.
    fn is_exact(&self) -> bool {
        true
    }
}

/// Returns the message of an exception. One like `KeyboardInterrupt` ends the call of this thread.
pub fn message_of(error: PyErr) -> CodecError {
    shutdown::attach(|py| {
        interrupt::note(py, &error);
        CodecError::new(error.value(py))
    })
}

/// Copies an object of one level.
fn shallow<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        Ok(dict.copy()?.into_any())
    } else if let Ok(list) = object.cast_exact::<PyList>() {
        Ok(list.get_slice(0, list.len()).into_any())
    } else if object.is_exact_instance_of::<PySet>() {
        object.call_method0("copy")
    } else {
        stored_form::forms(object.py())?.call_method1("copy", (object,))
    }
}

/// Copies an object as far as others could change it.
fn copy<'py>(object: &Bound<'py, PyAny>, depth: usize) -> PyResult<(Bound<'py, PyAny>, Copying)> {
    if depth > MAX_DEPTH {
        let message = format!("it is nested deeper than {MAX_DEPTH}");
        return Err(PyValueError::new_err(message));
    }
    if is_plain(object) {
        return Ok((object.clone(), Copying::Nothing));
    }
    let py = object.py();
    // The least that copies a container with what its members need.
    let mut copying = Copying::Shallow;
    let mut member = |member: Bound<'py, PyAny>| {
        let (copied, needs) = copy(&member, depth + 1)?;
        if needs != Copying::Nothing {
            copying = Copying::Deep;
        }
        Ok::<_, PyErr>(copied)
    };
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        let copied = PyDict::new(py);
        for (key, value) in dict {
            copied.set_item(member(key)?, member(value)?)?;
        }
        Ok((copied.into_any(), copying))
    } else if let Ok(list) = object.cast_exact::<PyList>() {
        let copied = PyList::empty(py);
        for value in list {
            copied.append(member(value)?)?;
        }
        Ok((copied.into_any(), copying))
    } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
        let copied = PyList::empty(py);
        for value in tuple {
            copied.append(member(value)?)?;
        }
        match copying {
            Copying::Deep => Ok((copied.to_tuple().into_any(), Copying::Deep)),
            _ => Ok((object.clone(), Copying::Nothing)),
        }
    } else if object.is_exact_instance_of::<PySet>() {
        for value in object.try_iter()? {
            member(value?)?;
        }
        Ok((shallow(object)?, Copying::Shallow))
    } else if object.is_exact_instance_of::<PyFrozenSet>() {
        for value in object.try_iter()? {
            member(value?)?;
        }
        Ok((object.clone(), Copying::Nothing))
    } else {
        let copied = stored_form::forms(py)?.call_method1("copy", (object,))?;
        let copying = if copied.is(object) {
            Copying::Nothing
        } else {
            Copying::Shallow
        };
        Ok((copied, copying))
    }
}

/// Reports whether an object is of a plain type that nothing can change.
fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyBytes>()
}
