#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# hello-map.py: a hash map read from Python every two seconds. The command's end is no end before the map was read.
. "$(dirname "$0")/lib.sh"
observe "$root/examples/python/hello-map.py" -- "$T/work.sh"
is "$status" 3 "the command's status"
is "$(tail -1 <<<"$out")" "ID $(id -u): 3	" "the user's executions"
is "$err" "" "nothing on standard error"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	printf '#!/bin/sh\n/bin/true\nexec %s --reuid 12345 --clear-groups /bin/true\n' "$(command -v setpriv)" >"$T/two.sh"
	chmod +x "$T/two.sh"
	observe "$root/examples/python/hello-map.py" -- "$T/two.sh"
	is "$(tail -1 <<<"$out" | tr '\t' '\n' | sort | tr '\n' ' ' | sed 's/^ *//')" "ID 0: 3 ID 12345: 1 " "two users, each with his own"
else
	skip "two users" "not root"
fi
done_testing
