//! Arguments of a call, as its key has them.
//!
//! They are bound by names that were read from the function once. Importing `inspect` takes 13 ms,
//! and `Signature.bind` 1.5 µs a call.

use ecache_core::key::Preimage;
use ecache_core::stored::StoredError;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::stored_form::{self, Purpose};

/// The parameters of a function.
pub struct Parameters {
    /// The names of the positional ones
    pub positional: Vec<Py<PyString>>,
    /// The number of those that cannot be given by name
    pub unnamed: usize,
    /// The defaults of the last of them
    pub defaults: Vec<Py<PyAny>>,
    /// The position of the context, if there is one
    pub ctx: Option<usize>,
    /// The number of leading parameters that are not arguments: `self` and the context
    pub skipped: usize,
    /// Makes the arguments, in FiftyOne's way
    pub key_fn: Option<Py<PyAny>>,
    /// Makes an argument of `self`
    pub self_key: Option<Py<PyAny>>,
}

/// The arguments of one call.
#[derive(Clone, Copy)]
pub struct Given<'a, 'py> {
    pub args: &'a Bound<'py, PyTuple>,
    pub kwargs: Option<&'a Bound<'py, PyDict>>,
}

impl<'py> Given<'_, 'py> {
    /// Returns a positional argument, which may be given by name.
    fn get(&self, at: usize, name: &Py<PyString>) -> Option<Bound<'py, PyAny>> {
        if let Ok(value) = self.args.get_item(at) {
            return Some(value);
        }
        self.kwargs?.get_item(name.bind(self.args.py())).ok()?
    }
}

impl Parameters {
    /// Returns the use of the arguments' forms. A function without a context is none of FiftyOne's.
    fn purpose(&self) -> Purpose {
        match self.ctx {
            Some(_) => Purpose::FiftyOnesKey,
            None => Purpose::Key,
        }
    }

    /// Returns the context of a call, if the function has one.
    ///
    /// # Errors
    /// FiftyOne's, if there is none in the call.
    pub fn context<'py>(&self, given: Given<'_, 'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(at) = self.ctx else { return Ok(None) };
        match given.get(at, &self.positional[at]) {
            Some(ctx) if !ctx.is_none() => Ok(Some(ctx)),
            _ => Err(PyValueError::new_err(
                "execution_cache requires the first argument to be an ExecutionContext",
            )),
        }
    }

    /// Returns the arguments in their stored form, for the key.
    ///
    /// # Errors
    /// The outer one is FiftyOne's, if a `key_fn` makes no key. The inner one says that an argument
    /// has no form.
    pub fn arguments(&self, given: Given<'_, '_>) -> PyResult<Result<Preimage, StoredError>> {
        let mut preimage = Preimage::default();
        if let Some(key_fn) = &self.key_fn {
            let made = self.made_by(key_fn, given)?;
            for argument in made.try_iter()? {
                if let Err(error) = self.push(&mut preimage, &argument?) {
                    return Ok(Err(error));
                }
            }
            return Ok(Ok(preimage));
        }
        Ok(self.push_all(&mut preimage, given).map(|()| preimage))
    }

    /// Returns the list or tuple that a `key_fn` makes.
    fn made_by<'py>(
        &self,
        key_fn: &Py<PyAny>,
        given: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let failed = |reason: &dyn std::fmt::Display| {
            PyValueError::new_err(format!("Failed to create custom cache key: {reason}"))
        };
        let made = key_fn.bind(given.args.py()).call(given.args, given.kwargs);
        let made = made.map_err(|error| {
            let py = given.args.py();
            if error.is_instance_of::<PyException>(py) {
                failed(error.value(py))
            } else {
                error
            }
        })?;
        if made.is_instance_of::<PyList>() || made.is_instance_of::<PyTuple>() {
            Ok(made)
        } else {
            Err(failed(&"Custom key function must return a tuple or list."))
        }
    }

    fn push_all(&self, preimage: &mut Preimage, given: Given<'_, '_>) -> Result<(), StoredError> {
        if let Some(self_key) = &self.self_key {
            let object = match self.positional.first() {
                Some(name) => given.get(0, name),
                None => given.args.get_item(0).ok(),
            };
            let missing = || StoredError::Refused("the object of a method is missing".into());
            let object = object.ok_or_else(missing)?;
            let part = self_key.bind(object.py()).call1((object,));
            self.push(preimage, &part.map_err(refused)?)?;
        }
        for argument in given.args.iter().skip(self.skipped) {
            self.push(preimage, &argument)?;
        }
        match given.kwargs {
            Some(kwargs) if !kwargs.is_empty() => self.push_named(preimage, given.args, kwargs),
            _ => Ok(()),
        }
    }

    /// Pushes named arguments: at their position those that have one, and the rest as one dict.
    ///
    /// Defaults fill the gaps before them. Trailing defaults are in no key, as in FiftyOne, but in
    /// the identity of the function.
    fn push_named(
        &self,
        preimage: &mut Preimage,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> Result<(), StoredError> {
        let py = args.py();
        let rest = kwargs.copy().map_err(refused)?;
        let first = args.len().max(self.skipped);
        let mut gap = Vec::new();
        for (at, name) in self.positional.iter().enumerate() {
            let name = name.bind(py);
            // A keyword of such a name is one of `**kwargs`.
            let named = if at < self.unnamed {
                None
            } else {
                rest.get_item(name).map_err(refused)?
            };
            // An argument that is given twice makes a key that no other call has.
            if named.is_some() && at >= args.len() {
                rest.del_item(name).map_err(refused)?;
            }
            if at < first {
                continue;
            }
            let Some(named) = named else {
                gap.push(self.default_of(at));
                continue;
            };
            for default in gap.drain(..) {
                let missing =
                    || StoredError::Refused(format!("an argument before {name} is missing"));
                self.push(preimage, default.ok_or_else(missing)?.bind(py))?;
            }
            self.push(preimage, &named)?;
        }
        if !rest.is_empty() {
            let entries = stored_form::to_json(&rest, self.purpose()).map_err(refused)?;
            preimage.push_json(&stored_form::tagged("kwargs", "values", entries));
        }
        Ok(())
    }

    fn push(
        &self,
        preimage: &mut Preimage,
        argument: &Bound<'_, PyAny>,
    ) -> Result<(), StoredError> {
        if let Ok(text) = argument.cast_exact::<PyString>()
            && let Ok(text) = text.to_str()
        {
            return preimage.push(text);
        }
        let form = stored_form::to_json(argument, self.purpose()).map_err(refused)?;
        preimage.push_json(&form);
        Ok(())
    }

    fn default_of(&self, at: usize) -> Option<&Py<PyAny>> {
        let first = self.positional.len() - self.defaults.len();
        self.defaults.get(at.checked_sub(first)?)
    }
}

fn refused(error: PyErr) -> StoredError {
    let message = crate::memory_copy::message_of(error);
    StoredError::Refused(format!("{message}; a key_fn makes a key of other parts"))
}
