// SPDX-License-Identifier: BSD-2-Clause
/* libbpf's copy here has this for syscall(2) (Makefile): programs are loaded with BCC's implicit reads made calls. */
#include "bcc/reads.h"

#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

long libbcc_syscall(long nr, long a, long b, long c, long d, long e, long f);

long libbcc_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	struct bcc_reads reads;
	long ret;

	if (nr != __NR_bpf || a != BPF_PROG_LOAD)
		return syscall(nr, a, b, c, d, e, f);
	ret = bcc_reads((const void *)b, (u32)c, &reads);
	if (ret) {
		if (ret == -ENOSPC)
			fputs("bpf: no room on the stack for what is read through the kernel's pointers\n",
			      stderr);
		errno = (int)-ret;
		return -1;
	}
	ret = syscall(nr, a, reads.changed ? (long)&reads.attr : b, c, d, e, f);
	bcc_reads_free(&reads);
	return ret;
}
