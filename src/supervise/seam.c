/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seam's own system calls: bpf(2), perf_event_open(2) and its ioctls. What they do is core's;
 * here is only who asks, and whether it may take long.
 */
#include "supervise/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { RESERVE = 32 };

static enum how bpf_how(const struct clients *clients, const u64 *args)
{
	(void)clients;
	switch ((int)args[0]) {
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
	case BPF_PROG_TEST_RUN:
	case BPF_ITER_CREATE:
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH: return LONG;
	}
	return SHORT;
}

/*
 * What a client makes costs fds of ours; the last ones are kept for answering those who make
 * nothing: -EMFILE.
 */
static int room_left(const struct client_call *call)
{
	int fd = fcntl(call->tree->listener, F_DUPFD_CLOEXEC, 0);
	struct rlimit limit;

	if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit))
		return fd < 0 ? -errno : 0;
	close(fd);
	return (rlim_t)fd + min(limit.rlim_cur / 8, (rlim_t)RESERVE) < limit.rlim_cur ? 0 : -EMFILE;
}

static bool is_element(int cmd)
{
	return cmd >= BPF_MAP_LOOKUP_ELEM && cmd <= BPF_MAP_GET_NEXT_KEY;
}

/*
 * Whoever begins to list what there is shall not find what the last process left behind: that a
 * mapped object's holder is gone is otherwise seen a moment later.
 */
static void reap_before_list(struct clients *clients, struct client_call *call, const u64 *args)
{
	u32 start = 0;

	switch ((int)args[0]) {
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
		if (!call->caller.ops->read(&call->caller, &start, args[1], sizeof(start)) &&
		    !start)
			core_reap(clients->hive);
	}
}

static s64 answer_bpf(struct clients *clients, struct client_call *call, const u64 *args)
{
	int cmd = (int)args[0], err;

	/* who asks is not looked at where one element of a map is meant: the calls that are many */
	if (!is_element(cmd)) {
		err = room_left(call);
		if (err)
			return err;
		client_call_identify(call);
		reap_before_list(clients, call, args);
	}
	return core_bpf(clients->hive, &call->caller, cmd, args[1], (u32)args[2]);
}

static s64 answer_perf_event_open(struct clients *clients, struct client_call *call,
				  const u64 *args)
{
	int err = room_left(call);

	if (err)
		return err;
	client_call_identify(call);
	return core_perf_event_open(clients->hive, &call->caller, args[0], (int)args[1],
				    (int)args[2], (int)args[3], args[4]);
}

static enum how ioctl_how(const struct clients *clients, const u64 *args)
{
	(void)clients;
	return (args[1] >> 8 & 0xff) == '$' ? SHORT : LINUX; /* perf's */
}

static s64 answer_ioctl(struct clients *clients, struct client_call *call, const u64 *args)
{
	s64 ret;

	client_call_identify(call);
	ret = core_ioctl(clients->hive, &call->caller, (int)args[0], (unsigned long)args[1],
			 args[2]);
	return ret == -ENOTTY ? CONTINUE : ret;
}

/* Whoever executes another file has other memory afterwards. */
static enum how exec_how(const struct clients *clients, const u64 *args)
{
	(void)args;
	peers_forget(clients->peers);
	return LINUX;
}

const struct answer_row seam_rows[] = {
	{ SYS_bpf, bpf_how, answer_bpf },
	{ SYS_perf_event_open, NULL, answer_perf_event_open },
	{ SYS_ioctl, ioctl_how, answer_ioctl },
	{ SYS_execve, exec_how, NULL },
	{ SYS_execveat, exec_how, NULL },
};
const size_t seam_row_count = ARRAY_SIZE(seam_rows);
