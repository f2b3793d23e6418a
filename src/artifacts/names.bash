
# Completes what only the store knows, programs after `--`, and files where a file is meant. Takes the text
# that Readline replaces, which may be less than a word: it begins after a colon, say, or after the quote
# that is open.
_ecache_names() {
    # The words that blanks separate. COMP_WORDS is cut at each character of COMP_WORDBREAKS, too.
    local line="${COMP_LINE:0:COMP_POINT}" words=("") part rest
    for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        rest="${line#"${line%%[![:blank:]]*}"}"
        [[ "${rest}" == "${line}" ]] || words+=("")
        part="${part:0:${#rest}}"
        words[${#words[@]}-1]+="${part}"
        line="${rest:${#part}}"
    done

    local count="${#words[@]}" verb="" dashes=0 word
    for word in "${words[@]:1:count-2}"; do
        [[ "${word}" != -- ]] || dashes=1
        [[ -n "${verb}" || "${word}" == -* || "${word}" == */* ]] || verb="${word}"
    done
    local typed="${words[count-1]}" before="${words[count-2]}" option="" of="" store=()
    if [[ "${before}" == -- ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "${typed}" | sort -u)
        return 0
    elif ((dashes)); then
        return 0
    fi
    if [[ "${typed}" == --*=* ]]; then
        before="${typed%%=*}"
        option="${before}="
    fi
    case "${before}" in
        --collection | --store | --dataset | --user | --operator | --prompt) of="${before#--}" ;;
        --key) of="key" ;;
        --fields) of="field" ;;
        --file | --modtime | --db | --db-file | --jwt-file | --value-file | --input | --output | -o | \
            --keys-from | --entries-from | --live-datasets | --status-file) return 0 ;;
        import | copy | man) [[ "${typed}" == -* ]] && return 1 || return 0 ;;
        *)
            case "${verb}:${before}" in
                config:get | config:set | config:unset) of="setting" ;;
                help:help) of="command" ;;
                help:*) of="command" store=("${before}") ;;
                stores:rename | stores:rm | stores:show | stores:set | limit:set | limit:rm) of="store" ;;
                config:* | stores:* | limit:*) return 1 ;;
                *:get | *:set | *:edit | *:has | *:show | *:rm | *:why | *:ls | *:top | *:stats | *:browse | \
                    *:clear | *:prune | *:touch | *:export | *:watch | *:doctor | *:log | *:warm) of="store" ;;
                *)
                    case "${verb}:${words[count-3]}" in
                        get:get | set:set | edit:edit | has:has | show:show | rm:rm | why:why | touch:touch)
                            of="key" store=("${before}") ;;
                        import:* | copy:*) [[ "${typed}" == -* ]] && return 1 || return 0 ;;
                        *) return 1 ;;
                    esac
                    ;;
            esac
            ;;
    esac
    [[ -n "${option}" || "${typed}" != -* ]] || return 1

    local db=() quote="" name match
    if [[ " ${words[*]}" =~ " --db"[=\ ]([^\ ]+) ]]; then
        db=(--db "${BASH_REMATCH[1]/#\~\//${HOME}/}")
    fi
    case "${typed#"${option}"}" in
        \'* | \"*) quote="${typed:${#option}:1}" ;;
    esac
    while IFS= read -r name; do
        if [[ -z "${quote}" ]]; then
            printf -v match "%s%q" "${option}" "${name}"
        elif [[ "${name}" == *[\'\"\\\$\`]* ]]; then
            # It would have to be escaped within the quotes, and is offered without them.
            continue
        else
            match="${option}${quote}${name}"
        fi
        [[ "${match}" != "${typed}"* ]] || COMPREPLY+=("${match#"${typed%"$1"}"}")
    done < <(command ecache "${db[@]}" names "${of}" "${store[@]}" 2>/dev/null)
    # Nothing else is meant here, not even a file.
    compopt +o default +o bashdefault 2>/dev/null
    return 0
}

_ecache_with_names() {
    COMPREPLY=()
    _ecache_names "$2" && return
    _ecache "$@"
    # Options are offered where one is begun, and placeholders such as <FILE> never.
    local kept=() reply
    for reply in "${COMPREPLY[@]}"; do
        case "${reply}" in
            \<* | \[*) ;;
            -*) [[ "$2" != -* ]] || kept+=("${reply}") ;;
            *) kept+=("${reply}") ;;
        esac
    done
    COMPREPLY=("${kept[@]}")
    compopt +o default +o bashdefault 2>/dev/null
}

complete -F _ecache_with_names -o nosort -o bashdefault -o default ecache 2>/dev/null ||
    complete -F _ecache_with_names -o bashdefault -o default ecache
