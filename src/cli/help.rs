//! The help of the whole program: its commands in groups, and the sections that `--help` adds.

use anstyle::Style;

/// The commands in groups. A test holds it against the commands that there are.
pub(super) const HELP: &str = "\
Keeps results of slow commands and functions; inspects, explains, clears them

Usage: ecache [OPTIONS] <COMMAND>

Run:      run          run a command, or replay what it printed before
          warm         run a command for each line that is not cached yet
          why          explain a hit or a miss

Look:     ls           list entries
          show         show all about one entry
          top          the entries that are largest, or save or waste the most
          stores       list and edit stores
          stats        hits, misses and time saved
          watch        follow changes live
          browse       browse interactively
          info         location, size and settings
          diff         compare two stores

One:      get, set, edit, has, key, rm

Many:     clear        remove what a filter selects
          prune        remove expired, old, unused or excess entries
          touch        change lifetimes
          limit        limit the size
          undo, log    undo operations; list them

Move:     import, export, copy

Fix:      doctor

Set up:   config, completions, man, help, version

Options:  --db <PATH>         this store, or mongodb://HOST/NAME, or fiftyone
          --db-file <FILE>    the store whose location is in this file
          --collection <NAME>, --all-collections
          --color <WHEN>, --time <HOW>, --durable, --no-config
          -q, --quiet         say nothing on success
          -v, --verbose       say more on standard error
          -h, --help          help on a command; -V, --version

  ecache run --ttl 10m -- curl -s https://x    run it once in ten minutes
  ecache ls thumbs --larger-than 1MiB          list
  ecache clear thumbs --user ann -n            what would go; without -n it goes
  ecache undo                                  and comes back

ecache help COMMAND explains one; man ecache has exit codes and variables.
";

/// Returns [`HELP`] with bold headings.
pub(super) fn styled_help() -> String {
    let bold = Style::new().bold();
    let lines = HELP
        .split_inclusive('\n')
        .map(|line| match line.split_once(':') {
            Some((heading, rest)) if line.starts_with(char::is_uppercase) => {
                format!("{bold}{heading}:{bold:#}{rest}")
            }
            _ => line.to_owned(),
        });
    lines.collect()
}

/// The manual page `ecache.1` has the same sections.
pub(super) const LONG_EXAMPLES: &str = "\
Examples:
  ecache run --ttl 10m -- curl -s https://x   run it once in ten minutes
  ecache set thumbs cat.jpg --type bytes --ttl 1d < cat.png
                                              keep a value for a day
  ecache get thumbs cat.jpg > cat.png         print it again
  ecache warm -- curl -s https://x/{} < ids   run it for each new line
  ecache why -- curl -s https://x/7           say why that is a hit or a miss
  ecache ls thumbs                            list what is cached
  ecache import dump.bson                     read a FiftyOne mongodump
  ecache get my_labels -j 0.25 --user u-alice --dataset 6b03de1228195dbc2df5c505
                                              print the result of a call
  ecache clear thumbs --dry-run               list what would be removed
  ecache prune --expired --max-size 1GiB      remove expired and excess entries

Exit status:
  0         done
  1         a miss, or no
  2         wrong usage
  3         the operation failed
  4         the store is damaged
  5         refused: permissions, a foreign file, a newer schema
  130, 143  ended by SIGINT, SIGTERM; 129, 131 by SIGHUP, SIGQUIT
  any       `ecache run`: the command's own, or 125 if ecache refuses

Environment:
  ECACHE            how `ecache run` uses the cache; --cache overrides it
  ECACHE_CONFIG     the settings file, or none
  ECACHE_DB         the store's file or URL; --db overrides it
  ECACHE_DURABLE    1 means --durable
  XDG_DATA_HOME     the folder of the default store; ~/.local/share if unset
  NO_COLOR          print no colours
  CLICOLOR_FORCE    print colours into pipes, too
  TERM              print no colours if this is dumb

Files:
  $XDG_DATA_HOME/ecache/store.db
  ~/.local/share/ecache/store.db
            the default store
  $XDG_CONFIG_HOME/ecache/config.toml
  ~/.config/ecache/config.toml
            settings, see ecache-config(1)";
