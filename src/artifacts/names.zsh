# Completes the names that `ecache names` offers, with descriptions, and programs.
_ecache_names() {
    local expl line
    local -a db match offers names about
    if [[ " $words" =~ ' --db[= ]([^ ]+)' ]]; then
        db=(--db ${match[1]/#\~\//$HOME/})
    fi
    offers=("${(@f)$(command ecache $db names --described -- "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    case $offers[1] in
        (names) ;;
        (programs) _command_names -e; return 0 ;;
        (*) return 1 ;;
    esac
    for line in "${(@)offers[2,-1]}"; do
        names+=("${line%%$'\t'*}")
        about+=("${line/$'\t'/  }")
    done
    if [[ $PREFIX == --*=* ]]; then
        compset -P '--*='
    fi
    _wanted names expl name compadd -V names -d about -a names
}

functions[_ecache_without_names]=$functions[_ecache]
_ecache() {
    _ecache_names || _ecache_without_names "$@"
}
