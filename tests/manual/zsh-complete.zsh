# SPDX-License-Identifier: Apache-2.0
# zsh-complete.zsh DIR LINES OUT: what a real zsh offers at the end of each line of
# the file LINES, in the files OUT/1, OUT/2, …
# A second shell on a pseudo terminal completes; a hook prints every candidate
# that is about to be added. One shell for all: it takes long to begin.
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
    zpty -w z "bindkey '^I' complete-word; zstyle ':completion:*' list-prompt ''; LISTMAX=100000"
    # Typed ahead, a line would be lost: the line editor itself says when it listens.
    zpty -w z 'zle-line-init() { print -r -- REA""DY$HITS. }; zle -N zle-line-init'
    local said line; integer i=0
    while zpty -r z said; do [[ $said == *READY.* ]] && break; done
    while read -r line; do
        ((++i))
        zpty -w z "HITS=${(q)3}/$i"
        while zpty -r z said; do [[ $said == *READY$3/$i.* ]] && break; done
        zpty -w -n z "${line%.}"$'\t'
        zpty -w z $'\C-u HITS=; print -r FINI""SHED'
        while zpty -r z said; do [[ $said == *FINISHED* ]] && break; done
        while zpty -r z said; do [[ $said == *READY.* ]] && break; done
    done <"$2"
} "$1" "$2" "$3"
zpty -d z
