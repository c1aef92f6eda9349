# SPDX-License-Identifier: Apache-2.0
# zsh-complete.zsh DIR "LINE": what a real zsh offers at the end of the line.
# A second shell on a pseudo terminal completes; a hook prints every candidate
# that is about to be added.
zmodload zsh/zpty
zpty z zsh -f -i
() {
    zpty -w z 'PROMPT= RPROMPT= ; unset zle_bracketed_paste; stty -echo cols 400 rows 1000'
    zpty -w z "fpath=(${(q)1} \$fpath); autoload -U compinit && compinit -u -D"
    zpty -w z 'compadd() {
        if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return $?; fi
        typeset -a __hits; builtin compadd -A __hits "$@" ; builtin compadd "$@"
        local h; for h in $__hits; do print -r -- "HIT:$h:" >>$HITS; done
    }'
    zpty -w z "HITS=${(q)3}; bindkey '^I' complete-word; zstyle ':completion:*' list-prompt ''; LISTMAX=100000"
    # Typed ahead, a line would be lost: the line editor itself says when it listens.
    zpty -w z 'zle-line-init() { print -r -- REA""DY }; zle -N zle-line-init'
    local line; while zpty -r z line; do [[ $line == *READY* ]] && break; done
    zpty -w -n z "$2"$'\t'
    zpty -w z $'\C-u print -r FINI""SHED'
    while zpty -r z line; do [[ $line == *FINISHED* ]] && break; done
} "$1" "$2" "$3"
zpty -d z
