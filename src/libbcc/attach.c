// SPDX-License-Identifier: BSD-2-Clause
/*
 * Attaching: a perf event for probes and tracepoints, a link for raw tracepoints, netlink for XDP.
 * What is returned is an fd whose closing detaches. BCC's Python says only "Failed to attach BPF
 * program X to kprobe Y"; why, and what there is instead, is printed here.
 */
#include "libbcc/libbcc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "event/names.h"
#include "libbcc/attach.h"

/* ---- perf events ---- */

static int perf_open(struct perf_event_attr *attr, int pid, int cpu, int group)
{
	attr->size = sizeof(*attr);
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, group, PERF_FLAG_FD_CLOEXEC);
}

/* The program runs at the event from now on: the fd again, or -1 with errno. */
static int perf_give(int fd, int prog_fd)
{
	int saved;

	if (!ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) && !ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int read_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	int value = -ENOENT;

	if (!file)
		return -errno;
	if (fscanf(file, format, &value) != 1)
		value = -EINVAL;
	fclose(file);
	return value;
}

static int pmu_type(const char *pmu)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/type", pmu);
	return read_number(path, "%d");
}

/* The bit of config that makes a probe one at the return: "config:0" in the format file. */
static u64 return_bit(const char *pmu)
{
	char path[128];
	int bit;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s/format/retprobe", pmu);
	bit = read_number(path, "config:%d");
	return bit >= 0 && bit < 64 ? 1ull << bit : 1;
}

static int probe(const char *pmu, int prog_fd, bool at_return, const char *name, u64 offset,
		 int pid)
{
	struct perf_event_attr attr = { .sample_period = 1, .wakeup_events = 1 };
	int type = pmu_type(pmu), fd;

	if (type < 0) {
		errno = -type;
		return -1;
	}
	attr.type = (u32)type;
	attr.config = at_return ? return_bit(pmu) : 0;
	attr.config1 = (u64)(uintptr_t)name;
	attr.config2 = offset;
	fd = perf_open(&attr, pid, pid < 0 ? 0 : -1, -1);
	return fd < 0 ? -1 : perf_give(fd, prog_fd);
}

ABI int bpf_attach_kprobe(int prog_fd, int at_return, const char *event, const char *name,
			  u64 offset, int maxactive)
{
	int fd = probe("kprobe", prog_fd, at_return, name, offset, -1), err;

	(void)event, (void)maxactive; /* names of files in tracefs, which is not used */
	if (fd >= 0)
		return fd;
	err = errno;
	if (pmu_type("kprobe") == -ENOENT) {
		fd = attach_without_kprobes(prog_fd, at_return, name, offset);
		if (fd >= 0)
			return fd;
		fprintf(stderr,
			"bpf: kprobe:%s: this kernel has no kprobes: functions of system calls only",
			name);
		syscalls_suggest(name);
		fputc('\n', stderr);
	} else {
		fprintf(stderr, "bpf: kprobe:%s: %s", name, strerror(err));
		if (answer_is_skep())
			fputs("; other functions of the kernel are there with --kernel", stderr);
		else if (err == ENOENT || err == EINVAL || err == EADDRNOTAVAIL)
			symbols_suggest(name);
		fputc('\n', stderr);
	}
	errno = err;
	return -1;
}

ABI int bpf_detach_kprobe(const char *event)
{
	(void)event;
	return 0;
}

ABI int bpf_attach_uprobe(int prog_fd, int at_return, const char *event, const char *path,
			  u64 offset, int pid)
{
	int fd = probe("uprobe", prog_fd, at_return, path, offset, pid);

	(void)event;
	if (fd < 0)
		fprintf(stderr, "bpf: uprobe:%s:0x%llx: %s%s\n", path, (unsigned long long)offset,
			strerror(errno),
			answer_is_skep() ? "; skep has no uprobes, Linux has: skep run --kernel"
					 : "");
	return fd;
}

ABI int bpf_detach_uprobe(const char *event)
{
	(void)event;
	return 0;
}

ABI int bpf_attach_perf_event(int prog_fd, u32 type, u32 config, u64 period, u64 freq, int pid,
			      int cpu, int group)
{
	struct perf_event_attr attr = { .type = type, .config = config };
	int fd;

	if (!!period == !!freq) {
		fprintf(stderr,
			"bpf: perf event: one of sample_period and sample_freq must be given\n");
		errno = EINVAL;
		return -1;
	}
	attr.sample_period = freq ? freq : period;
	attr.freq = freq != 0;
	attr.inherit = pid > 0;
	fd = perf_open(&attr, pid, cpu, group);
	if (fd >= 0)
		fd = perf_give(fd, prog_fd);
	if (fd < 0)
		fprintf(stderr, "bpf: perf event type %u config %u: %s\n", type, config,
			strerror(errno));
	return fd;
}

ABI int bpf_attach_perf_event_raw(int prog_fd, void *attr, int pid, int cpu, int group,
				  unsigned long flags)
{
	int fd = (int)syscall(SYS_perf_event_open, attr, pid, cpu, group,
			      flags | PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		fd = perf_give(fd, prog_fd);
	if (fd < 0)
		fprintf(stderr, "bpf: perf event: %s\n", strerror(errno));
	return fd;
}

ABI int bpf_open_perf_event(u32 type, u64 config, int pid, int cpu)
{
	struct perf_event_attr attr = { .type = type,
					.config = config,
					.sample_period = ~0ull >> 1 };
	int fd;

	if (type != PERF_TYPE_HARDWARE && type != PERF_TYPE_RAW) {
		fprintf(stderr, "bpf: perf event type %u cannot be read by programs\n", type);
		errno = EINVAL;
		return -1;
	}
	fd = perf_open(&attr, pid, cpu, -1);
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		fprintf(stderr, "bpf: perf event type %u: %s\n", type, strerror(errno));
	return fd;
}

ABI int bpf_close_perf_event_fd(int fd)
{
	if (fd < 0)
		return -1;
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0); /* a link has nothing to disable */
	fallback_closed(fd);
	return close(fd);
}

