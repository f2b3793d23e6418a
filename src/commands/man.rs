//! `ecache man`: the manual pages.

use std::fs;

use anyhow::{Context as _, Result};

use crate::artifacts;
use crate::cli::ManArgs;
use crate::context::Context;
use crate::error::Exit;

pub(crate) fn run(context: &Context, args: ManArgs) -> Result<Exit> {
    let folder = &args.folder;
    let attempt = || format!("cannot write manual pages to {}", folder.display());
    fs::create_dir_all(folder).with_context(attempt)?;
    let pages = artifacts::manual_pages()?;
    for (name, page) in &pages {
        fs::write(folder.join(name), page).with_context(attempt)?;
    }
    context.note(&format!(
        "wrote {} pages to {}",
        pages.len(),
        folder.display()
    ));
    Ok(Exit::Done)
}
