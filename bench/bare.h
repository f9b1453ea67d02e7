/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor under every figure of notified calls: a listener that does nothing but receive and let
 * continue, in the same run, on the same machine. look() may do what any answer has to do (read the
 * caller's memory, say), so that its share is told, too.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5)
#endif

/* Some kernels do not end the wait for a call when the tree is gone. */
static void bare_ended(int signal)
{
	int status;

	(void)signal;
	if (wait(&status) > 0)
		_exit(status ? 1 : 0);
}

static int bare_listen(unsigned nr)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = 4, .filter = insns };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
}

static void bare_serve(int fd, void (*look)(const struct seccomp_notif *notif))
{
	struct seccomp_notif notif;
	struct seccomp_notif_resp resp = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	for (;;) {
		memset(&notif, 0, sizeof(notif));
		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &notif))
			continue; /* until bare_ended() */
		if (look)
			look(&notif);
		resp.id = notif.id;
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
	}
}

/* Runs argv with its calls nr under such a listener, and ends with its status. */
static void bare_run(char *const argv[], unsigned nr,
		     void (*look)(const struct seccomp_notif *notif))
{
	volatile int *fd =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	signal(SIGCHLD, bare_ended);
	if (syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0) == 0) {
		int listener = bare_listen(nr);

		*fd = listener + 1;
		if (listener >= 0)
			execv(argv[0], argv);
		_exit(125);
	}
	while (!*fd)
		usleep(100);
	ioctl(*fd - 1, SECCOMP_IOCTL_NOTIF_SET_FLAGS, 1ul); /* SYNC_WAKE_UP */
	bare_serve(*fd - 1, look);
}

#endif
