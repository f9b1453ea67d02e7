/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects come and go: many cycles without growth, holders that are killed, a hive that goes with its clients' fds open. */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bpf/blob.h"
#include "holds.h"

static __u32 map_id(struct ask *ask, int fd)
{
	struct bpf_map_info info = { 0 };

	BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) });
	return info.id;
}

static int alive(struct ask *ask, __u32 id)
{
	int fd = BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A link, whose program goes with it. */
static int make_link(struct ask *ask)
{
	int prog = make_prog(ask, BPF_PROG_TYPE_RAW_TRACEPOINT, 0);
	int link = BPF(ask, BPF_RAW_TRACEPOINT_OPEN,
		       .raw_tracepoint = { .name = PTR("sys_enter"), .prog_fd = (__u32)prog });

	close(prog);
	return link;
}

static int make(struct ask *ask, int round)
{
	switch (round % 6) {
	case 0: return make_map(ask, BPF_MAP_TYPE_HASH, 8, 8, 16);
	case 1:
		return BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
			   .value_size = 8, .max_entries = 16, .map_flags = BPF_F_MMAPABLE);
	case 3: return blob_load(ask);
	case 4: return make_link(ask);
	case 2: return make_prog(ask, BPF_PROG_TYPE_XDP, 2);
	default: return make_map(ask, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 16);
	}
}

static void cycles(struct ask *ask, int count)
{
	int fds = 0, failed = 0;
	__attribute__((unused)) long before = 0;

	for (int i = 0; i < count; i++) {
		int fd = make(ask, i);

		failed += fd < 0;
		close(fd);
		if (i == count / 4) {
			fds = open_fds();
			before = resident_kb();
		}
	}
	is(failed, 0, "%d objects made and closed", count);
	ok(open_fds() <= fds + 40, "no fds are left (%d, then %d)", fds, open_fds());
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip("a sanitizer keeps freed memory for a while");
#else
	ok(resident_kb() <= before + 2048, "no memory is left (%ld kB, then %ld kB)", before,
	   resident_kb());
#endif
}

/* A child holds the only fd and is killed. */
static void killed(struct ask *ask)
{
	for (int i = 0; i < 2; i++) {
		int fd = make(ask, i), ends[2];
		__u32 id = map_id(ask, fd);
		char byte;
		pid_t pid;

		if (pipe(ends))
			return;
		pid = fork();
		if (!pid) {
			if (i)
				mmap(NULL, 128, PROT_READ, MAP_SHARED, fd, 0);
			close(i ? fd : -1);
			byte = (char)write(ends[1], "x", 1);
			pause();
			_exit(byte);
		}
		is(read(ends[0], &byte, 1), 1, "a child holds a map's %s", i ? "mapping" : "fd");
		close(fd);
		ok(alive(ask, id), "closed here, the child's keeps it");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		ok(!alive(ask, id), "the child killed, it is gone");
		close(ends[0]), close(ends[1]);
	}
}

static void pinned(struct ask *ask)
{
	int fd = make(ask, 0);
	__u32 id = map_id(ask, fd);

	is(BPF(ask, BPF_OBJ_PIN, .pathname = PTR("/sys/fs/bpf/kept"), .bpf_fd = (__u32)fd), 0,
	   "pinned");
	close(fd);
	ok(alive(ask, id), "a pin keeps it");
	fd = BPF(ask, BPF_OBJ_GET, .pathname = PTR("/sys/fs/bpf/kept"));
	is(map_id(ask, fd), id, "and leads to it");
	close(fd);
}

static void mapped(struct ask *ask)
{
	int fd = make(ask, 1);
	__u32 id = map_id(ask, fd), key = 1;
	volatile __u64 *mem = mmap(NULL, 128, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	__u64 value = 9;

	close(fd);
	ok(alive(ask, id), "a mapping keeps a map");
	fd = BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = id);
	is(BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .key = PTR(&key),
	       .value = PTR(&value)),
	   0, "update by another fd");
	is(mem[1], 9, "the mapping shows it");
	close(fd);
	munmap((void *)mem, 128);
	ok(!alive(ask, id), "unmapped, it is gone");
}

int main(void)
{
	struct ask ask = { 0 };
	int before, left;

	blob_build();
	/* compiling keeps one fd for the life of the process: have it open before counting */
	if (skep_new(&ask.skep, NULL))
		return 1;
	close(make(&ask, 2));
	skep_free(ask.skep);
	before = open_fds();
	if (skep_new(&ask.skep, NULL))
		return 1;
	cycles(&ask, 40000);
	killed(&ask);
	pinned(&ask);
	mapped(&ask);
	left = make(&ask, 0);
	skep_free(ask.skep);
	close(left);
	is(open_fds(), before, "the hive's end leaves no fd open");
	return done();
}
