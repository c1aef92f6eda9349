#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One file with more extended attributes than a tree node holds does not stop
# the backup of all others: what fits is kept, the rest is a problem.
. "$(dirname "$0")/lib.sh"

[ "$IS_ROOT" = yes ] || skip 'only root mounts a file system without limits for attributes'
mkdir "$T/src"
mount -t tmpfs none "$T/src" 2>/dev/null || skip 'no tmpfs can be mounted'
MOUNTS="$T/src"
echo fat >"$T/src/fat"
echo lean >"$T/src/lean"
python3 - "$T/src/fat" <<'END' || skip 'tmpfs takes no extended attributes'
import os, sys
for i in range(160):  # 10 MB
    os.setxattr(sys.argv[1], 'trusted.%04d' % i, bytes([i]) * 65000)
END

make_vault
expect_status 3 "$ABRI" backup "$T/src"
expect_grep "fat.*extended attribute" "$T/err"
# Many file systems hold fewer attributes than tmpfs: then it is told, and counted.
"$ABRI" restore "latest:$T/src" --target "$T/back" >"$T/out" 2>"$T/err"
case $? in
0) ;;
3) grep -v "fat: extended attribute\|problem.*see above" "$T/err" && fail 'another problem' ;;
*) fail 'restore' ;;
esac
expect_equal "$(cat "$T/back/fat" "$T/back/lean" | tr '\n' ' ')" 'fat lean '
expect_status 0 "$ABRI" check --read-data
