/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2) of the running kernel, for tests that compare with it. Where a signal is pending, be it SIGCONT or a freezer's,
 * Linux gives up verifying (EAGAIN) and repeating a test run (EINTR): that is no answer, so it is asked again.
 */
#ifndef TESTS_LINUX_BPF_H
#define TESTS_LINUX_BPF_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "def/uapi.h"

/* A result >= 0, or -errno. */
__attribute__((unused)) static int linux_bpf(int cmd, const void *attr, unsigned int size)
{
	int err = cmd == BPF_PROG_LOAD ? EAGAIN : cmd == BPF_PROG_TEST_RUN ? EINTR : 0;
	long got;

	for (int tries = 0; tries < 1000; tries++) {
		got = syscall(SYS_bpf, cmd, attr, size);
		if (got >= 0 || errno != err)
			break;
	}
	return got < 0 ? -errno : (int)got;
}

#endif
