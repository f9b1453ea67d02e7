/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller that is this very process. A bad pointer of his is -EFAULT, as it is with bpf(2), not a
 * crash: each page is asked for before it is touched, by a system call that reads or writes a word of it
 * and does nothing else, which costs a tenth of process_vm_readv on ourselves. A caller that unmaps his
 * arguments while he is being answered gets what he asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/core.h"

enum { PAGE = 4096, WORD = 32 }; /* WORD: what rt_sigaction(2) copies */

/* rt_sigaction of no signal copies its argument before it says EINVAL; NULL would mean no argument. */
static bool readable(u64 addr, u64 len)
{
	(void)len;
	return addr >= WORD &&
	       (!syscall(SYS_rt_sigaction, 0, addr / WORD * WORD, NULL, 8) || errno != EFAULT);
}

/* What lies there is about to be written over: let the kernel write a word first. Less than a word: add zero to it. */
static bool writable(u64 addr, u64 len)
{
	u32 other = 0;

	if (len >= sizeof(u32))
		return addr && !syscall(SYS_getcpu, addr, NULL, NULL);
	return syscall(SYS_futex, &other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0, addr / 4 * 4,
		       FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) >= 0 ||
	       errno != EFAULT;
}

/* Asks for every page's part of the range. */
static bool range_ok(u64 addr, size_t len, bool (*part_ok)(u64 addr, u64 len))
{
	u64 end = addr + len, part;

	if (end < addr)
		return false;
	for (; addr < end; addr += part) {
		part = min(end - addr, PAGE - addr % PAGE);
		if (!part_ok(addr, part))
			return false;
	}
	return true;
}

static int self_read(struct caller *caller, void *dst, u64 addr, size_t len)
{
	(void)caller;
	if (!range_ok(addr, len, readable))
		return -EFAULT;
	memcpy(dst, (const void *)(uintptr_t)addr, len);
	return 0;
}

/* Not a byte behind the end: what lies there may be somebody else's. */
static int self_read_text(struct caller *caller, char *dst, u64 addr, size_t len)
{
	(void)caller;
	if (!range_ok(addr, len, readable))
		return -EFAULT;
	memccpy(dst, (const void *)(uintptr_t)addr, 0, len);
	return 0;
}

static int self_write(struct caller *caller, u64 addr, const void *src, size_t len)
{
	(void)caller;
	if (!range_ok(addr, len, writable))
		return -EFAULT;
	memcpy((void *)(uintptr_t)addr, src, len);
	return 0;
}

static int self_identify(struct caller *caller, int fd, struct fd_key *out)
{
	struct stat st;
	int flags;

	(void)caller;
	if (fstat(fd, &st))
		return -EBADF;
	flags = S_ISFIFO(st.st_mode) ? O_WRONLY : fcntl(fd, F_GETFL);
	if (flags < 0)
		return -EBADF;
	*out = (struct fd_key){ .dev = st.st_dev,
				.ino = st.st_ino,
				.access = (u32)flags & O_ACCMODE };
	return 0;
}

static int self_install(struct caller *caller, int fd, bool cloexec)
{
	(void)caller;
	if (!cloexec && fcntl(fd, F_SETFD, 0)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

const struct caller_ops caller_self_ops = {
	.read = self_read,
	.read_text = self_read_text,
	.write = self_write,
	.identify = self_identify,
	.install = self_install,
};
