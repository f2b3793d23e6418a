//! FiftyOne's stored form of Python's values: from objects to JSON, and back.
//!
//! Types that JSON and FiftyOne know are converted here, all others by `_forms.py`, which is
//! imported for the first of them. An object whose type is not exactly one of these has no form,
//! since a subclass would be read back as its base.
//!
//! Designs considered: a serde `Serialize` for objects (no tree, but serde has neither integers
//! beyond 128 bits nor lone surrogates), Python's `json` (2 µs for a small dict, and FiftyOne's
//! classes on top), and the core's JSON tree (chosen: all of Python's values, one place each way).

use ecache_core::python_json::{Json, MAX_DEPTH, PyString as JsonString};
use ecache_core::value::{Kind, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};

/// The use of a stored form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It is read back as the same value
    Value,
    /// It is hashed: FiftyOne's form of any object, if it has one
    FiftyOnesKey,
    /// It is hashed: a form for each type
    Key,
    /// It is a form already, as an object's `to_dict` makes it
    Raw,
}

/// Classes that are read here.
const CLASSES: [&str; 6] = ["tuple", "set", "frozenset", "bytes", "dict", "kwargs"];

/// The class of a FiftyOne sample: its fields are beside the class.
const SAMPLE: &str = "fiftyone.core.sample.Sample";

/// The magic bytes of NumPy's file format.
const NUMPY: &[u8] = b"\x93NUMPY";

/// Returns the module with the forms of further types.
pub fn forms(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static FORMS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("execution_cache._forms").map(Bound::unbind);
    Ok(FORMS.get_or_try_init(py, import)?.bind(py))
}

/// Returns the module with the forms of arguments.
fn arguments(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static ARGUMENTS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("execution_cache._arguments").map(Bound::unbind);
    Ok(ARGUMENTS.get_or_try_init(py, import)?.bind(py))
}

/// Returns the stored value of an object.
///
/// # Errors
/// `TypeError` or `ValueError` if it has no form.
pub fn to_value(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(bytes) = object.cast_exact::<PyBytes>()
        && !bytes.as_bytes().starts_with(NUMPY)
    {
        return Ok(Value::bytes(bytes.as_bytes()));
    }
    let stored = to_json(object, Purpose::Value).map_err(|error| formless(object.py(), error))?;
    if class(&stored) == Some("numpy.ndarray")
        && let Some(array) = stored.get("value")
    {
        // Without base64, as the Rust library stores its own arrays of numbers.
        return Ok(Value::from_stored(array));
    }
    let mut value = Value::from_stored(&stored);
    if value.kind == Kind::Bytes {
        // Bytes that look like an array stay in the form that says what they are.
        value = Value::json(stored.dumps()).map_err(|error| refused(&error))?;
    }
    Ok(value)
}

/// Returns the object that a stored value stands for.
///
/// # Errors
/// If it stands for none.
pub fn from_value<'py>(py: Python<'py>, value: Parsed) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Parsed::Text(text) => Ok(PyString::new(py, &text).into_any()),
        Parsed::Bytes(bytes) if bytes.starts_with(NUMPY) => {
            let bytes = PyBytes::new(py, &bytes).into_any();
            match restore("numpy.ndarray", bytes.clone()) {
                // They only begin like an array.
                Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(bytes),
                restored => restored,
            }
        }
        Parsed::Bytes(bytes) => Ok(PyBytes::new(py, &bytes).into_any()),
        Parsed::Json(json) => from_json(py, &json),
    }
}

/// A stored value, parsed without the interpreter's lock.
pub enum Parsed {
    Text(String),
    Bytes(Vec<u8>),
    Json(Json),
}

impl Parsed {
    /// Parses a stored value.
    ///
    /// # Errors
    /// If it is the output of a command, or not of its kind.
    pub fn of(value: Value) -> Result<Self, String> {
        match value.kind {
            Kind::Text => String::from_utf8(value.bytes)
                .map(Self::Text)
                .map_err(|error| error.to_string()),
            Kind::Bytes => Ok(Self::Bytes(value.bytes)),
            Kind::Json => Json::parse(&value.bytes)
                .map(Self::Json)
                .map_err(|error| error.to_string()),
            Kind::Command => Err("it is the output of a command".into()),
        }
    }
}

/// Returns the stored form of an object.
///
/// # Errors
/// `TypeError` or `ValueError` if it has none.
pub fn to_json(object: &Bound<'_, PyAny>, purpose: Purpose) -> PyResult<Json> {
    Writer { purpose, depth: 0 }.json(object)
}

/// Returns the exception of an object without a form, of one type whatever the reason.
fn formless(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<PyValueError>(py) {
        PyTypeError::new_err(error.value(py).to_string())
    } else {
        error
    }
}

