/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program may read blindly: its stack, its regions, map values; nothing else of this process. */
#include <sys/mman.h>

#include "map/space.h"
#include "map.h"
#include "run.h"

static char out[32];

static s64 read_kernel(const void *from, u32 len)
{
	memset(out, 0x55, sizeof(out));
	return CALL(BPF_FUNC_probe_read_kernel, out, len, from);
}

static bool zeroed(u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (out[i])
			return false;
	return out[len] == 0x55;
}

static void reach(void)
{
	static char secret[32] = "secret", region[16] = "region";
	struct map_spec spec = map_spec_of(BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	struct map *map;
	u32 key = 1;
	u64 value = 0x1122334455667788;
	void *stored;

	space_new(&run_slot.space);
	spec.space = run_slot.space;
	map_new(&map, &spec, NULL);
	map_sys_update(map, &key, &value, 0);
	stored = map->ops->lookup(map, &key, 0);
	is(read_kernel(run_stack, 8), 0, "the stack");
	is(read_kernel(run_stack + sizeof(run_stack) - 8, 8), 0, "its end");
	is(read_kernel(run_stack + sizeof(run_stack) - 7, 8), -EFAULT, "beyond it");
	ok(zeroed(8), "gives zeroes");
	is(read_kernel(stored, 8), 0, "a map value");
	ok(!memcmp(out, &value, 8), "… as it is");
	is(read_kernel(secret, 8), -EFAULT, "this process's memory");
	ok(zeroed(8), "gives zeroes");
	is(read_kernel(NULL, 8), -EFAULT, "NULL");
	is(read_kernel((void *)-8ul, 16), -EFAULT, "the end of the address space");
	is(read_kernel(secret, 0), 0, "no bytes from nowhere");
	run_slot.regions[0] = (struct run_region){ 0xffff888000001000, region, sizeof(region) };
	run_slot.nr_regions = 1;
	is(read_kernel((void *)0xffff888000001002, 4), 0, "a fabricated object");
	ok(!memcmp(out, "gion", 4), "… from where it is");
	is(CALL(BPF_FUNC_probe_read_kernel_str, out, 32, 0xffff888000001000), 7, "a string in it");
	is(CALL(BPF_FUNC_probe_read_kernel_str, out, 4, 0xffff888000001000), 4, "cut");
	ok(!strcmp(out, "reg"), "… and ended");
	memset(region, 'x', sizeof(region));
	is(CALL(BPF_FUNC_probe_read_kernel_str, out, 32, 0xffff888000001000), -EFAULT,
	   "a string that does not end in it");
	map_free(map);
	is(read_kernel(stored, 8), -EFAULT, "a map's value when the map is gone");
	is(CALL(BPF_FUNC_probe_read, out, 6, secret), 0,
	   "the old helper reads the process where it is not the system's");
	ok(!memcmp(out, "secret", 6), "… which this process plays here");
	space_free(run_slot.space);
	run_slot.space = NULL;
}

static void user(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(pages + 4096, 4096, PROT_NONE);
	strcpy(pages + 4090, "hello");
	is(CALL(BPF_FUNC_probe_read_user_str, out, 32, pages + 4090), 6, "a string before a hole");
	ok(!strcmp(out, "hello"), "… is read");
	is(CALL(BPF_FUNC_probe_read_user_str, out, 3, pages + 4090), 3, "cut");
	memset(pages + 4090, 'x', 6);
	is(CALL(BPF_FUNC_probe_read_user_str, out, 32, pages + 4090), -EFAULT,
	   "a string into a hole");
	is(CALL(BPF_FUNC_probe_read_user_str, out, 0, pages), 0, "no room");
	is(CALL(BPF_FUNC_probe_read_user_str, out, 32, pages), 1, "an empty string");
	strcpy(pages, "kept");
	memcpy(pages + 5, "behind", 7);
	memset(out, 0x55, sizeof(out));
	is(CALL(BPF_FUNC_probe_read_user_str, out, 32, pages), 5, "a string with more behind it");
	ok(!memcmp(out, "kept\0\0\0\0\x55\x55", 10),
	   "… which stays out: zeroes to the end of the word, as Linux");
	memset(out, 0x55, sizeof(out));
	is(CALL(BPF_FUNC_probe_read_user_str, out, 6, pages), 5, "with no room for the word");
	ok(!memcmp(out, "kept\0\x55", 6), "… its zero only");
	memset(out, 0x55, sizeof(out));
	is(CALL(BPF_FUNC_probe_read_user, out, 8, pages + 4092), -EFAULT, "bytes into a hole");
	ok(zeroed(8), "give zeroes");
	is(CALL(BPF_FUNC_probe_read_user, out, 8, 0xffff888000000000), -EFAULT,
	   "the system's half");
	is(CALL(BPF_FUNC_copy_from_user, out, 4, pages + 4090), 0, "copy_from_user");
	is(CALL(BPF_FUNC_probe_write_user, pages, out, 4), -EPERM,
	   "no writing unless the task allows it");
	munmap(pages, 8192);
}

static void who(void)
{
	is(CALL(BPF_FUNC_get_current_pid_tgid, 0, 0, 0), 42ull << 32 | 43, "process and thread");
	is(CALL(BPF_FUNC_get_current_uid_gid, 0, 0, 0), 100ull << 32 | 1000, "group and user");
	memset(out, 0x55, sizeof(out));
	is(CALL(BPF_FUNC_get_current_comm, out, 16, 0), 0, "comm");
	ok(!strcmp(out, "bees") && !out[15] && out[16] == 0x55, "… padded with zeroes");
	is(CALL(BPF_FUNC_get_current_comm, out, 3, 0), 0, "comm, cut");
	ok(!strcmp(out, "be"), "… and ended");
	is(CALL(BPF_FUNC_strncmp, "abc", 3, "abd"), -1, "strncmp");
	is(CALL(BPF_FUNC_strncmp, "abc", 2, "abd"), 0, "… of two");
	is(CALL(BPF_FUNC_send_signal, 65, 0, 0), -EINVAL, "no signal 65");
}

int main(void)
{
	reach();
	user();
	who();
	return done();
}
