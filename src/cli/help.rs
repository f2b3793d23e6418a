//! The help of the whole program: its commands in groups, and the sections that `--help` adds.

use anstyle::Style;

/// The commands in groups. A test holds it against the commands that there are.
pub(super) const HELP: &str = "\
Remembers what slow commands and functions returned, and shows and clears it

Usage: ecache [OPTIONS] <COMMAND>

Run:      run          run a command, or replay what it printed before
          warm         run a command for each line that is not cached yet
          why          explain a hit or a miss

Look:     ls           list entries
          show         all about one entry
          top          the largest entries, or what saves or wastes the most
          stores       list and edit stores
          stats        whether it helps
          watch        follow changes live
          browse       look around, interactively
          info         where the store is, and its settings
          diff         compare two stores

One:      get, set, edit, has, key, rm

Many:     clear        remove what a filter selects
          prune        remove expired, old, unused or excess entries
          touch        change lifetimes
          limit        bound what entries may take
          undo, log    take back, and what was done

Move:     import, export, copy

Fix:     doctor

Set up:   config, completions, man, help, version

Options:  --db <PATH>         this store, or mongodb://HOST/NAME, or fiftyone
          --db-file <FILE>    the store whose location is in this file
          --collection <NAME>, --all-collections
          --color <WHEN>, --time <HOW>, --durable, --no-config
          -q, --quiet         say nothing on success
          -v, --verbose       say more on standard error
          -h, --help          of each command; -V, --version

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
  ecache run --ttl 10m -- curl -s https://x      run it once in ten minutes
  ecache set thumbs cat.jpg --ttl 1d < cat.png   keep a value for a day
  ecache get thumbs cat.jpg > cat.png            print it again
  ecache warm -- curl -s https://x/{} < ids      run it for each line that is not cached
  ecache why -- curl -s https://x/7              say why that is a hit or a miss
  ecache ls thumbs                               list what is cached
  ecache import dump.bson                        read a mongodump of FiftyOne's
  ecache get my_labels -j 0.25 --user u-alice    the result of a call
  ecache clear thumbs --dry-run                  see what a removal would remove
  ecache prune --expired --max-size 1GiB         remove what is dead or too much

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
  ECACHE            how `ecache run` uses the cache, unless there is --cache
  ECACHE_CONFIG     the file of settings, or none
  ECACHE_DB         the store's file or URL, unless there is --db
  ECACHE_DURABLE    as --durable, if it is 1
  XDG_DATA_HOME     where the default store is, unless it is ~/.local/share
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
