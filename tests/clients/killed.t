#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep exec killed at any moment: the tree runs on and ends by itself; from then on bpf(2) is Linux's.
. "$(dirname "$0")/../cli/lib.sh"
cat >"$T/client.c" <<'END'
/* client FILE: makes maps, uses and drops them, opens and stats the seam's paths; writes "done" to FILE. Errors are expected. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct bpf_insn insns[4000];
	struct stat st;
	FILE *out;

	for (int i = 0; i < 4000; i++)
		insns[i] = (struct bpf_insn){ .code = i ? 0x07 : 0xb7, .imm = 1 };
	insns[3999] = (struct bpf_insn){ .code = 0x95 };
	for (int i = 0; i < 25; i++) {
		union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 4 };
		union bpf_attr prog = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 4000, .insns = (uintptr_t)insns,
					.license = (uintptr_t)"GPL" };
		uint64_t value = 0;
		int key = 1, fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)), more;
		union bpf_attr element = { .map_fd = (unsigned)fd };

		element.key = (uintptr_t)&key;
		element.value = (uintptr_t)&value;
		syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &element, sizeof(element));
		more = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &prog, sizeof(prog));
		stat("/sys/fs/bpf", &st);
		close(open("/sys/kernel/tracing/trace_pipe", O_RDONLY | O_NONBLOCK));
		close(fd);
		close(more);
		usleep(500);
	}
	out = argc > 1 ? fopen(argv[1], "w") : NULL;
	return !out || fputs("done", out) < 0 || fclose(out);
}
END
${CC:-cc} -O1 -o "$T/client" "$T/client.c" || exit 1
bad=0 killed=0
for n in $(seq 20); do
	rm -f "$T/got"
	# the pipe closes when the last process of the tree has gone
	exec 3< <("$SKEP" exec -- "$T/client" "$T/got" 2>"$T/err" & echo $!; wait $! 2>/dev/null; echo $?)
	read -r pid <&3
	perl -e 'select undef, undef, undef, $ARGV[0]' "$(printf '0.%04d' $((n * 10)))"
	kill -KILL "$pid" 2>/dev/null && killed=$((killed + 1))
	# a tree that never started has nothing to show
	timeout 300 cat <&3 >/dev/null || { bad=$((bad + 1)); echo "# $n: the tree hangs"; }
	exec 3<&-
	[ -e "$T/got" ] && [ "$(<"$T/got")" != "done" ] && { bad=$((bad + 1)); echo "# $n: half done"; }
done
is "$bad" 0 "kills do no harm"
[ $killed -gt 0 ]
ok $? "and skep was killed ($killed times)"
run "$SKEP" exec -- "$T/client" "$T/got"
is "$status $(<"$T/got")" "0 done" "unkilled it works"
done_testing
