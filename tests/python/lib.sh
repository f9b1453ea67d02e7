# SPDX-License-Identifier: BSD-2-Clause
# For the tests of Python programs on bcc: what tests/cli/lib.sh has, and the library's own client.
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

[ -z "${SAN:-}" ] || skip_all "sanitizer build: Python is not built with it"
command -v clang >/dev/null || skip_all "no clang"
[ -x /usr/bin/python3 ] || skip_all "no /usr/bin/python3 (./bootstrap --python)"
[ -e /usr/lib/python3/dist-packages/bcc/libbcc.py ] || skip_all "no python3-bpfcc (./bootstrap --python)"
libbcc=$(dirname "$(realpath "$SKEP")")/lib
[ -e "$libbcc/libbcc.so.0" ] || libbcc=$(dirname "$(realpath "$SKEP")")/../lib/skep
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
unset PYTHONPATH PYTHONHOME PYTHON

# Three executions: the shell, and two by it (the programs are no builtins)
cat >"$T/work.sh" <<'END'
#!/bin/sh
/bin/true
/bin/true
exit 3
END
chmod +x "$T/work.sh"

# observe X.py [ARG...] [-- CMD...]: skep run, the programs' own output in $out
observe() { run "$SKEP" run "$@"; }

# Linux answers: as root, in mount and network namespaces of the test's own, with tracefs. Call it first in a test.
on_linux() {
	[ "$(id -u)" = 0 ] || skip_all "loading into the kernel takes root"
	echo 'int hello(void *ctx) { return 0; }' >"$T/null.c"
	"$SKEP" run --kernel -a raw_tp:sys_enter "$T/null.c" -- /bin/true 2>/dev/null || skip_all "this kernel does not load BPF here"
	if [ "${1:-}" != inside ]; then
		take_trace_pipe
		unshare -mn true 2>/dev/null || skip_all "no namespaces of its own"
		unshare -mn "$BASH" -c "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec '$BASH' '$0' inside"
		exit
	fi
	[ -e /sys/kernel/tracing/events/syscalls/sys_enter_execve ] || skip_all "no syscall tracepoints"
}
