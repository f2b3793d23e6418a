//! `ecache config`: lists, reads and changes the user's settings.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::shared::view::fields;
use crate::cli::{ConfigArgs, ConfigVerb, FormatArgs};
use crate::config::{Config, KEYS, check_key, with_setting};
use crate::context::Context;
use crate::datasets::Datasets;
use crate::error::{Exit, usage_tip};
use crate::output::{Column, Format, escape, stdout};

pub(crate) fn run(context: &Context, args: ConfigArgs) -> Result<Exit> {
    match args.verb {
        None => list(context, args.format),
        Some(ConfigVerb::Ls(format)) => list(context, format),
        Some(ConfigVerb::Get { key }) => get(context.config()?, &key),
        Some(ConfigVerb::Set { key, value }) => change(context, &key, Some(&value)),
        Some(ConfigVerb::Unset { key }) => change(context, &key, None),
        Some(ConfigVerb::Path) => {
            writeln!(stdout(), "{}", file(context)?.display())?;
            Ok(Exit::Done)
        }
    }
}

fn file(context: &Context) -> Result<&Path> {
    let path = context.settings().path();
    path.ok_or_else(|| {
        usage_tip(
            "there is no file of settings",
            "leave out --no-config, and ECACHE_CONFIG=none",
        )
    })
}

fn list(context: &Context, format: FormatArgs) -> Result<Exit> {
    let columns = [
        Column::whole("setting"),
        Column::text("value"),
        Column::text("from"),
        Column::text("about"),
    ];
    let format = context.format(format.chosen());
    let is_table = format == Format::Table;
    let mut columns = columns;
    if is_table {
        // A sentence that is cut says nothing.
        columns[3] = columns[3].optional();
    }
    let mut rows = context.rows(format, &columns)?;
    let (settings, problem) = context.settings_in_force();
    for setting in settings {
        let origin = Some(setting.origin).filter(|origin| !(is_table && *origin == "default"));
        rows.row(&[
            setting.key.as_str().into(),
            setting.value.as_deref().into(),
            origin.into(),
            setting.about.into(),
        ])?;
    }
    rows.finish()?;
    if is_table {
        context.footer("a blank origin means the default; man ecache-config says what each is for");
    }
    problem.map_or(Ok(Exit::Done), Err)
}

fn get(config: &Config, key: &str) -> Result<Exit> {
    let in_file = config.all().into_iter().find(|(known, _)| known == key);
    let setting = KEYS.iter().find(|setting| setting.key == key);
    let value = match (in_file, setting) {
        (Some((_, value)), _) => value,
        (None, Some(setting)) if !setting.default.is_empty() => setting.default.to_owned(),
        (None, _) => {
            check_key(key)?;
            return Ok(Exit::No);
        }
    };
    writeln!(stdout(), "{}", escape::message(&value))?;
    Ok(Exit::Done)
}

/// Writes the changed file beside the old one, and puts it in its place.
fn change(context: &Context, key: &str, value: Option<&str>) -> Result<Exit> {
    if key == "ls.fields"
        && let Some(names) = value
    {
        let names = names.split(',').map(|name| name.trim().to_owned());
        fields::parse(&Vec::from_iter(names), &Datasets::default())?;
    }
    let path = file(context)?;
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let Some(changed) = with_setting(&text, path, key, value)? else {
        context.note(&format!("{key} is not in {}", path.display()));
        return Ok(Exit::Done);
    };
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(changed.as_bytes())?;
        // A link stays one: its target is replaced.
        file.persist(path.canonicalize().unwrap_or(path.to_owned()))?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Exit::Done)
}
