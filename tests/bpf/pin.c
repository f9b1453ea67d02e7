/* SPDX-License-Identifier: BSD-2-Clause */
/* OBJ_PIN and OBJ_GET below /sys/fs/bpf (a bpffs of this test's own where the kernel is asked), ids, lifetimes. */
#include "bpf/both.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define HERE "/sys/fs/bpf/skep-test"

static int have_bpffs;

static int pin(struct ask *ask, int fd, const char *path, __u32 flags, int path_fd)
{
	return BPF(ask, BPF_OBJ_PIN, .pathname = PTR(path), .bpf_fd = (__u32)fd,
		   .file_flags = flags, .path_fd = path_fd);
}

static int get(struct ask *ask, const char *path, __u32 flags, int path_fd)
{
	return BPF(ask, BPF_OBJ_GET, .pathname = PTR(path), .file_flags = flags,
		   .path_fd = path_fd);
}

static void pins(struct ask *ask)
{
	static const char *const paths[] = {
		"",
		"/",
		"/sys/fs/bpf",
		"/sys/fs/bpf/",
		"/sys/fs/bpf/no-such-folder/x",
		HERE "-a",
		HERE "-a",
		HERE "-a/x",
		HERE "-a//",
		HERE ".b",
		"/tmp/skep-test-pin",
		"/sys/fs/bpf//skep-test-c",
		"/sys/fs/bpf/./skep-test-c",
		"/dev/null",
		"/no/such/path",
	};
	int map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 4, 1),
	    prog = make_prog(ask, BPF_PROG_TYPE_XDP, 0);
	int null = open("/dev/null", O_RDWR), fd;

	if (!ask->skep && !have_bpffs)
		goto out;
	for (unsigned int i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask->key = i;
		note(ask, "pin", pin(ask, map, paths[i], 0, 0));
	}
	note(ask, "pin a program", pin(ask, prog, HERE "-d", 0, 0));
	note(ask, "pin a file", pin(ask, null, HERE "-e", 0, 0));
	note(ask, "pin with flags", pin(ask, map, HERE "-e", 1, 0));
	note(ask, "pin with path_fd only", pin(ask, map, HERE "-e", 0, 3));
	note(ask, "pin to NULL", pin(ask, map, NULL, 0, 0));
	for (unsigned int i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask->key = 100 + i;
		fd = note_fd(ask, "get", get(ask, paths[i], 0, 0));
		if (fd >= 0)
			close(fd);
	}
	for (__u32 flags = 0; flags < 64; flags += 8) {
		ask->key = flags;
		fd = note_fd(ask, "get a map by flags", get(ask, HERE "-a", flags, 0));
		if (fd >= 0) {
			__u32 key = 0, value = 0;

			note(ask, "lookup",
			     BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)fd, .key = PTR(&key),
				 .value = PTR(&value)));
			note(ask, "update",
			     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .key = PTR(&key),
				 .value = PTR(&value)));
			close(fd);
		}
	}
	note(ask, "get with path_fd only", get(ask, HERE "-a", 0, 3));
	note(ask, "get with bpf_fd",
	     BPF(ask, BPF_OBJ_GET, .pathname = PTR(HERE "-a"), .bpf_fd = 1));
out:
	close(map), close(prog), close(null);
}

static __u32 id_of(struct ask *ask, int fd)
{
	struct bpf_map_info info = { 0 };

	BPF(ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) });
	return info.id;
}

static int alive(struct ask *ask, __u32 id)
{
	int fd = -1;

	/* the kernel lets go a moment after the last close */
	for (int tries = 0; tries < (ask->skep ? 1 : 50); tries++) {
		fd = BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = id);
		if (fd < 0)
			return 0;
		close(fd);
		if (!ask->skep)
			usleep(1000);
	}
	return fd >= 0;
}

/* What is alive(), once it had time to go: the kernel frees on another CPU, when it comes to it. */
static int settled(struct ask *ask, __u32 id)
{
	for (int i = 0; i < 200 && alive(ask, id); i++)
		usleep(10000);
	return alive(ask, id);
}

/* What holds a map: fds, copies of fds, other processes, programs that use it, maps it is in. */
static void holders(struct ask *ask)
{
	static const unsigned int flags[] = { 0, BPF_F_MMAPABLE };
	int outer, copy, map, prog;
	__u32 id, key = 0;

	for (int i = 0; i < 2; i++) {
		map = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
			  .value_size = 8, .max_entries = 2, .map_flags = flags[i]);
		id = id_of(ask, map);
		copy = dup(map);
		note(ask, "fd held", alive(ask, id));
		close(map);
		note(ask, "its copy held", alive(ask, id));
		close(copy);
		note(ask, "nothing held", alive(ask, id));
	}
	map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 2);
	id = id_of(ask, map);
	outer = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4,
		    .value_size = 4, .max_entries = 2, .inner_map_fd = (__u32)map);
	note(ask, "put in",
	     BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)outer, .key = PTR(&key),
		 .value = PTR(&map)));
	close(map);
	note(ask, "outer map holds it", alive(ask, id));
	note(ask, "delete",
	     BPF(ask, BPF_MAP_DELETE_ELEM, .map_fd = (__u32)outer, .key = PTR(&key)));
	note(ask, "outer map let go", settled(ask, id));
	close(outer);
	map = make_map(ask, BPF_MAP_TYPE_ARRAY, 4, 8, 2);
	id = id_of(ask, map);
	prog = make_prog(ask, BPF_PROG_TYPE_XDP, 0);
	note(ask, "bind",
	     BPF(ask, BPF_PROG_BIND_MAP,
		 .prog_bind_map = { .prog_fd = (__u32)prog, .map_fd = (__u32)map }));
	close(map);
	note(ask, "program holds it", alive(ask, id));
	close(prog);
	note(ask, "program gone", settled(ask, id));
}

static void ids(struct ask *ask)
{
	note(ask, "id 0", BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = 0));
	note(ask, "id 2^31", BPF(ask, BPF_MAP_GET_FD_BY_ID, .map_id = 0x80000000));
	note(ask, "prog 0", BPF(ask, BPF_PROG_GET_FD_BY_ID, .prog_id = 0));
	note(ask, "link 0", BPF(ask, BPF_LINK_GET_FD_BY_ID, .link_id = 0));
	note(ask, "btf 0", BPF(ask, BPF_BTF_GET_FD_BY_ID, .btf_id = 0));
	note(ask, "prog with flags",
	     BPF(ask, BPF_PROG_GET_FD_BY_ID, .prog_id = 1, .open_flags = 8));
	note(ask, "next of 2^31 - 1", BPF(ask, BPF_MAP_GET_NEXT_ID, .start_id = 0x7fffffff));
	note(ask, "next of the last", BPF(ask, BPF_MAP_GET_NEXT_ID, .start_id = 0x7ffffffe));
	note(ask, "next with flags", BPF(ask, BPF_MAP_GET_NEXT_ID, .start_id = 0, .open_flags = 1));
}

int main(void)
{
	/* A bpffs that nobody else sees; it goes with this process. */
	have_bpffs = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		     !mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	if (have_bpffs)
		both("pins", pins);
	else
		skip("no bpffs to compare with");
	both("what holds a map", holders);
	both("ids", ids);
	return done();
}
