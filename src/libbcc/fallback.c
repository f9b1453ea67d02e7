// SPDX-License-Identifier: BSD-2-Clause
/* Kprobes where the kernel has none: for system calls' functions, raw tracepoint sys_enter. */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <string.h>

#include "libbcc/attach.h"

int attach_without_kprobes(int prog_fd, bool at_return, const char *name, u64 offset)
{
	(void)prog_fd, (void)at_return, (void)name, (void)offset;
	errno = ENOENT;
	return -1;
}
