
# Prints the names that only the store knows, with descriptions.
function __fish_ecache_names -a of
    set -l line (commandline -opc | string join ' ')
    set -l db (string match -rg -- ' --db[= ](\S+)' $line | string replace -r '^~/' "$HOME/")
    set -q db[1]; and set -p db --db
    command ecache $db names --described $of $argv[2..] 2>/dev/null
end

# Whether one of these words is before the cursor, or an option whose value follows it after `=`.
function __fish_ecache_follows
    contains -- (commandline -opc)[-1] $argv
    or contains -- (string replace -r '=.*' '' -- (commandline -ct)) $argv
end

# Whether the two words before the cursor are a command and one of these verbs.
function __fish_ecache_follows_verb -a command
    set -l words (commandline -opc)
    test (count $words) -ge 3; and test $words[-2] = $command; and contains -- $words[-1] $argv[2..]
end

# Whether the command is none of these, whose verbs are called like commands.
function __fish_ecache_is_not
    not contains -- (string match -v -- '-*' (commandline -opc)[2..])[1] $argv
end

# Whether the word before the last is one of these: the last one is a store, and a key follows.
function __fish_ecache_follows_store
    set -l words (commandline -opc)
    test (count $words) -ge 3; and contains -- $words[-2] $argv; and not string match -q -- '-*' $words[-1]
end

# Prints the keys of the store before the cursor.
function __fish_ecache_keys
    __fish_ecache_names key (commandline -opc)[-1]
end

for of in collection store dataset user operator prompt
    complete -c ecache -n "__fish_ecache_follows --$of" -l $of -x -a "(__fish_ecache_names $of)"
end
complete -c ecache -n "__fish_ecache_follows --fields" -l fields -x -a "(__fish_ecache_names field)"
complete -c ecache -n "__fish_ecache_is_not config help limit stores; and __fish_ecache_follows get set edit has show rm why ls top stats browse clear prune touch export watch doctor log warm" -f -a "(__fish_ecache_names store)"
complete -c ecache -n "__fish_ecache_follows_verb stores rename rm show set; or __fish_ecache_follows_verb limit set rm" -f -a "(__fish_ecache_names store)"
complete -c ecache -n "__fish_ecache_follows_verb config get set unset" -f -a "(__fish_ecache_names setting)"
complete -c ecache -n "__fish_ecache_follows help" -f -a "(__fish_ecache_names command)"
complete -c ecache -n "__fish_ecache_follows_verb help (__fish_ecache_names command | string replace -r '\t.*' '')" -f -a "(__fish_ecache_names command (commandline -opc)[-1])"
complete -c ecache -n "__fish_ecache_is_not config help limit stores; and __fish_ecache_follows_store get set edit has show rm why touch" -f -k -a "(__fish_ecache_keys)"
complete -c ecache -n "__fish_ecache_follows import copy" -F
complete -c ecache -n "__fish_ecache_follows --" -f -a "(__fish_complete_command)"
