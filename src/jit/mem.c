// SPDX-License-Identifier: BSD-2-Clause
/*
 * Executable memory. Regions of 256 KiB are mapped readable and executable, never writable; code gets
 * there through /proc/self/mem, so programs share pages and a fork keeps its own copy. Where that
 * file may not be written, a program gets pages of its own, writable first, executable then.
 * Regions are asked for near this library, so that helpers are within reach of a direct call. The
 * list of regions is the process's, as malloc's heap is; a lock guards it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/ir.h"

enum { REGION = 256 << 10, GRAIN = 64, GRAINS = REGION / GRAIN };

struct region {
	struct region *next;
	u8 *mem;
	u32 size, used;		/* bytes; used in grains' sum */
	bool own;		/* one program's, by mprotect */
	u64 taken[GRAINS / 64]; /* one bit a grain */
};

static struct region *regions;
static enum { UNTRIED, WORKS, DENIED } self_writes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Maps size bytes within 2 GiB of this code if the machine has room there. */
static u8 *map_near(u32 size, int prot)
{
	u64 here = (u64)map_near & ~(u64)0xfffff;
	void *mem;

	for (u64 away = 64 << 20; away < (u64)1 << 30; away += 64 << 20) {
		mem = mmap((void *)(here - away), size, prot,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (mem != MAP_FAILED)
			return mem;
	}
	mem = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mem == MAP_FAILED ? NULL : mem;
}

static bool grain_taken(const struct region *region, u32 grain)
{
	return region->taken[grain / 64] >> grain % 64 & 1;
}

static void mark(struct region *region, u32 first, u32 count, bool taken)
{
	for (u32 grain = first; grain < first + count; grain++) {
		u64 bit = (u64)1 << grain % 64;

		region->taken[grain / 64] =
			taken ? region->taken[grain / 64] | bit : region->taken[grain / 64] & ~bit;
	}
}

/* First fit; NULL if nothing fits. */
static u8 *take(struct region *region, u32 size)
{
	u32 need = (size + GRAIN - 1) / GRAIN, run = 0;

	if (region->own || region->size - region->used < need * GRAIN)
		return NULL;
	for (u32 grain = 0; grain < region->size / GRAIN; grain++) {
		run = grain_taken(region, grain) ? 0 : run + 1;
		if (run < need)
			continue;
		mark(region, grain + 1 - need, need, true);
		region->used += need * GRAIN;
		return region->mem + (size_t)(grain + 1 - need) * GRAIN;
	}
	return NULL;
}

static struct region *add_region(u32 size, bool own)
{
	struct region *region = calloc(1, sizeof(*region));

	if (!region)
		return NULL;
	region->own = own;
	region->size = size;
	region->mem = map_near(size, own ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC);
	if (!region->mem) {
		free(region);
		return NULL;
	}
	region->next = regions;
	regions = region;
	return region;
}

static void drop_region(struct region *region)
{
	struct region **link = &regions;

	while (*link != region)
		link = &(*link)->next;
	*link = region->next;
	munmap(region->mem, region->size);
	free(region);
}

static u8 *alloc_own(u32 size)
{
	struct region *region = add_region(round_up(size, 4096u), true);

	if (!region)
		return NULL;
	region->used = region->size;
	return region->mem;
}

/*
 * This process's /proc/self/mem. It stays open, since opening it costs more than compiling; whether
 * the number still is that file of this very process (no fork since, nobody closed it) is looked up
 * each time. The lock is held.
 */
static int self_mem(void)
{
	static int fd = -1;
	static pid_t pid;
	static dev_t dev;
	static ino_t ino;
	struct stat st;

	if (fd >= 0 && pid == getpid() && !fstat(fd, &st) && st.st_dev == dev && st.st_ino == ino)
		return fd;
	fd = open("/proc/self/mem", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -1;
	pid = getpid();
	dev = st.st_dev;
	ino = st.st_ino;
	return fd;
}

static int write_self(u8 *mem, const u8 *code, u32 size)
{
	int fd = self_mem();
	u32 done = 0;

	while (fd >= 0 && done < size) {
		ssize_t n = pwrite(fd, code + done, size - done, (off_t)(u64)(mem + done));

		if (n <= 0)
			break;
		done += (u32)n;
	}
	return done == size ? 0 : -ENOMEM;
}

/* A function that returns value. */
static u32 make_constant(u8 code[16], u8 value)
{
#if defined(__x86_64__)
	memcpy(code, (const u8[]){ 0xb8, value, 0, 0, 0, 0xc3 }, 6);
	return 6;
#elif defined(__aarch64__)
	memcpy(code, (const u32[]){ 0x52800000 | (u32)value << 5, 0xd65f03c0 }, 8);
	return 8;
#else
	(void)code, (void)value;
	return 0;
#endif
}

/* Writes two functions to the same place and calls each: an emulator may go on with the old one. */
static bool rewriting_works(u8 *mem)
{
	u8 code[16];

	for (u8 value = 1; value < 3; value++) {
		u32 size = make_constant(code, value);

		if (!size || write_self(mem, code, size))
			return false;
		__builtin___clear_cache((char *)mem, (char *)mem + size);
		if (((int (*)(void))mem)() != value)
			return false;
	}
	return true;
}

/* Whether code can be put into shared regions; found out once. The lock is held. */
static bool can_share(void)
{
	if (self_writes == UNTRIED) {
		struct region *region = add_region(REGION, false);

		self_writes = region && rewriting_works(region->mem) ? WORKS : DENIED;
		if (region && self_writes == DENIED)
			drop_region(region);
	}
	return self_writes == WORKS;
}

int jit_mem_alloc(u8 **out, u32 size)
{
	struct region *region;

	*out = NULL;
	pthread_mutex_lock(&lock);
	if (can_share() && size <= REGION / 2) {
		for (region = regions; region && !*out; region = region->next)
			*out = take(region, size);
		region = *out ? NULL : add_region(REGION, false);
		if (region)
			*out = take(region, size);
	} else {
		*out = alloc_own(size);
	}
	pthread_mutex_unlock(&lock);
	return *out ? 0 : -ENOMEM;
}

static struct region *region_of(const u8 *mem)
{
	struct region *region = regions;

	while (region && (mem < region->mem || mem >= region->mem + region->size))
		region = region->next;
	return region;
}

int jit_mem_write(u8 *mem, const void *code, u32 size)
{
	struct region *region;
	int err;

	pthread_mutex_lock(&lock);
	region = region_of(mem);
	if (region && region->own) {
		memcpy(mem, code, size);
		err = mprotect(mem, round_up(size, 4096u), PROT_READ | PROT_EXEC) ? -ENOMEM : 0;
	} else {
		err = write_self(mem, code, size);
	}
	pthread_mutex_unlock(&lock);
	__builtin___clear_cache((char *)mem, (char *)mem + size);
	return err;
}

void jit_mem_free(u8 *mem, u32 size)
{
	struct region *region;

	if (!mem)
		return;
	pthread_mutex_lock(&lock);
	region = region_of(mem);
	if (region->own) {
		drop_region(region);
	} else {
		u32 need = (size + GRAIN - 1) / GRAIN;

		mark(region, (u32)(mem - region->mem) / GRAIN, need, false);
		region->used -= need * GRAIN;
		if (!region->used && regions->next) /* the last one stays for the next program */
			drop_region(region);
	}
	pthread_mutex_unlock(&lock);
}
