# Offers the names that only the store knows, where one of them is expected.
_ecache_names() {
    local before=$words[CURRENT-1] of expl
    local -a db match names
    if [[ $PREFIX == --*=* ]]; then
        before=${PREFIX%%=*}
    fi
    case $before in
        (--collection|--store|--dataset|--user|--operator|--prompt) of=${before#--} ;;
        (get|set|has|show|rm|why|ls|stats|clear|prune|touch|export|watch|doctor) of=store ;;
        (*) return 1 ;;
    esac
    if [[ " $words" =~ ' --db[= ]([^ ]+)' ]]; then
        db=(--db ${match[1]/#\~\//$HOME/})
    fi
    names=(${(f)"$(command ecache $db names $of 2>/dev/null)"})
    if [[ $PREFIX == --*=* ]]; then
        compset -p $(( $#before + 1 ))
    fi
    _wanted names expl $of compadd -a names
}

functions[_ecache_without_names]=$functions[_ecache]
_ecache() {
    _ecache_names || _ecache_without_names "$@"
}
