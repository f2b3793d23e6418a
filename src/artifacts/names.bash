
# Completes the names that `ecache names` offers, programs, and files where a file is meant. Takes the text
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

    local typed="${words[-1]}" option="" quote="" db=() offers=() name match
    [[ "${typed}" != --*=* ]] || option="${typed%%=*}="
    if [[ " ${words[*]}" =~ " --db"[=\ ]([^\ ]+) ]]; then
        db=(--db "${BASH_REMATCH[1]/#\~\//${HOME}/}")
    fi
    mapfile -t offers < <(command ecache "${db[@]}" names --quoted -- "${words[@]:1}" 2>/dev/null)
    case "${offers[0]}" in
        files) return 0 ;;
        programs)
            mapfile -t COMPREPLY < <(compgen -c -- "${typed}" | sort -u)
            return 0
            ;;
        names) ;;
        *) return 1 ;;
    esac

    case "${typed#"${option}"}" in
        \'* | \"*) quote="${typed:${#option}:1}" ;;
    esac
    for name in "${offers[@]:1}"; do
        if [[ -z "${quote}" ]]; then
            printf -v match "%s%q" "${option}" "${name}"
            # A comma needs no quoting.
            match="${match//\\,/,}"
        elif [[ "${name}" == *[\'\"\\\$\`]* ]]; then
            # It would have to be escaped within the quotes, and is offered without them.
            continue
        else
            match="${option}${quote}${name}"
        fi
        [[ "${match}" != "${typed}"* ]] || COMPREPLY+=("${match#"${typed%"$1"}"}")
    done
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
