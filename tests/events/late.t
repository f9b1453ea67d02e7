#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Programs that are attached while the command runs: to what it was started to stop at, and to more than that.
. "$(dirname "$0")/lib.sh"

build workload || skip_all "no C compiler"
[ -n "$SAN" ] && skip_all "a sanitizer's library does not link into a plain program"
here=$(dirname "$0") lib=$(dirname "$(realpath "$SKEP")")
cat >"$T/late.c" <<'END'
/* late WATCH OBJECT CMD…: attaches the object when the file "started" is there, then makes "go". */
#include <fcntl.h>
#include <skep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct skep_object *object;

static void out(void *arg, const char *text, size_t len) { (void)arg; fwrite(text, 1, len, stderr); }

static int tick(void *arg)
{
	(void)arg;
	if (access("started", F_OK))
		return 0;
	if (skep_object_attach(object) <= 0)
		fprintf(stderr, "not attached\n");
	close(open("go", O_CREAT | O_WRONLY, 0600));
	return -1;
}

int main(int argc, char **argv)
{
	struct skep_opts opts = { .sz = sizeof(opts), .log = out };
	struct skep_object_opts object_opts = { .sz = sizeof(object_opts), .name = argv[2], .log = out };
	struct skep_spawn_opts spawn = { .sz = sizeof(spawn), .argv = argv + 3, .trace_fd = 1, .tick_ms = 5, .tick = tick, .watch = argv[1] };
	struct skep_spawn_result result = { .sz = sizeof(result) };
	struct skep *skep;
	void *bytes;
	size_t size;

	if (skep_new(&skep, &opts) || skep_compile(argv[2], NULL, &bytes, &size) ||
	    skep_object_open(&object, skep, bytes, size, &object_opts) || skep_object_load(object, NULL, 0) ||
	    skep_spawn(skep, &spawn, &result))
		return 125;
	skep_object_close(object);
	skep_free(skep);
	return skep_exit_code(result.status);
}
END
${CC:-cc} -pthread -I"$root/include" -o "$T/late" "$T/late.c" -L"$lib" -lskep -Wl,-rpath,"$lib" || skip_all "cannot link with libskep"
cd "$T" || exit 1
cat >work.sh <<'END'
read word <fifo & # blocked in a call when the programs come
: >started
until [ -e go ]; do sleep 0.01; done
"$@" || echo "BAD $?" >&2
echo word >fifo
wait $! || echo "BAD read" >&2
END
late() {
	rm -f started go fifo
	mkfifo fifo
	run timeout 600 ./late "$1" "$2" sh work.sh "${@:3}"
	lines=$(sed -E 's/.*bpf_trace_printk: //' <<<"$out")
}
count() { grep -cE "$1" <<<"$lines"; }
{ echo '#define LEAVE'; cat "$root/tests/events/life.bpf.c"; } >leave.bpf.c
{ echo '#define LIFE'; cat "$root/tests/events/life.bpf.c"; } >life.bpf.c

late execve "$hello" "$T/workload" fork
is "$status:$(grep -c ptrace err)" "0:0" "a program on execve, which is always stopped at"
[ "$(count 'Hello World')" -ge 1 ]
ok $? "sees the command's execve from then on"

late "" life.bpf.c "$T/workload" vfork
is "$status:$err" "0:" "sched tracepoints: nothing is slow"
is "$(count '^exec .*/workload'):$(count '^exec /bin/true true 1'):$(count '^exit true 1'):$(count '^exit workload 1')" 1:1:1:1 "and seen"

late "" leave.bpf.c "$T/workload" results
is "$status:$(wc -l <err)" "0:1" "results of calls: a line of warning"
like "$err" "note: .* is attached while the command runs.* ptrace" "says why it is slow"
is "$(count '^close -9$'):$(count '^write 3 1$'):$(count '^wrote 3 3 1$'):$(count '^getppid [1-9]')" 1:1:1:1 "results are right, and entries, none twice"
for way in threads thread interrupted stopped killed storm; do
	late "" leave.bpf.c "$T/workload" $way
	is "$status:$(grep -c BAD err)" "0:0" "all calls stopped from then on: $way"
done
done_testing
