# Completes what only the store knows, with descriptions, and programs after `--`.
_ecache_names() {
    local before=$words[CURRENT-1] of expl line
    local -a db match store names about
    if [[ $PREFIX == --*=* ]]; then
        before=${PREFIX%%=*}
    fi
    local verb=${${(@)words[2,CURRENT-1]:#-*}[1]}
    case $before in
        (--) _command_names -e; return 0 ;;
        (--collection|--store|--dataset|--user|--operator|--prompt|--key) of=${before#--} ;;
        (--fields) of=field ;;
        (*)
            case $verb:$before in
                (config:(get|set|unset)) of=setting ;;
                (help:help) of=command ;;
                (help:*) of=command store=($before) ;;
                (stores:(rename|rm|show|set)|limit:(set|rm)) of=store ;;
                (config:*|stores:*|limit:*) return 1 ;;
                (*:(get|set|edit|has|show|rm|why|ls|top|stats|browse|clear|prune|touch|export|watch|doctor|log|warm))
                    of=store ;;
                (*)
                    case $words[CURRENT-2] in
                        (get|set|edit|has|show|rm|why|touch) of=key store=($before) ;;
                        (*) return 1 ;;
                    esac
                    ;;
            esac
            ;;
    esac
    [[ $PREFIX != -* || $PREFIX == --*=* ]] || return 1
    if [[ " $words" =~ ' --db[= ]([^ ]+)' ]]; then
        db=(--db ${match[1]/#\~\//$HOME/})
    fi
    for line in ${(f)"$(command ecache $db names --described $of $store 2>/dev/null)"}; do
        names+=("${line%%$'\t'*}")
        about+=("${line/$'\t'/  }")
    done
    if [[ $PREFIX == --*=* ]]; then
        compset -p $(( $#before + 1 ))
    fi
    _wanted names expl $of compadd -V names -d about -a names
}

functions[_ecache_without_names]=$functions[_ecache]
_ecache() {
    _ecache_names || _ecache_without_names "$@"
}
