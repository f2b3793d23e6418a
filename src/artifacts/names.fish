
# Asks for what is typed next, and keeps it: the first line says what it is.
function __fish_ecache_ask
    set -l line (commandline -opc | string join ' ')
    set -l db (string match -rg -- ' --db[= ](\S+)' $line | string replace -r '^~/' "$HOME/")
    set -q db[1]; and set -p db --db
    set -l words (commandline -opc)[2..] (commandline -ct)
    set -g __fish_ecache_offers (command ecache $db names --described -- $words 2>/dev/null)
    test "$__fish_ecache_offers[1]" = $argv[1]
end

# Prints the names that were offered.
function __fish_ecache_names
    printf '%s\n' $__fish_ecache_offers[2..]
end

# The names of an option's value are offered with the option.
function __fish_ecache_values
    __fish_ecache_ask names; and __fish_ecache_names
end

for of in collection store dataset user operator prompt key fields by env
    complete -c ecache -n "__fish_ecache_follows --$of" -l $of -x -a "(__fish_ecache_values)"
end
complete -c ecache -n "__fish_ecache_ask names" -f -k -a "(__fish_ecache_names)"
complete -c ecache -n "__fish_ecache_ask files" -F
complete -c ecache -n "__fish_ecache_ask programs" -f -a "(__fish_complete_command)"

# Whether an option is before the cursor, or its value follows it after `=`.
function __fish_ecache_follows
    contains -- (commandline -opc)[-1] $argv
    or contains -- (string replace -r '=.*' '' -- (commandline -ct)) $argv
end