fn refused(error: &dyn std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Writes the members of an object.
#[derive(Clone, Copy)]
struct Writer {
    purpose: Purpose,
    depth: usize,
}

impl Writer {
    fn json(self, object: &Bound<'_, PyAny>) -> PyResult<Json> {
        if self.depth >= MAX_DEPTH {
            let message = format!("it is nested deeper than {MAX_DEPTH}");
            return Err(PyValueError::new_err(message));
        }
        let within = Self {
            depth: self.depth + 1,
            ..self
        };
        if object.is_none() {
            Ok(Json::Null)
        } else if let Ok(text) = object.cast_exact::<PyString>() {
            string(text).map(Json::String)
        } else if let Ok(boolean) = object.cast_exact::<PyBool>() {
            Ok(Json::Bool(boolean.is_true()))
        } else if object.is_exact_instance_of::<PyInt>() {
            integer(object)
        } else if let Ok(float) = object.cast_exact::<PyFloat>() {
            Ok(Json::Float(float.value()))
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            within.list(list.iter())
        } else if let Ok(dict) = object.cast_exact::<PyDict>() {
            within.dict(dict)
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            match self.purpose {
                Purpose::Raw => within.list(tuple.iter()),
                _ => Ok(tagged("tuple", "values", within.list(tuple.iter())?)),
            }
        } else if let Ok(set) = object.cast_exact::<PySet>() {
            within.members("set", set.iter())
        } else if let Ok(set) = object.cast_exact::<PyFrozenSet>() {
            within.members("frozenset", set.iter())
        } else if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            let stored = Value::bytes(bytes.as_bytes()).to_stored();
            stored.map_err(|error| refused(&error))
        } else {
            within.other(object)
        }
    }

    fn list<'py>(self, members: impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<Json> {
        let members = members.map(|member| self.json(&member));
        members.collect::<PyResult<_>>().map(Json::Array)
    }

    /// Returns the form of a set, whose own order differs from one process to the next.
    fn members<'py>(
        self,
        class: &str,
        members: impl Iterator<Item = Bound<'py, PyAny>>,
    ) -> PyResult<Json> {
        let members = members.map(|member| self.json(&member));
        let mut members = members.collect::<PyResult<Vec<_>>>()?;
        members.sort_by_cached_key(Json::dumps_sorted);
        Ok(tagged(class, "values", Json::Array(members)))
    }

    fn dict(self, dict: &Bound<'_, PyDict>) -> PyResult<Json> {
        let mut entries = Vec::with_capacity(dict.len());
        for (key, value) in dict {
            let name = match (key.cast_exact::<PyString>(), self.purpose) {
                (Ok(key), _) => string(key)?,
                (Err(_), Purpose::Raw) => string(&key.str()?)?,
                (Err(_), _) => return self.pairs(dict),
            };
            entries.push((name, self.json(&value)?));
        }
        let json = Json::Object(entries);
        match class(&json) {
            Some(class) if self.purpose != Purpose::Raw && is_known(dict.py(), class)? => {
                self.pairs(dict)
            }
            _ => Ok(json),
        }
    }

    /// Returns the form of a dict that JSON has no object for: its keys are not all strings, or it
    /// looks like another value.
    fn pairs(self, dict: &Bound<'_, PyDict>) -> PyResult<Json> {
        let mut pairs = Vec::with_capacity(dict.len());
        for (key, value) in dict {
            pairs.push(Json::Array(vec![self.json(&key)?, self.json(&value)?]));
        }
        if self.purpose != Purpose::Value {
            pairs.sort_by_cached_key(Json::dumps_sorted);
        }
        Ok(tagged("dict", "values", Json::Array(pairs)))
    }

    /// Returns the form of an object of another type.
    fn other(self, object: &Bound<'_, PyAny>) -> PyResult<Json> {
        let function = match self.purpose {
            Purpose::Value => "reduce",
            Purpose::FiftyOnesKey => "reduce_argument",
            Purpose::Key => "reduce_own_argument",
            Purpose::Raw => "reduce_raw",
        };
        let module = match self.purpose {
            Purpose::Value => forms(object.py())?,
            _ => arguments(object.py())?,
        };
        let reduced = module.call_method1(function, (object,))?;
        let (class, content): (Option<String>, Bound<'_, PyAny>) = reduced.extract()?;
        match class.as_deref() {
            None => Self {
                purpose: Purpose::Raw,
                ..self
            }
            .json(&content),
            Some("") => self.json(&content),
            Some(SAMPLE) => match to_json(&content, Purpose::Raw)? {
                Json::Object(mut entries) => {
                    entries.insert(0, ("_cls".into(), SAMPLE.into()));
                    Ok(Json::Object(entries))
                }
                other => Ok(other),
            },
            Some(class) => Ok(tagged(class, "value", self.json(&content)?)),
        }
    }
}

/// Returns the dict that stands for a value of a class.
pub fn tagged(class: &str, field: &str, content: Json) -> Json {
    Json::Object(vec![("_cls".into(), class.into()), (field.into(), content)])
}

