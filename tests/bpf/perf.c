/* SPDX-License-Identifier: BSD-2-Clause */
/* perf_event_open(2) as loaders use it: perf buffers written by a program and read here; probes and their programs. */
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bpf/both.h"
#include "core/source.h"

#define PAGES 4

static struct caller self(void)
{
	return (struct caller){ .ops = &caller_self_ops,
				.pid = (u32)gettid(),
				.tgid = (u32)getpid() };
}

static int perf_open(struct ask *ask, struct perf_event_attr *attr, int pid, int cpu,
		     unsigned long flags)
{
	struct caller caller = self();
	int ret;

	if (ask->skep)
		return core_perf_event_open(skep_hive(ask->skep), &caller, PTR(attr), pid, cpu, -1,
					    flags);
	ret = (int)syscall(__NR_perf_event_open, attr, pid, cpu, -1, flags);
	return ret < 0 ? -errno : ret;
}

static int perf_ioctl(struct ask *ask, int fd, unsigned long cmd, unsigned long arg)
{
	struct caller caller = self();
	int ret;

	if (ask->skep)
		return core_ioctl(skep_hive(ask->skep), &caller, fd, cmd, arg);
	ret = ioctl(fd, cmd, arg);
	return ret < 0 ? -errno : ret;
}

static struct perf_event_attr output_attr(void)
{
	return (struct perf_event_attr){ .type = PERF_TYPE_SOFTWARE,
					 .size = sizeof(struct perf_event_attr),
					 .config = PERF_COUNT_SW_BPF_OUTPUT,
					 .sample_period = 1,
					 .sample_type = PERF_SAMPLE_RAW,
					 .wakeup_events = 1 };
}

/* perf_event_output(ctx, map, 0, &value, size): return it */
static int writer(struct ask *ask, int map, int size)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 2, .imm = 0x11223344 },
		{ .imm = 0x55667788 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 2, .off = -8 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 2, .off = -16 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 4, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 4, .imm = -16 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 5, .imm = size },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_perf_event_output },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		   .insn_cnt = sizeof(insns) / sizeof(insns[0]), .insns = PTR(insns),
		   .license = PTR("GPL"));
}

static long long run(struct ask *ask, int prog)
{
	union bpf_attr attr = {
		.test = { .prog_fd = (__u32)prog, .flags = BPF_F_TEST_RUN_ON_CPU, .cpu = 0 }
	};
	int err = ask_bpf(ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr));

	return err ? err : (int)attr.test.retval;
}

static void drain(struct ask *ask, struct perf_event_mmap_page *page)
{
	unsigned char *data = (unsigned char *)page + 4096;
	__u64 tail = page->data_tail, head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE),
	      lost = 0, samples = 0;

	note(ask, "bytes", (long long)(head - tail));
	while (tail < head) {
		struct perf_event_header header;
		__u64 word = 0;

		memcpy(&header, data + tail % (PAGES * 4096), sizeof(header));
		if (header.type == PERF_RECORD_LOST) {
			memcpy(&word, data + (tail + 16) % (PAGES * 4096), 8);
			lost += word;
		} else if (!samples++) {
			memcpy(&word, data + (tail + 8) % (PAGES * 4096), 4);
			note(ask, "record type", header.type);
			note(ask, "record size", header.size);
			note(ask, "raw size", (long long)word);
			memcpy(&word, data + (tail + 12) % (PAGES * 4096), 4);
			note(ask, "raw data", (long long)(word & 0xffffffff));
		}
		tail += header.size;
	}
	note(ask, "samples", (long long)samples);
	note(ask, "lost", (long long)lost);
	page->data_tail = tail;
}

static void buffer(struct ask *ask)
{
	int map = make_map(ask, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2),
	    prog = writer(ask, map, 12), event;
	struct perf_event_attr attr = output_attr();
	struct perf_event_mmap_page *page;
	__u32 key = 0;

	note_fd(ask, "program", prog);
	note(ask, "no buffer in the slot", run(ask, prog));
	event = note_fd(ask, "open", perf_open(ask, &attr, -1, 0, PERF_FLAG_FD_CLOEXEC));
	page = mmap(NULL, (1 + PAGES) * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
	note(ask, "mapped", page != MAP_FAILED);
	if (page == MAP_FAILED)
		return;
	note(ask, "enable", perf_ioctl(ask, event, PERF_EVENT_IOC_ENABLE, 0));
	note(ask, "put",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)map, .key = PTR(&key),
		 .value = PTR(&event)));
	note(ask, "one sample", run(ask, prog));
	drain(ask, page);
	for (int i = 0; i < 700; i++)
		if (run(ask, prog) < 0) {
			note(ask, "full after", i);
			note(ask, "full", run(ask, prog));
			note(ask, "full", run(ask, prog));
			break;
		}
	drain(ask, page);
	note(ask, "room again", run(ask, prog));
	drain(ask, page);
	note(ask, "take out",
	     BPF(ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)map, .key = PTR(&key)));
	note(ask, "no buffer again", run(ask, prog));
	key = 1;
	note(ask, "put into another CPU's slot",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)map, .key = PTR(&key),
		 .value = PTR(&event)));
	munmap(page, (1 + PAGES) * 4096);
	close(event), close(prog), close(map);
}

