
# Offers the names that only the store knows, where one of them is expected. Takes the text that Readline
# replaces, which may be less than a word: it begins after a colon, say, or after the quote that is open.
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

    local typed="${words[${#words[@]}-1]}" before="${words[${#words[@]}-2]}" option="" of
    if [[ "${typed}" == --*=* ]]; then
        before="${typed%%=*}"
        option="${before}="
    fi
    case "${before}" in
        --collection | --store | --dataset | --user | --operator | --prompt) of="${before#--}" ;;
        get | set | has | show | rm | why | ls | stats | clear | prune | touch | export | watch | doctor) of="store" ;;
        *) return ;;
    esac

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
    done < <(command ecache "${db[@]}" names "${of}" 2>/dev/null)
}

_ecache_with_names() {
    COMPREPLY=()
    _ecache_names "$2"
    [[ "${#COMPREPLY[@]}" -gt 0 ]] || _ecache "$@"
}

complete -F _ecache_with_names -o nosort -o bashdefault -o default ecache 2>/dev/null ||
    complete -F _ecache_with_names -o bashdefault -o default ecache
