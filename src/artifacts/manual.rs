//! Manual pages: one for `ecache`, and one for each of its commands and their verbs.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;

/// Returns the manual pages: name and text.
pub(crate) fn manual_pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut cli = Cli::command();
    cli.build();
    let commands = || {
        cli.get_subcommands()
            .filter(|command| !command.is_hide_set())
    };
    let title = |command: &Command| format!("ecache-{}", command.get_name());

    let mut pages = vec![page(
        "ecache",
        &cli,
        &commands().map(title).collect::<Vec<_>>(),
    )?];
    for command in commands() {
        let verbs: Vec<&Command> = command.get_subcommands().collect();
        let verb_title = |verb: &Command| format!("{}-{}", title(command), verb.get_name());
        let mut see_also = vec!["ecache".to_owned()];
        see_also.extend(verbs.iter().map(|verb| verb_title(verb)));
        pages.push(page(&title(command), command, &see_also)?);
        for verb in verbs {
            pages.push(page(&verb_title(verb), verb, &[title(command)])?);
        }
    }
    Ok(pages)
}

fn page(title: &str, command: &Command, see_also: &[String]) -> io::Result<(String, Vec<u8>)> {
    let mut text = Vec::new();
    // clap's own rendering of the text after the help would fill the lines of the examples.
    let without_sections = command.clone().after_help(None).after_long_help(None);
    Man::new(without_sections)
        .title(title.to_uppercase())
        // There is no date, and an empty one would not hold its place before the source.
        .date(" ")
        .source(concat!("ecache ", env!("CARGO_PKG_VERSION")))
        .manual("ecache manual")
        .render(&mut text)?;

    let mut roff = Roff::new();
    let after_help = command.get_after_long_help().or(command.get_after_help());
    sections(
        &mut roff,
        &after_help.map(ToString::to_string).unwrap_or_default(),
    );
    roff.control("SH", ["SEE ALSO"]);
    for (index, page) in see_also.iter().enumerate() {
        let comma = if index + 1 < see_also.len() { "," } else { "" };
        roff.text([bold(page), roman(format!("(1){comma}"))]);
    }
    text.extend(roff.to_roff().into_bytes());
    Ok((format!("{title}.1"), text))
}

/// Renders the sections of a help text: headings that end with a colon, above lines that are
/// indented.
fn sections(roff: &mut Roff, help: &str) {
    for section in help.split("\n\n") {
        let Some((heading, lines)) = section.split_once(":\n") else {
            continue;
        };
        roff.control("SH", [heading.to_uppercase().as_str()]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
    }
}
