# SPDX-License-Identifier: Apache-2.0
# bash-complete.bash COMPLETION WORD…: what bash offers for the last word.
source "$1" || exit 2
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_abri 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
