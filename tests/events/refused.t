#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Where the kernel gives no listener, skep says so with 125 and the command does not run.
. "$(dirname "$0")/lib.sh"

# deny ERRNO CMD…: CMD without seccomp(2)
cat >"$T/deny.c" <<'EOF'
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sock_filter insns[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | (unsigned)atoi(argv[1]) },
		{ BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW },
	};
	struct sock_fprog prog = { 4, insns };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return 77;
	execvp(argv[2], argv + 2);
	return 126;
}
EOF
${CC:-cc} -o "$T/deny" "$T/deny.c" || skip_all "no C compiler"
deny() { run "$T/deny" "$1" "$SKEP" run --attach kprobe:execve "$hello" -- sh -c 'echo ran'; }
for errno in 38 22 1 13; do
	deny $errno
	[ "$status" = 77 ] && skip_all "no seccomp filters here"
	is "$status" 125 "seccomp(2) gives errno $errno: 125"
	is "$out" "" "and the command has not run"
done
deny 38
like "$err" "this kernel has no seccomp user notification" "ENOSYS is the kernel's lack"
deny 1
like "$err" "not allowed to install a seccomp filter" "EPERM is a ban"
done_testing
