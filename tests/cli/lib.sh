# SPDX-License-Identifier: BSD-2-Clause
# TAP for shell tests: source it, call ok/is/like/skip_all, end with done_testing.
# $SKEP is the program under test, $T a scratch folder that goes away.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SKEP=${SKEP:-$root/build/skep}
T=$(mktemp -d "${TMPDIR:-/tmp}/skep-test.XXXXXX")
trap 'rm -rf "$T"' EXIT
export XDG_CACHE_HOME=$T/cache LC_ALL=C
tap_n=0 tap_bad=0

# ok STATUS NAME: STATUS 0 passes
ok() {
	tap_n=$((tap_n + 1))
	if [ "$1" = 0 ]; then echo "ok $tap_n - $2"; else
		echo "not ok $tap_n - $2"
		tap_bad=$((tap_bad + 1))
		return 1
	fi
}
# is GOT WANT NAME
is() {
	[ "$1" = "$2" ]
	ok $? "$3" || { echo "# got:"; sed 's/^/#   /' <<<"$1"; echo "# want:"; sed 's/^/#   /' <<<"$2"; }
}
# like GOT REGEX NAME (bash ERE over the whole text)
like() {
	[[ $1 =~ $2 ]]
	ok $? "$3" || { echo "# got:"; sed 's/^/#   /' <<<"$1"; echo "# want match: $2"; }
}
skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"; }
skip_all() { echo "1..0 # SKIP $1"; exit 0; }
# run CMD…: its stdout in $out, stderr in $err, status in $status
run() {
	"$@" >"$T/out" 2>"$T/err"
	status=$?
	out=$(<"$T/out") err=$(<"$T/err")
}
# await CMD…: until it succeeds, two minutes at most
await() {
	local end=$((SECONDS + 120))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}
# The kernel's trace_pipe has one reader: tests that read it take turns, for as long as they run.
take_trace_pipe() {
	[ -n "${SKEP_HAS_TRACE_PIPE:-}" ] || ! [ "$(id -u)" = 0 ] || ! command -v flock >/dev/null && return
	exec 9>"${TMPDIR:-/tmp}/skep-trace-pipe.lock" && flock 9 && export SKEP_HAS_TRACE_PIPE=1
}
done_testing() { echo "1..$tap_n"; exit $((tap_bad != 0)); }
