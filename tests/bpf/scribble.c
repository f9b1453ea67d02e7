/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that do to their fds and mappings what they may: write to them, truncate, seal, punch holes, remap,
 * scribble over every page. Skep goes on, programs run, and what is closed goes.
 */
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include "bpf/both.h"

static struct ask ask;
static unsigned int seed = 1;

static unsigned int rnd(void)
{
	return seed = seed * 1103515245 + 12345;
}

static int exists(int cmd, __u32 id)
{
	int fd = BPF(&ask, cmd, .map_id = id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static __u32 id_of(int fd)
{
	__u32 info[60] = { 0 };

	BPF(&ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(info) });
	return info[1];
}

/* A full pipe's worth written to an fd, read again by a description of its own, and the object still goes with its fd. */
static void written(void)
{
	static const int by_id[] = { BPF_MAP_GET_FD_BY_ID, BPF_PROG_GET_FD_BY_ID };
	static char junk[1 << 16];

	for (int i = 0; i < 2; i++) {
		int fd = i ? make_prog(&ask, BPF_PROG_TYPE_XDP, 2)
			   : make_map(&ask, BPF_MAP_TYPE_HASH, 4, 8, 4);
		__u32 id = id_of(fd);
		char path[64];
		int again;

		fcntl(fd, F_SETFL, O_NONBLOCK);
		for (int n = 0; n < 40; n++)
			if (write(fd, junk, sizeof(junk)) < 0)
				break;
		ok(exists(by_id[i], id), "%s: written to, it is there", i ? "program" : "map");
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		again = open(path, O_RDONLY | O_NONBLOCK);
		if (again >= 0)
			ok(read(again, junk, sizeof(junk)) >= 0 || errno == EAGAIN,
			   "and read from");
		if (again >= 0)
			close(again);
		ok(ftruncate(fd, 0) < 0, "it cannot be cut");
		ok(exists(by_id[i], id), "it is there");
		close(fd);
		ok(!exists(by_id[i], id), "closed, it is gone");
	}
}

/* A program that puts what lies in an array's first value into a ring: its value for lookup, then output. */
static int ring_prog(int array, int ring)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = array },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_map_lookup_elem },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 6 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 0 },
		{ .code = BPF_LD | BPF_IMM | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = ring },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 64 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = 0 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ringbuf_output },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return BPF(&ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		   .insns = PTR(insns), .insn_cnt = 14, .license = PTR("GPL"));
}

static int run(int prog)
{
	union bpf_attr attr = { .test.prog_fd = (__u32)prog };
	int err = ask_bpf(&ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr));

	return err ? err : (int)attr.test.retval;
}

/* Whatever a client may try on a mappable fd's pages, with this many bytes mapped. */
static void maul(int fd, unsigned char *mem, size_t size)
{
	switch (rnd() / 65536 % 6) {
	case 0: memset(mem, (int)rnd(), size); break;
	case 1:
		for (size_t i = 0; i + 8 <= size; i += 8)
			*(volatile __u64 *)(mem + i) = (__u64)rnd() << 32 | rnd();
		break;
	case 2: fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size); break;
	case 3: madvise(mem, size, MADV_REMOVE); break;
	case 4: *(volatile __u64 *)(mem + rnd() % size / 8 * 8) = ~0ull >> rnd() % 64; break;
	default: pwrite(fd, "scribbled", 9, (off_t)(rnd() % size)); break;
	}
}

static void mapped(void)
{
	int array = BPF(&ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
			.value_size = 64, .max_entries = 64, .map_flags = BPF_F_MMAPABLE);
	int ring = BPF(&ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 8192);
	int prog = ring_prog(array, ring), wrong = 0, given = 0;
	size_t page = (size_t)getpagesize(), ring_size = 2 * page + 2 * 8192;
	unsigned char *values = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, array, 0);
	unsigned char *pages = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);
	__u32 ids[2] = { id_of(array), id_of(ring) };
	int ours = pages != MAP_FAILED;

	ok(prog >= 0 && values != MAP_FAILED, "an array and a ring are mapped%s",
	   ours ? "" : ", the ring's first page");
	if (!ours)
		pages = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0),
		ring_size = page;
	ok(ftruncate(array, 0) < 0 && ftruncate(array, 1 << 20) < 0 && ftruncate(ring, 0) < 0,
	   "they cannot be cut or grow");
	ok(fcntl(array, F_ADD_SEALS, F_SEAL_WRITE) < 0 &&
		   fcntl(ring, F_ADD_SEALS, F_SEAL_WRITE) < 0,
	   "nor sealed against skep's own writing");
	for (int i = 0; i < 3000; i++) {
		int got;

		maul(array, values, 4096);
		maul(ring, pages, ring_size);
		got = run(prog);
		wrong += got && got != -EAGAIN && got != -EINVAL && got != -ENOSPC && got != -EBUSY;
		given += !got;
		if (i % 100 == 0) { /* the consumer's position may say: all read */
			*(volatile __u64 *)pages =
				*(volatile __u64 *)(pages + page * (ring_size > page));
			run(prog);
		}
	}
	is(wrong, 0, "programs run on (%d records written)", given);
	munmap(values, 4096);
	munmap(pages, ring_size);
	close(prog), close(array), close(ring);
	ok(!exists(BPF_MAP_GET_FD_BY_ID, ids[0]) && !exists(BPF_MAP_GET_FD_BY_ID, ids[1]),
	   "closed and unmapped, they are gone");
}

/* A mapping replaced by memory of the client's own, or grown: the map keeps its values. */
static void remapped(void)
{
	int array = BPF(&ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
			.value_size = 8, .max_entries = 512, .map_flags = BPF_F_MMAPABLE);
	__u64 *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, array, 0), value = 0;
	__u32 key = 3, id = id_of(array);

	mem[3] = 33;
	mmap(mem, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	mem[3] = 44;
	is(BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)array, .key = PTR(&key),
	       .value = PTR(&value)),
	   0, "looked up");
	is(value, 33, "what was written through the mapping, not what took its place");
	munmap(mem, 4096);
	close(array);
	ok(!exists(BPF_MAP_GET_FD_BY_ID, id), "closed, it is gone");
}

int main(void)
{
	if (skep_new(&ask.skep, NULL))
		return 1;
	written();
	mapped();
	remapped();
	skep_free(ask.skep);
	return done();
}
