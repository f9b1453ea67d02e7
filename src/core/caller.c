/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller that is this very process. Its addresses are still not dereferenced: the kernel copies,
 * so a bad pointer is -EFAULT as it is with bpf(2), not a crash. Where a sandbox forbids
 * process_vm_readv even on ourselves, a bad pointer is the crash it is with any library.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/core.h"

static bool refused(int err) { return err == EPERM || err == ENOSYS || err == EACCES; }

static int self_read(struct caller *caller, void *dst, u64 addr, size_t len)
{
	struct iovec to = { dst, len }, from = { (void *)(uintptr_t)addr, len };
	ssize_t done;

	if (!len)
		return 0;
	done = process_vm_readv((pid_t)caller->tgid, &to, 1, &from, 1, 0);
	if (done < 0 && refused(errno)) {
		memcpy(dst, from.iov_base, len);
		return 0;
	}
	return done == (ssize_t)len ? 0 : -EFAULT;
}

static int self_write(struct caller *caller, u64 addr, const void *src, size_t len)
{
	struct iovec from = { (void *)(uintptr_t)src, len }, to = { (void *)(uintptr_t)addr, len };
	ssize_t done;

	if (!len)
		return 0;
	done = process_vm_writev((pid_t)caller->tgid, &from, 1, &to, 1, 0);
	if (done < 0 && refused(errno)) {
		memcpy(to.iov_base, src, len);
		return 0;
	}
	return done == (ssize_t)len ? 0 : -EFAULT;
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
	*out = (struct fd_key){ .dev = st.st_dev, .ino = st.st_ino, .access = (u32)flags & O_ACCMODE };
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
	.write = self_write,
	.identify = self_identify,
	.install = self_install,
};