fn string(text: &Bound<'_, PyString>) -> PyResult<JsonString> {
    match text.to_str() {
        Ok(text) => Ok(text.into()),
        // A lone surrogate, which JSON spells as an escape.
        Err(_) => {
            // JSON makes one character of two surrogates that are none.
            let escaped = ("utf-16", "surrogatepass");
            let read = text.call_method1("encode", escaped)?;
            if !read.call_method1("decode", escaped)?.eq(text)? {
                return Err(PyValueError::new_err(
                    "a string with two surrogates in the place of a character has no stored form",
                ));
            }
            let spelled = text.py().import("json")?.call_method1("dumps", (text,))?;
            match Json::parse(spelled.extract::<String>()?.as_bytes()) {
                Ok(Json::String(string)) => Ok(string),
                _ => Err(PyValueError::new_err("a string that is none in JSON")),
            }
        }
    }
}

fn integer(object: &Bound<'_, PyAny>) -> PyResult<Json> {
    if let Ok(integer) = object.extract::<i64>() {
        return Ok(Json::Integer(integer));
    }
    let digits = object.str()?.to_str()?.to_owned();
    Ok(Json::BigInteger(digits.into()))
}

/// Reports whether a dict of this class stands for another value.
fn is_known(py: Python<'_>, class: &str) -> PyResult<bool> {
    if CLASSES.contains(&class) {
        return Ok(true);
    }
    forms(py)?.call_method1("knows", (class,))?.is_truthy()
}

/// Returns the class that a dict says it is of.
fn class(json: &Json) -> Option<&str> {
    json.get("_cls").and_then(Json::as_str)
}

/// Returns the object that a stored form stands for.
///
/// # Errors
/// If a class is known and its content is not of it.
pub fn from_json<'py>(py: Python<'py>, json: &Json) -> PyResult<Bound<'py, PyAny>> {
    Ok(match json {
        Json::Null => py.None().into_bound(py),
        Json::Bool(boolean) => PyBool::new(py, *boolean).to_owned().into_any(),
        Json::Integer(integer) => integer.into_pyobject(py)?.into_any(),
        Json::BigInteger(digits) => py.get_type::<PyInt>().call1((&**digits,))?,
        Json::Float(float) => PyFloat::new(py, *float).into_any(),
        Json::String(text) => read_string(py, text)?,
        Json::Array(values) => read_list(py, values)?.into_any(),
        Json::Object(entries) => match class(json) {
            Some(class) => read_class(py, class, json, entries)?,
            None => read_dict(py, entries)?,
        },
    })
}

fn read_string<'py>(py: Python<'py>, text: &JsonString) -> PyResult<Bound<'py, PyAny>> {
    match text.as_str() {
        Some(text) => Ok(PyString::new(py, text).into_any()),
        None => {
            let spelled = Json::String(text.clone()).dumps();
            py.import("json")?.call_method1("loads", (spelled,))
        }
    }
}

fn read_list<'py>(py: Python<'py>, values: &[Json]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for value in values {
        list.append(from_json(py, value)?)?;
    }
    Ok(list)
}

fn read_dict<'py>(py: Python<'py>, entries: &[(JsonString, Json)]) -> PyResult<Bound<'py, PyAny>> {
    let dict = PyDict::new(py);
    for (key, value) in entries {
        dict.set_item(read_string(py, key)?, from_json(py, value)?)?;
    }
    Ok(dict.into_any())
}

fn read_class<'py>(
    py: Python<'py>,
    class: &str,
    json: &Json,
    entries: &[(JsonString, Json)],
) -> PyResult<Bound<'py, PyAny>> {
    match (class, json.get("values"), json.get("value")) {
        ("tuple", Some(Json::Array(values)), _) => Ok(read_list(py, values)?.to_tuple().into_any()),
        ("set", Some(Json::Array(values)), _) => {
            Ok(PySet::new(py, read_list(py, values)?)?.into_any())
        }
        ("frozenset", Some(Json::Array(values)), _) => {
            Ok(PyFrozenSet::new(py, read_list(py, values)?)?.into_any())
        }
        ("dict", Some(Json::Array(pairs)), _) => {
            let dict = PyDict::new(py);
            for pair in pairs {
                let pair = from_json(py, pair)?;
                dict.set_item(pair.get_item(0)?, pair.get_item(1)?)?;
            }
            Ok(dict.into_any())
        }
        ("bytes", _, Some(_)) => {
            let value = Value::from_stored(json);
            match value.kind {
                Kind::Bytes => Ok(PyBytes::new(py, &value.bytes).into_any()),
                _ => read_dict(py, entries),
            }
        }
        (SAMPLE, ..) => restore(SAMPLE, read_dict(py, entries)?),
        (class, _, Some(value)) if is_known(py, class)? => restore(class, from_json(py, value)?),
        _ => read_dict(py, entries),
    }
}

fn restore<'py>(class: &str, content: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    forms(content.py())?.call_method1("restore", (class, content))
}
