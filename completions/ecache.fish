# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ecache_global_optspecs
    string join \n db= db-file= collection= all-collections no-config no-pager durable color= time= q/quiet v/verbose h/help V/version
end

function __fish_ecache_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ecache_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ecache_using_subcommand
    set -l cmd (__fish_ecache_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ecache -n "__fish_ecache_needs_command" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_needs_command" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_needs_command" -l collection -d 'Use this collection; repeatable on commands with filters' -r
complete -c ecache -n "__fish_ecache_needs_command" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_needs_command" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_needs_command" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_needs_command" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_needs_command" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_needs_command" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_needs_command" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_needs_command" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_needs_command" -s V -l version -d 'Print version'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "get" -d 'Print the value of an entry'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "set" -d 'Set the value of an entry'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "edit" -d 'Edit the value of an entry in an editor'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "has" -d 'Exit with 0 if there is a fresh entry, else with 1'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "run" -d 'Run a command, or replay what it printed before'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "warm" -d 'Run a command for each line of the input, and keep the results'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "key" -d 'Print the key of a call, or of a command'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "why" -d 'Explain why a command or a call is a hit or a miss'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "show" -d 'Show an entry in full'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "ls" -d 'List entries'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "top" -d 'List the entries that are largest, save the most or waste the most'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "stores" -d 'List, create, change, rename and remove stores'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "stats" -d 'Count entries, bytes and hits'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "browse" -d 'Browse the store interactively'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "watch" -d 'Follow changes and calls live'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "info" -d 'Print where the store is, its size and its settings'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "rm" -d 'Remove entries by key, whatever their policy'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "clear" -d 'Remove the entries that a filter selects'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "undo" -d 'Undo an operation'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "log" -d 'List the operations on the store'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "prune" -d 'Remove expired, old, unused or excess entries'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "touch" -d 'Change the lifetime or the policy of entries'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "limit" -d 'Limit the size or the number of entries'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "export" -d 'Write entries as JSON lines, for `ecache import`'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "import" -d 'Read entries from JSON lines, Extended JSON or a mongodump'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "copy" -d 'Copy entries from one store, database or file to another'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "diff" -d 'Compare the entries of two stores'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "doctor" -d 'Find problems in a store, and the commands that fix them'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "config" -d 'List, read and change settings'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "man" -d 'Write the manual pages to a folder'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "help" -d 'Print the help of a command, or of all'
complete -c ecache -n "__fish_ecache_needs_command" -f -a "version" -d 'Print the version'
complete -c ecache -n "__fish_ecache_using_subcommand get" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand get" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand get" -l keys-from -d 'Look up the keys in this file, or - for standard input' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l entries-from -d 'Look up the entries in this file of JSON lines' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l format -d 'Print the value in this format' -r -f -a "raw\t'As it is'
json\t'As JSON, whatever it is'"
complete -c ecache -n "__fish_ecache_using_subcommand get" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l store -d 'Look in this store for the command\'s result [default: the program\'s name]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l ttl -d 'Look for the result that `run` keeps with --ttl boot or session' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand get" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand get" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand get" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand get" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand get" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand get" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand get" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand get" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand get" -s 0 -l null -d 'The keys of --keys-from end with a NUL byte, as `ls -0` ends them'
complete -c ecache -n "__fish_ecache_using_subcommand get" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand get" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand set" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand set" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand set" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand set" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand set" -l value-file -d 'Read the value from this file' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand set" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l type -d 'Store the value as this type' -r -f -a "json\t'JSON text, as Python\'s `json` accepts it'
text\t'UTF-8 text; a string to FiftyOne'
bytes\t'Bytes; Python\'s `bytes` to FiftyOne'"
complete -c ecache -n "__fish_ecache_using_subcommand set" -l ttl -d 'Expire after this long, as in 10m or 1d; or none, keep' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l policy -d 'Set this policy: evict or persist' -r -f -a "evict\t'The cache may drop it by itself'
persist\t'It stays until it is removed by name'
keep\t'The policy that it has'"
complete -c ecache -n "__fish_ecache_using_subcommand set" -l if-value -d 'Set only if the entry has this value' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand set" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand set" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand set" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand set" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand set" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand set" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand set" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand set" -l if-absent -d 'Set only if there is no fresh entry'
complete -c ecache -n "__fish_ecache_using_subcommand set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand edit" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -l no-undo -d 'Do not keep the old value, so that `ecache undo` cannot restore it'
complete -c ecache -n "__fish_ecache_using_subcommand edit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand has" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand has" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand has" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand has" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand has" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand has" -l store -d 'Look in this store for the command\'s result [default: the program\'s name]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l ttl -d 'Look for the result that `run` keeps with --ttl boot or session' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand has" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand has" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand has" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand has" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand has" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand has" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand has" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand has" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand has" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand has" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand has" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand run" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand run" -l store -d 'Keep the result in this store [default: the program]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l version -d 'Keep the result of this version apart, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l ttl -d '90s, 10m, 1d12h, boot, session or none' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l failure-ttl -d 'Keep failures this long instead' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l min-cost -d 'Keep only results that took at least this long, as in 50ms' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l max-output -d 'Keep only results up to this size [default: 100MiB]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l max-age -d 'Run it again if the result is older than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l stale -d 'Serve expired results this long while refreshing' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l cache -d 'Use the cache in this mode [default: on, or the value of $ECACHE]' -r -f -a "on\t'Print a stored result, or run the command'
off\t'Always run it, as if there were no cache'
readonly\t'Print a stored result; keep nothing new'
refresh\t'Always run it, and keep the result'"
complete -c ecache -n "__fish_ecache_using_subcommand run" -l wait-timeout -d 'Wait this long for another process that runs the same command and prints nothing, then run it without the cache [default: 10m]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l on-busy -d 'If another process runs it: wait, run, stale, fail' -r -f -a "wait\t'Follow it, and print its output as it comes'
run\t'Run the command too, and keep nothing'
stale\t'Replay a stale result of any age, or else wait'
fail\t'Fail at once: exit code 125'"
complete -c ecache -n "__fish_ecache_using_subcommand run" -l status-file -d 'Write the outcome as JSON to a file' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l status-fd -d 'Write the outcome as JSON to this open file descriptor' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l input -d 'Keep the result as that of a command with this standard input' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l cache-dir -d 'Refused: the folder option of bkt' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand run" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand run" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand run" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand run" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand run" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l no-failures -d 'Keep no failures, and replay none'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l no-record-args -d 'Do not record the arguments, which `ls` and `show` print; record only the key, which is their hash'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l stale-if-error -d 'Serve an old result if the command fails'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l refresh -d 'Run it again, and keep the new result'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l warm -d 'Run it again in the background, keep the new result and print nothing, as bkt does'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l no-exec -d 'Run nothing: print the result, or exit with 1'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l strict -d 'Exit with 125 on any problem with the cache'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l background -d 'Run in the background, for a process that did not want to wait'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l merged -d 'Merge standard output and standard error, as in the process that did not wait'
complete -c ecache -n "__fish_ecache_using_subcommand run" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l input -d 'Read the items from this file' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l order -d 'With --refresh and no command: rerun these first' -r -f -a "expiry\t'Those that expire first'
cost\t'Those that take longest'
hits\t'Those that were hit most often'"
complete -c ecache -n "__fish_ecache_using_subcommand warm" -s j -l jobs -d 'Run this many at a time [default: number of processors]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l rate -d 'Start at most this many per time, as in 5/s or 100/m' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l max-time -d 'Start nothing after this time' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l version -d 'Keep the results of this version apart, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l ttl -d '90s, 10m, 1d12h, boot, session or none' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l failure-ttl -d 'Keep failures this long instead' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l min-cost -d 'Keep only results that took at least this long, as in 50ms' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l max-output -d 'Keep only results up to this size [default: 100MiB]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l wait-timeout -d 'Wait this long for another process that runs the same command [default: 10m]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l format -d 'Print the outcome of each item in this format' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -s 0 -l null -d 'Items end with a NUL byte instead of a line'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l jsonl -d 'Items are lines of JSON'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l refresh -d 'Run fresh or recorded commands again'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l all -d 'With --refresh and no command or filter: rerun all that is recorded'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -s n -l dry-run -d 'List what would run, and how long it takes'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l no-failures -d 'Keep no failures, and replay none'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l no-record-args -d 'Do not record the arguments, which `ls` and `show` print; record only the key, which is their hash'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand warm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand key" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand key" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand key" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand key" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand key" -l store -d 'Look in this store for the command\'s result [default: the program\'s name]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l ttl -d 'Look for the result that `run` keeps with --ttl boot or session' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand key" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand key" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand key" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand key" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand key" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand key" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand key" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l explain -d 'Also print the text that is hashed'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand key" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand key" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand key" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand why" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand why" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand why" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand why" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l store -d 'Look in this store for the command\'s result [default: the program\'s name]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l ttl -d 'Look for the result that `run` keeps with --ttl boot or session' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand why" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand why" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand why" -l failure-ttl -d 'Keep failures this long instead' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l format -d 'Print in this format' -r -f -a "text\t'Sentences, for people'
json\t'One JSON object'"
complete -c ecache -n "__fish_ecache_using_subcommand why" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand why" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand why" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand why" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand why" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l no-failures -d 'Keep no failures, and replay none'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand why" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand why" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand show" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand show" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand show" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand show" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand show" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand show" -l store -d 'Look in this store for the command\'s result [default: the program\'s name]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l ttl -d 'Look for the result that `run` keeps with --ttl boot or session' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand show" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand show" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand show" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand show" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand show" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand show" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l all -d 'Print all of a value instead of two screens of it'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand show" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand show" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l sort -d 'Order by this field' -r -f -a "key\t'By key'
created\t'By creation'
updated\t'By last write'
expires\t'By expiry, those without last'
used\t'By last use'
size\t'By size'
hits\t'By recorded hits'
cost\t'By recorded cost'
saved\t'By the time that recorded hits saved'
waste\t'By size times the time since the last use'
worth\t'By the time that keeping it is expected to save for its size'"
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s L -l limit -d 'Print at most this many entries; 0 for all [default: 100 on a terminal, else all]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s n -d 'Refused: a list has no dry run' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l value-contains -d 'List only entries whose value contains this text' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l fields -d 'Print these fields; `help` lists them' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s r -l reverse -d 'Reverse the order'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l wide -d 'Show all columns of a table, and cut nothing'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand top" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand top" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand top" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand top" -l by -d 'Order by this, the largest first' -r -f -a "size\t'Bytes of the value'
saved\t'Time that hits saved'
hits\t'Hits'
waste\t'Bytes times days without use'
age\t'Time since it was written'"
complete -c ecache -n "__fish_ecache_using_subcommand top" -s L -l limit -d 'Print at most this many entries; 0 for all' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand top" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand top" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand top" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand top" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand top" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand top" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand top" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand top" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand top" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -a "ls" -d 'List stores, with their entries and metadata'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -a "show" -d 'Show a store in full'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -a "create" -d 'Create an empty store with metadata'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -a "set" -d 'Change the metadata of a store, or its policy'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -a "rm" -d 'Remove a store: its metadata and all of its entries, whatever their policy'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and not __fish_seen_subcommand_from ls show create set rm rename" -a "rename" -d 'Rename a store'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l dataset -d 'The dataset that the store is linked to, by its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l dataset -d 'The dataset that the store is linked to, by its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l metadata -d 'The metadata, a JSON object [default: null]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l policy -d 'The policy of the metadata: clearing the cache removes it (evict) or not (persist); entries have their own' -r -f -a "persist\t'Kept until it expires or is removed by name, or cleared with this policy named'
evict\t'May be cleared and pruned; whatever is written with a TTL is of this policy'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l dataset -d 'The dataset that the store is linked to, by its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l metadata -d 'The new metadata, a JSON object, or null' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l policy -d 'The policy of the metadata: clearing the cache removes it (evict) or not (persist); entries have their own' -r -f -a "persist\t'Kept until it expires or is removed by name, or cleared with this policy named'
evict\t'May be cleared and pruned; whatever is written with a TTL is of this policy'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l dataset -d 'The dataset that the store is linked to, by its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Ask nothing, also on a terminal and before what `ecache undo` cannot restore'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -s n -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l to-dataset -d 'Link the store to this dataset instead' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l to-collection -d 'Move the store to this collection' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l dataset -d 'The dataset that the store is linked to, by its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l merge -d 'If there is a store NEW, move the entries there, unless both have an entry with the same key; the metadata of NEW stays'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l to-no-dataset -d 'Link the store to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l no-undo -d 'Keep nothing for undo: `ecache undo` cannot revert the renaming'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -s n -l dry-run -d 'Say what would be renamed, and rename nothing'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stores; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l by -d 'Group by these, as in user or dataset,user' -r -f -a "collection\t''
store\t''
dataset\t''
user\t''
operator\t''
prompt\t''
function\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l since -d 'Count calls since a time, or within a duration; by the hour, beyond 30 days by the day' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l format -d 'Print as table, json, jsonl, csv, tsv or prom' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'
prom\t'OpenMetrics text, as Prometheus reads it: gauges, of at most 100 groups and `(other)`'"
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand browse" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l count -d 'Exit after this many changes' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l interval -d 'Poll the store this often' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l format -d 'Print in this format [default: tab-separated lines]' -r -f -a "jsonl\t'One JSON object a line'"
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l json -d 'Print one JSON object a line, as --format jsonl does'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l reveal -d 'Show suspected secrets in recorded calls instead of ***'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand info" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand info" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand info" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand info" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand info" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand info" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand info" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand info" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand info" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand info" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand info" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand info" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand info" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand info" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l keys-from -d 'Remove the keys in this file, or - for standard input' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l entries-from -d 'Remove the entries in this file of JSON lines' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l store -d 'Look in this store for the command\'s result [default: the program\'s name]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l ttl -d 'Look for the result that `run` keeps with --ttl boot or session' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s a -l arg -d 'Find by the call\'s next argument, a string' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s j -l json-arg -d 'Find by the call\'s next argument, as JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l args -d 'Find by all arguments of the call, a JSON array' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l dataset -d 'The dataset\'s id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l user -d 'The user\'s id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l operator -d 'The operator, as in @acme/stats/dashboard' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l prompt -d 'The operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l jwt-file -d 'The file that holds the user\'s request token (a JWT)' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s 0 -l null -d 'The keys of --keys-from end with a NUL byte, as `ls -0` ends them'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s n -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l no-undo -d 'Remove them for good, so that `ecache undo` cannot restore them'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s y -l yes -d 'Ask nothing, also on a terminal and before what `ecache undo` cannot restore'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l policy -d 'Entries of this policy [default: evict]' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l all -d 'Clear the whole collection, if there is no filter'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l no-undo -d 'Remove them for good, so that `ecache undo` cannot restore them'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l jobs -d 'Also remove FiftyOne\'s running jobs'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -s n -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -s y -l yes -d 'Ask nothing, also on a terminal and before what `ecache undo` cannot restore'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand clear" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -s n -l dry-run -d 'Say what would be undone, and undo nothing'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand undo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand log" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand log" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand log" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand log" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand log" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand log" -l since -d 'Only operations since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand log" -s L -l limit -d 'Print at most this many' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand log" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand log" -l store -d 'Operations on this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand log" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand log" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand log" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand log" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand log" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand log" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand log" -l wide -d 'Show who did it, on which host and to which entries, and cut nothing; with -v on a second line'
complete -c ecache -n "__fish_ecache_using_subcommand log" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand log" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l keep-stale -d 'Keep what expired within this time' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l max-size -d 'Remove the least useful until the rest fits in this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l max-entries -d 'Remove the least useful until this many are left' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l order -d 'Remove in this order: worth, use, age or size' -r -f -a "worth\t'Those that save the least time for their size first'
use\t'The least recently used first'
age\t'Those that were written longest ago first'
size\t'The largest first'"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l keep-cost-above -d 'Keep results that took longer than this to compute, until they expire' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l keep-last -d 'Keep this many of the latest entries' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l per -d 'Keep --keep-last entries of each store, dataset, user, operator or function' -r -f -a "store\t'The store\'s name'
dataset\t'The dataset'
user\t'The user'
operator\t'The operator'
function\t'The function or program'"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l live-datasets -d 'The existing datasets: a file with one id per line, or - for standard input' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l policy -d 'Entries of this policy [default: evict]' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l older-than -d 'Remove entries older than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l unused-for -d 'Remove entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l orphaned -d 'Remove entries whose dataset was deleted, and the metadata of such stores'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l jobs -d 'Also remove FiftyOne\'s running jobs'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l retired -d 'Delete all entries kept for `ecache undo` now'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l shred -d 'Also overwrite their values, keys and arguments, so that no byte of them is left in the store\'s files; names of stores, functions and users stay, and so does the log'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l vacuum -d 'Return freed space to the file system'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l no-undo -d 'Also remove entries by age, use and number for good, so that `ecache undo` cannot restore them'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -s n -l dry-run -d 'Say what would be removed, and remove nothing'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -s y -l yes -d 'Ask nothing, also on a terminal and before what `ecache undo` cannot restore'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -l expired -d 'Remove entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l version -d 'Look for the result of this version, in the store NAME#vN' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l ttl -d 'Expire this long from now, as in 90s, 10m or 1d12h; `none` for never, `keep` for the expiry that an entry has' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l policy -d 'Set this policy: evict or persist' -r -f -a "evict\t'The cache may drop it by itself'
persist\t'It stays until it is removed by name'
keep\t'The policy that it has'"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l env -d 'Include the value of this variable in the key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l file -d 'Include the content of this file or folder in the key' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l modtime -d 'Include the modification time of this file in the key, as bkt does; may be repeated' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l scope -d 'Include this name in the key, as bkt does' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l stdin -d 'Treat standard input this way: auto, hash, ignore or none' -r -f -a "auto\t'Pass it to the command, and include what the command reads in the key'
hash\t'Read it to its end before anything runs, and include all of it in the key'
ignore\t'Pass it to the command, and leave it out of the key'
none\t'Give the command /dev/null as its input'"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l if-policy -d 'Entries that have this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l all -d 'Change the whole collection, if there is no filter'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l no-undo -d 'Keep no old lifetimes, so that `ecache undo` cannot restore them'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -s n -l dry-run -d 'Say what would be changed, and change nothing'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l cwd -d 'Include the folder in the key'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand touch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -f -a "set" -d 'Set a limit, or change its bounds'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -f -a "ls" -d 'List the limits and their usage'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and not __fish_seen_subcommand_from set ls rm" -f -a "rm" -d 'Remove a limit; entries stay'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l max-size -d 'Evict entries beyond this size' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l max-entries -d 'Evict entries beyond this number' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l min-free -d 'Shrink while less of the disk is free, as in 10%' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l default-ttl -d 'The lifetime of new entries' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l min-cost -d 'Keep only results that took this long' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l undo-keep -d 'Keep removed entries for undo this long [default: 1d]' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l undo-size -d 'Keep this much of removed entries for undo' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l dataset -d 'The limit for this dataset: its id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l user -d 'The limit for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l operator -d 'The limit for this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l prompt -d 'The limit for this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l store -d 'The limit for this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l no-dataset -d 'The limit for entries without a dataset'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l glob -d 'Treat names as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l each -d 'One limit for each name that matches, instead of one for all of them'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l wide -d 'Show all columns of a table, and cut nothing'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l dataset -d 'The limit for this dataset: its id' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l user -d 'The limit for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l operator -d 'The limit for this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l prompt -d 'The limit for this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l store -d 'The limit for this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l undo -d 'Remove the settings of --undo-keep and --undo-size instead of a limit'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l no-dataset -d 'The limit for entries without a dataset'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l glob -d 'Treat names as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l each -d 'One limit for each name that matches, instead of one for all of them'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand limit; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand export" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand export" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand export" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand export" -s o -l output -d 'Write to this file, replaced once all is written, or - for standard output' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand export" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand export" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand export" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand export" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand export" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand export" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand export" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand import" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand import" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand import" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand import" -l on-conflict -d 'Handle existing entries this way' -r -f -a "replace\t'The imported one replaces it'
keep\t'The existing one stays'
newer\t'The one that was written later stays'
fail\t'The import fails'"
complete -c ecache -n "__fish_ecache_using_subcommand import" -l batch -d 'Import this many entries at a time, instead of all or nothing' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand import" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand import" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand import" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand import" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand import" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand import" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l no-undo -d 'Keep no replaced entries, so that `ecache undo` cannot revert the import'
complete -c ecache -n "__fish_ecache_using_subcommand import" -s n -l dry-run -d 'Say what would be imported, and import nothing'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand import" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l remap-dataset -d 'Copy the cache of dataset OLD to dataset NEW: entries of policy evict, without jobs' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l on-conflict -d 'Handle existing entries this way' -r -f -a "replace\t'The imported one replaces it'
keep\t'The existing one stays'
newer\t'The one that was written later stays'
fail\t'The import fails'"
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l format -d 'Print the summary in this format [default: text, on standard error]' -r -f -a "text\t'A sentence on standard error'
json\t'One object on standard output'"
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l no-undo -d 'Keep no replaced entries, so that `ecache undo` cannot revert the copy'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -s n -l dry-run -d 'Say what would be copied, and copy nothing'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l json -d 'Print the summary as JSON'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l store -d 'Compare entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l live-datasets -d 'The existing datasets: a file with one id per line, or - for standard input' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l fail-on -d 'Exit with 1 only if one of these is found; `none` for never' -r -f -a "any\t''
none\t''
damaged\t''
structure\t''
unreadable\t''
orphaned\t''
expired\t''
endless-prompts\t''
endless-users\t''
shared-stores\t''
old-versions\t''
near-limit\t''
persist-expiry\t''
missing-indexes\t''
limit-counts\t''
thrashing\t''
foreign\t''"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l fix -d 'Remove the entries that this check finds; `all` means every check that can be fixed. Entries of policy persist stay, unless they are damaged or expired. limit-counts counts again and removes nothing' -r -f -a "all\t''
damaged\t''
unreadable\t''
orphaned\t''
expired\t''
endless-prompts\t''
endless-users\t''
missing-indexes\t''
limit-counts\t''"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l store -d 'Entries of this store' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l dataset -d 'Entries linked to this dataset: its id, or in FiftyOne\'s database its name' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l user -d 'Entries made for this user' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l operator -d 'Entries made by this operator' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l prompt -d 'Entries made in this operator prompt' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l key -d 'Entries with this key' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l arg -d 'Entries of calls with this argument, as text or JSON' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l kind -d 'Entries whose value is of this kind; job: FiftyOne\'s records of jobs, which are json' -r -f -a "json\t''
text\t''
bytes\t''
command\t''
job\t''"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l older-than -d 'Entries written before a time, or a duration ago' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l newer-than -d 'Entries written since a time, or within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l unused-for -d 'Entries neither written nor used since then' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l min-hits -d 'Entries with at least this many hits' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l expiring-within -d 'Fresh entries that expire within a duration' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l larger-than -d 'Entries larger than this, as in 500MB or 1GiB' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l smaller-than -d 'Entries smaller than this' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l cost-above -d 'Entries that took longer than this to compute, if that was recorded' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l policy -d 'Entries of this policy' -r -f -a "evict\t'Entries that the cache may drop'
persist\t'Entries that are kept until they are removed by name'
any\t'Both'"
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -s n -l dry-run -d 'Say what --fix would do, and do nothing'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l no-dataset -d 'Entries linked to no dataset'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l glob -d 'Treat names, keys and arguments as patterns: * ? [a-z]'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l expired -d 'Entries that are expired'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l fresh -d 'Entries that are not expired'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l no-expiry -d 'Entries that never expire'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l never-used -d 'Entries without a hit'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -l fail-empty -d 'Exit with 1 if nothing matches'
complete -c ecache -n "__fish_ecache_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -f -a "ls" -d 'List settings, with where each comes from'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -f -a "get" -d 'Print a setting; exit with 1 if it has no value'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -f -a "set" -d 'Change a setting in the file, and keep the rest of the file'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -f -a "unset" -d 'Remove a setting from the file'
complete -c ecache -n "__fish_ecache_using_subcommand config; and not __fish_seen_subcommand_from ls get set unset path" -f -a "path" -d 'Print where the file is'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l format -d 'Print as table, json, jsonl, csv or tsv' -r -f -a "table\t'Aligned columns with a header, for people'
json\t'One JSON array of objects'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values as in RFC 4180, with a header'
tsv\t'Tab-separated values with a header'"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l json -d 'Print JSON, as --format json does'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -s 0 -l null -d 'End rows with a NUL byte and escape nothing in them, for `xargs -0`'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand man" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand man" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand man" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand man" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand man" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand man" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand man" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand man" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand man" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand man" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand man" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand help" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand help" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand help" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand help" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand help" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand help" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand help" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand help" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand help" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand help" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand help" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ecache -n "__fish_ecache_using_subcommand version" -l db -d 'Use this file, mongodb://HOST/NAME or fiftyone' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand version" -l db-file -d 'Use the store whose location is in this file, so that a URL\'s password is not on the command line' -r -F
complete -c ecache -n "__fish_ecache_using_subcommand version" -l collection -d 'Use this collection; repeatable on commands with filters' -r -f
complete -c ecache -n "__fish_ecache_using_subcommand version" -l color -d 'Print colours [default: auto]' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ecache -n "__fish_ecache_using_subcommand version" -l time -d 'Show times as relative (default), local, UTC or RFC 3339' -r -f -a "relative\t''
local\t''
utc\t''
iso\t''"
complete -c ecache -n "__fish_ecache_using_subcommand version" -l all-collections -d 'Use all collections, on commands with filters'
complete -c ecache -n "__fish_ecache_using_subcommand version" -l no-config -d 'Read no settings from config.toml'
complete -c ecache -n "__fish_ecache_using_subcommand version" -l no-pager -d 'Print past the pager that config.toml names'
complete -c ecache -n "__fish_ecache_using_subcommand version" -l durable -d 'Flush each write to disk before acknowledging it, so that a power loss cannot lose it'
complete -c ecache -n "__fish_ecache_using_subcommand version" -s q -l quiet -d 'Say nothing on success'
complete -c ecache -n "__fish_ecache_using_subcommand version" -s v -l verbose -d 'Say more on standard error'
complete -c ecache -n "__fish_ecache_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'

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