/* ---- tracepoints ---- */

static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

static int tracepoint_id(const char *category, const char *name)
{
	char path[512];
	int id = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && id < 0; i++) {
		snprintf(path, sizeof(path), "%s/events/%s/%s/id", roots[i], category, name);
		id = read_number(path, "%d");
	}
	return id;
}

/* Says what is in a folder of tracefs with a name near to this one; false: there is no such folder. */
static bool folder_suggest(const char *folder, const char *name, const char *prefix)
{
	struct dirent **entries = NULL;
	const char **names;
	char path[512];
	int n = -1;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && n < 0; i++) {
		snprintf(path, sizeof(path), "%s/events/%s", roots[i], folder);
		n = scandir(path, &entries, NULL, alphasort);
	}
	names = n > 0 ? calloc((size_t)n, sizeof(*names)) : NULL;
	for (int i = 0; names && i < n; i++)
		names[i] = entries[i]->d_name[0] == '.' ? NULL : entries[i]->d_name;
	if (names)
		names_suggest(&to_stderr, name, prefix, names, (size_t)n);
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
	free(names);
	return n >= 0;
}

ABI int bpf_attach_tracepoint(int prog_fd, const char *category, const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT,
					.sample_type = PERF_SAMPLE_RAW,
					.sample_period = 1,
					.wakeup_events = 1 };
	int id = tracepoint_id(category, name), fd = -1;
	char prefix[128];

	if (id >= 0) {
		attr.config = (u64)id;
		fd = perf_open(&attr, -1, 0, -1);
		if (fd >= 0)
			fd = perf_give(fd, prog_fd);
	} else {
		errno = -id;
	}
	if (fd >= 0)
		return fd;
	id = errno;
	fprintf(stderr, "bpf: tracepoint %s:%s: %s", category, name, strerror(errno));
	snprintf(prefix, sizeof(prefix), "%s:", category);
	if (id == ENOENT && !folder_suggest(category, name, prefix))
		folder_suggest("", category, "category ");
	fputc('\n', stderr);
	errno = id;
	return -1;
}

ABI int bpf_detach_tracepoint(const char *category, const char *name)
{
	(void)category, (void)name;
	return 0;
}

ABI int bpf_attach_raw_tracepoint(int prog_fd, const char *name)
{
	int fd = bpf_raw_tracepoint_open(name, prog_fd), err;

	if (fd >= 0)
		return fd;
	err = -fd;
	fprintf(stderr, "bpf: raw tracepoint %s: %s", name, strerror(err));
	if (err == ENOENT)
		names_suggest(&to_stderr, name, "", raw_tracepoints, nr_raw_tracepoints);
	fputc('\n', stderr);
	errno = err;
	return -1;
}

const char *const raw_tracepoints[] = {
	"sys_enter",	      "sys_exit",	    "sched_switch",	  "sched_wakeup",
	"sched_process_exec", "sched_process_fork", "sched_process_exit", "task_newtask",
	"block_rq_issue",     "block_rq_complete",  "kfree_skb",	  "netif_receive_skb",
	"net_dev_queue",      "signal_generate",    "signal_deliver",	  "page_fault_user",
	"irq_handler_entry",  "softirq_entry",
};
const size_t nr_raw_tracepoints = ARRAY_SIZE(raw_tracepoints);

/* ---- tracing programs: what they attach to was fixed when they were loaded ---- */

static int attach_tracing(int prog_fd, const char *what)
{
	int fd = bpf_raw_tracepoint_open(NULL, prog_fd);

	if (fd >= 0)
		return fd;
	fprintf(stderr, "bpf: %s: %s\n", what, strerror(-fd));
	errno = -fd;
	return -1;
}

ABI int bpf_attach_kfunc(int prog_fd)
{
	return attach_tracing(prog_fd, "kfunc");
}
ABI int bpf_attach_lsm(int prog_fd)
{
	return attach_tracing(prog_fd, "lsm");
}

/* ---- networking ---- */

ABI int bpf_attach_xdp(const char *device, int prog_fd, u32 flags)
{
	unsigned int ifindex = if_nametoindex(device);
	int err;

	if (!ifindex) {
		fprintf(stderr, "bpf: xdp: no network interface '%s'\n", device);
		errno = ENODEV;
		return -1;
	}
	said_begin();
	err = prog_fd < 0 ? bpf_xdp_detach((int)ifindex, flags, NULL)
			  : bpf_xdp_attach((int)ifindex, prog_fd, flags, NULL);
	if (err)
		fprintf(stderr, "bpf: xdp: %s: %s%s\n", device, strerror(-err),
			err == -EBUSY || err == -EEXIST ? "; another program is attached there"
			: err == -EPERM			? "; CAP_NET_ADMIN is needed"
							: "");
	said_end();
	errno = -err;
	return err ? -1 : 0;
}

ABI int bpf_open_raw_sock(const char *device)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(PF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	int saved;

	if (fd < 0)
		return -1;
	address.sll_ifindex = (int)if_nametoindex(device);
	if (address.sll_ifindex && !bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	saved = address.sll_ifindex ? errno : ENODEV;
	close(fd);
	errno = saved;
	return -1;
}

ABI int bpf_attach_socket(int sock, int prog_fd)
{
	return setsockopt(sock, SOL_SOCKET, SO_ATTACH_BPF, &prog_fd, sizeof(prog_fd));
}
