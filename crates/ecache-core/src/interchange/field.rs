//! One value as a database keeps it, for the backend that reads it there.

use super::bson;
use super::extended_json;
use super::parts::Given;
use super::reader::Problem;
use super::record::{DocumentError, foreign_value, normal_text};
use crate::python_json::Json;
use crate::value::Value;

/// Reads the value of the one field that a BSON document has, as that of a document of FiftyOne's.
pub(crate) fn value_of_bson(document: &[u8]) -> Result<Value, Problem> {
    Ok(foreign_value(field(document)?)?)
}

/// Reads the same as JSON text, whatever it is.
pub(crate) fn json_of_bson(document: &[u8]) -> Result<String, Problem> {
    Ok(normal_text(field(document)?)?)
}

fn field(document: &[u8]) -> Result<Given<'static>, Problem> {
    let member = bson::decode(document)?.members.pop();
    let json = match member {
        Some((_, given)) => given.into_json(),
        None => return Err(DocumentError::Missing { field: "value" }.into()),
    };
    Ok(Given::Parsed { json, text: None })
}

/// The milliseconds since 1970 of the content of a `$date`, if it is spelled in the normal form.
pub(crate) fn normal_date(content: &Json) -> Option<i64> {
    let json = extended_json::object([("$date", content.clone())]);
    let mut normal = json.clone();
    let millis = extended_json::date_millis(&json).ok()??;
    let form = extended_json::normalise(&mut normal).ok()?;
    (form == extended_json::Form::Normal).then_some(millis)
}
