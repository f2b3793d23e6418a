
# Prints the names that only the store knows.
function __fish_ecache_names -a of
    set -l line (commandline -opc | string join ' ')
    set -l db (string match -rg -- ' --db[= ](\S+)' $line | string replace -r '^~/' "$HOME/")
    set -q db[1]; and set -p db --db
    command ecache $db names $of 2>/dev/null
end

# Whether one of these words is before the cursor, or an option whose value follows it after `=`.
function __fish_ecache_follows
    contains -- (commandline -opc)[-1] $argv
    or contains -- (string replace -r '=.*' '' -- (commandline -ct)) $argv
end

for of in collection store dataset user operator prompt
    complete -c ecache -n "__fish_ecache_follows --$of" -l $of -x -a "(__fish_ecache_names $of)"
end
complete -c ecache -n "__fish_ecache_follows get set has show rm why ls stats clear prune touch export watch doctor" -f -a "(__fish_ecache_names store)"