static void opening(struct ask *ask)
{
	struct perf_event_attr attr = output_attr(), bad;
	int xdp = make_prog(ask, BPF_PROG_TYPE_XDP, 0),
	    event = perf_open(ask, &attr, -1, 0, PERF_FLAG_FD_CLOEXEC);

	note_fd(ask, "open", event);
	note(ask, "flags", perf_open(ask, &attr, -1, 0, 1 << 10));
	note(ask, "nobody, nowhere", perf_open(ask, &attr, -1, -1, 0));
	note(ask, "cpu -2", perf_open(ask, &attr, -1, -2, 0));
	note(ask, "attr nowhere", perf_open(ask, (void *)64, -1, 0, 0));
	bad = attr, bad.size = 4;
	note(ask, "attr too short", perf_open(ask, &bad, -1, 0, 0));
	bad = attr, bad.size = 5000;
	note(ask, "attr too long", perf_open(ask, &bad, -1, 0, 0));
	note(ask, "XDP program on it",
	     perf_ioctl(ask, event, PERF_EVENT_IOC_SET_BPF, (unsigned long)xdp));
	note(ask, "no program", perf_ioctl(ask, event, PERF_EVENT_IOC_SET_BPF, 12345));
	note(ask, "no such program",
	     perf_ioctl(ask, event, PERF_EVENT_IOC_SET_BPF, (unsigned long)event));
	note(ask, "disable", perf_ioctl(ask, event, PERF_EVENT_IOC_DISABLE, 0));
	note(ask, "link",
	     BPF(ask, BPF_LINK_CREATE,
		 .link_create = { .prog_fd = (__u32)xdp,
				  .target_fd = (__u32)event,
				  .attach_type = BPF_PERF_EVENT }));
	close(event), close(xdp);
}

/* The time of a sample, by the clock the client names. */
static void clocks(struct ask *ask)
{
	for (int clock = -1; clock < 14; clock++) {
		struct perf_event_attr attr = output_attr();
		int event;

		attr.use_clockid = 1;
		attr.clockid = clock;
		event = note_fd(ask, "clock", perf_open(ask, &attr, -1, 0, PERF_FLAG_FD_CLOEXEC));
		if (event >= 0)
			close(event);
	}
}

/* What only skep can be asked on a machine without kprobes. */
static void probes(void)
{
	struct ask ask = { 0 };
	struct perf_event_attr attr = { .type = CORE_PERF_KPROBE,
					.size = sizeof(attr),
					.config1 = PTR("__x64_sys_openat") };
	struct bpf_link_info info = { 0 };
	int kprobe, tp, event, link;
	char name[64] = "";

	if (skep_new(&ask.skep, NULL))
		return;
	kprobe = make_prog(&ask, BPF_PROG_TYPE_KPROBE, 0);
	tp = make_prog(&ask, BPF_PROG_TYPE_TRACEPOINT, 0);
	event = perf_open(&ask, &attr, -1, 0, 0);
	ok(event >= 0, "a kprobe on a syscall function");
	is(BPF(&ask, BPF_LINK_CREATE,
	       .link_create = { .prog_fd = (__u32)tp,
				.target_fd = (__u32)event,
				.attach_type = BPF_PERF_EVENT }),
	   -EINVAL, "takes no tracepoint program");
	link = BPF(&ask, BPF_LINK_CREATE,
		   .link_create = { .prog_fd = (__u32)kprobe,
				    .target_fd = (__u32)event,
				    .attach_type = BPF_PERF_EVENT,
				    .perf_event = { .bpf_cookie = 5 } });
	ok(link >= 0, "takes a kprobe program");
	is(perf_ioctl(&ask, event, PERF_EVENT_IOC_SET_BPF, (unsigned long)kprobe), -EEXIST,
	   "and one only");
	info.perf_event.kprobe.func_name = PTR(name);
	info.perf_event.kprobe.name_len = sizeof(name);
	is(BPF(&ask, BPF_OBJ_GET_INFO_BY_FD,
	       .info = { .bpf_fd = (__u32)link, .info_len = sizeof(info), .info = PTR(&info) }),
	   0, "info");
	is(info.type, BPF_LINK_TYPE_PERF_EVENT, "of a perf link");
	is(info.perf_event.type, BPF_PERF_EVENT_KPROBE, "on a kprobe");
	is(info.perf_event.kprobe.cookie, 5, "with its cookie");
	is(strcmp(name, "__x64_sys_openat"), 0, "and its function");
	close(event);
	is(perf_ioctl(&ask, event, PERF_EVENT_IOC_ENABLE, 0), -ENOTTY, "a closed fd is none");
	info.id = 0;
	is(BPF(&ask, BPF_OBJ_GET_INFO_BY_FD,
	       .info = { .bpf_fd = (__u32)link, .info_len = sizeof(info), .info = PTR(&info) }),
	   0, "the link keeps the event");
	close(link);
	attr.config1 = PTR("no_such_function");
	is(perf_open(&ask, &attr, -1, 0, 0), -ENOENT,
	   "an unknown function is refused when it is opened");
	attr.config1 = 64;
	is(perf_open(&ask, &attr, -1, 0, 0), -EFAULT, "a name nowhere");
	attr = (struct perf_event_attr){ .type = PERF_TYPE_TRACEPOINT,
					 .size = sizeof(attr),
					 .config = 999999 };
	is(perf_open(&ask, &attr, -1, 0, 0), -ENOENT, "a tracepoint id nobody was given");
	attr.config = (u64)core_tracepoint_id(skep_hive(ask.skep), "syscalls/sys_enter_openat");
	event = perf_open(&ask, &attr, -1, 0, 0);
	ok(event >= 0, "a tracepoint");
	is(perf_ioctl(&ask, event, PERF_EVENT_IOC_SET_BPF, (unsigned long)kprobe), -EINVAL,
	   "takes no kprobe program");
	is(perf_ioctl(&ask, event, PERF_EVENT_IOC_SET_BPF, (unsigned long)tp), 0,
	   "takes a tracepoint program");
	close(event), close(kprobe), close(tp);
	skep_free(ask.skep);
}

int main(void)
{
	both("a perf buffer", buffer);
	both("opening", opening);
	both("clocks", clocks);
	probes();
	return done();
}
