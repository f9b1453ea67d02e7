/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile ATTACK: one way to misbehave towards whoever answers bpf(2). Exit 0: every call got an errno or a result, as it
 * must. "victim" is a decent client that looks its own map up until the file named next is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

static long bpf(int cmd, const void *attr, unsigned int size)
{
	return syscall(SYS_bpf, cmd, attr, size);
}

static uint64_t seed = 1;
static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static int new_map(int type, int entries)
{
	union bpf_attr attr = { .map_type = (unsigned)type,
				.key_size = 4,
				.value_size = 8,
				.max_entries = (unsigned)entries };

	return (int)bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int element(int cmd, int fd, const void *key, void *value)
{
	union bpf_attr attr = { .map_fd = (unsigned)fd };

	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	return (int)bpf(cmd, &attr, sizeof(attr));
}

/* A program of n instructions that is accepted: r0 is counted up. */
static int load(struct bpf_insn *insns, unsigned int n)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = n };

	insns[0] = (struct bpf_insn){ .code = 0xb7 };
	for (unsigned int i = 1; i < n - 1; i++)
		insns[i] = (struct bpf_insn){ .code = 0x07, .imm = 1 };
	insns[n - 1] = (struct bpf_insn){ .code = 0x95 };
	attr.insns = (uintptr_t)insns;
	attr.license = (uintptr_t) "GPL";
	return (int)bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* ---- attacks ---- */

/* A place in memory: ours, read-only, none, at a page's end, the kernel's, anything. */
static uint64_t place(uint8_t *pages)
{
	switch (draw() % 8) {
	case 0: return 0;
	case 1: return (uintptr_t)pages + PAGE - draw() % 200;	    /* the next page is not there */
	case 2: return (uintptr_t)pages + 2 * PAGE + draw() % PAGE; /* read-only */
	case 3: return (uintptr_t)pages + 3 * PAGE;		    /* no access */
	case 4: return 0xffffffff81000000ull + draw() % 4096;
	case 5: return draw();
	default: return (uintptr_t)pages + draw() % PAGE;
	}
}

static uint8_t *odd_pages(void)
{
	uint8_t *pages =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(pages + PAGE, PAGE);
	mprotect(pages + 2 * PAGE, PAGE, PROT_READ);
	mprotect(pages + 3 * PAGE, PAGE, PROT_NONE);
	return pages;
}

static int random_calls(void)
{
	uint8_t *pages = odd_pages();
	int fds[2] = { new_map(BPF_MAP_TYPE_HASH, 8), new_map(BPF_MAP_TYPE_ARRAY, 8) };

	for (int i = 0; i < 30000; i++) {
		union bpf_attr attr;
		uint64_t *words = (uint64_t *)&attr;
		long got;

		for (size_t j = 0; j < sizeof(attr) / 8; j++)
			words[j] = draw() % 3 ? 0 : draw() % 2 ? place(pages) : draw() % 64;
		if (draw() % 2)
			attr.map_fd =
				(unsigned)(draw() % 2 ? fds[draw() % 2] : (int)(draw() % 20) - 2);
		if (draw() % 4 == 0)
			words[1] = place(pages), words[2] = place(pages), words[3] = 0,
			memset(words + 4, 0, sizeof(attr) - 32);
		got = bpf((int)(draw() % 44) - 2,
			  draw() % 8 ? (void *)&attr : (void *)(uintptr_t)place(pages),
			  draw() % 4 ? sizeof(attr) : (unsigned)draw() % 5000);
		if (got < 0 && (errno < 1 || errno > 4095 || errno == ENOSYS))
			return 1;
		if (got > 20)
			close((int)got);
	}
	return 0;
}

static union bpf_attr shared;
static struct bpf_insn shared_insns[64];
static volatile int stop;

static void *change(void *arg)
{
	uint64_t *words = arg;

	while (!stop) {
		words[draw() % (sizeof(shared) / 8)] ^= 1ull << draw() % 64;
		shared_insns[draw() % 64] =
			(struct bpf_insn){ .code = (unsigned char)draw(), .imm = (int)draw() };
	}
	return NULL;
}

static int changing_memory(void)
{
	union bpf_attr good = { .prog_type = 1, .insn_cnt = 64 };
	pthread_t thread;

	good.insns = (uintptr_t)shared_insns;
	good.license = (uintptr_t) "GPL";
	if (pthread_create(&thread, NULL, change, &shared))
		return 1;
	for (int i = 0; i < 5000; i++) {
		long got;

		shared = good;
		got = bpf(i % 2 ? BPF_PROG_LOAD : BPF_MAP_CREATE, &shared, sizeof(shared));
		if (got >= 0)
			close((int)got);
	}
	stop = 1;
	pthread_join(thread, NULL);
	return 0;
}

static void *load_for_ever(void *arg)
{
	(void)arg;
	for (;;) {
		static struct bpf_insn insns[100000];
		int fd = load(insns, 100000);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* Children that execute something else, exit or are killed while threads of theirs wait for answers. */
static int gone_in_the_middle(void)
{
	for (int i = 0; i < 24; i++) {
		pid_t pid = fork();
		pthread_t thread;

		if (!pid) {
			for (int j = 0; j < 4; j++)
				pthread_create(&thread, NULL, load_for_ever, NULL);
			usleep((useconds_t)(draw() % 20000));
			if (i % 3 == 0)
				execl("/bin/true", "true", NULL);
			if (i % 3 == 1)
				_exit(0);
			pause();
		}
		usleep(20000);
		if (i % 3 == 2)
			kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return 0;
}

/* As many maps and pins as there may be: an errno at the end, and room again when they are gone. */
static int exhaustion(void)
{
	struct rlimit most;
	char path[64];
	int fd, pins = 0, first = -1, entries = 0;
	union bpf_attr attr;

	getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
	while (pins < 100000 &&
	       (fd = new_map(pins % 2 ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_HASH, 1)) >= 0) {
		memset(&attr, 0, sizeof(attr));
		snprintf(path, sizeof(path), "/sys/fs/bpf/pin%d", pins);
		attr.pathname = (uintptr_t)path;
		attr.bpf_fd = (unsigned)fd;
		if (bpf(BPF_OBJ_PIN, &attr, sizeof(attr)))
			break;
		pins++;
		close(fd);
	}
	if (pins < 10 || pins == 100000 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM))
		return 1;
	for (int i = 0; i < 100 && (fd = new_map(BPF_MAP_TYPE_HASH, 1 << 30)) >= 0; i++)
		entries++;
	while (pins--) {
		snprintf(path, sizeof(path), "/sys/fs/bpf/pin%d", pins);
		if (unlink(path))
			return 2;
	}
	first = new_map(BPF_MAP_TYPE_HASH, 1);
	return first < 0 ? 3 : 0;
}

static int pin(const char *path, int fd)
{
	union bpf_attr attr = { .bpf_fd = (unsigned)fd };

	attr.pathname = (uintptr_t)path;
	return (int)bpf(BPF_OBJ_PIN, &attr, sizeof(attr));
}

/* Folders with long names, for ever: how many there may be. */
static int make_folders(int most)
{
	char path[400];
	int made = 0;

	while (made < most && snprintf(path, sizeof(path), "/sys/fs/bpf/%0250d", made) > 0 &&
	       !mkdir(path, 0700))
		made++;
	for (int i = 0; i < made; i++) {
		snprintf(path, sizeof(path), "/sys/fs/bpf/%0250d", i);
		rmdir(path);
	}
	return made;
}

/*
 * As much memory as there may be (16 MiB): an errno at the end, each time, and all of it again when what held it is gone.
 */
static int memory(void)
{
	static struct bpf_insn insns[4096];
	int fds[256], count = 0, first = 0;

	for (int round = 0; round < 2; round++) {
		for (count = 0; count < 100; count++)
			if ((fds[count] = new_map(BPF_MAP_TYPE_ARRAY, 1 << 17)) < 0)
				break;
		if (errno != ENOMEM || count < 10 || count > 16 || (round && count != first))
			return 1;
		first = count;
		if (new_map(BPF_MAP_TYPE_HASH, 1 << 20) >= 0 || errno != ENOMEM)
			return 2;
		/* a pin holds it as an fd does */
		if (pin("/sys/fs/bpf/held", fds[0]))
			return 3;
		while (count)
			close(fds[--count]);
		for (count = 0; count < 100; count++)
			if ((fds[count] = new_map(BPF_MAP_TYPE_ARRAY, 1 << 17)) < 0)
				break;
		if (count != first - 1 || unlink("/sys/fs/bpf/held"))
			return 4;
		while (count)
			close(fds[--count]);
	}
	for (count = 0; count < 150; count++)
		if ((fds[count] = load(insns, 4096)) < 0)
			break;
	if (errno != ENOMEM || count < 10 || count > 45)
		return 5;
	while (count)
		close(fds[--count]);
	count = make_folders(1 << 20);
	if (count < 1000 || count > 20000 || errno != ENOMEM)
		return 6;
	return new_map(BPF_MAP_TYPE_ARRAY, 1 << 20) < 0 ? 7 : 0;
}

/*
 * Memory whose pages somebody is to provide and never does: a call that is passed it is -EFAULT, and nobody waits. As any
 * user may have it: faults of user mode only.
 */
static int fault(void)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */ | O_CLOEXEC);
	int map = new_map(BPF_MAP_TYPE_HASH, 8), key = 1;
	uint8_t *pages =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t value = 1;

	range.range.start = (uintptr_t)pages;
	range.range.len = 4 * PAGE;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return 77;
	for (int i = 0; i < 1000; i++) {
		if (bpf(BPF_MAP_CREATE, pages, sizeof(union bpf_attr)) != -1 || errno != EFAULT)
			return 1;
		if (element(BPF_MAP_UPDATE_ELEM, map, pages, &value) != -1 || errno != EFAULT)
			return 2;
		if (element(BPF_MAP_UPDATE_ELEM, map, &key, &value) ||
		    element(BPF_MAP_LOOKUP_ELEM, map, &key, pages + PAGE) != -1 || errno != EFAULT)
			return 3;
		if (pin((char *)pages + 2 * PAGE, map) != -1 || errno != EFAULT)
			return 4;
	}
	return 0;
}

static int new_ring(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = PAGE };

	return (int)bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

/* Whatever is answered by more than a number: goes in and out of bpffs, waits for buffers and maps them. */
static void *wander(void *arg)
{
	uint8_t *pages = arg;
	int fd = new_ring();
	struct timespec now = { 0, 0 };

	for (;;) {
		void *mem;

		if (chdir(draw() % 2 ? "/sys/fs/bpf" : "..") && errno != EACCES &&
		    errno != ENOENT && errno != EMFILE)
			_exit(1);
		syscall(SYS_getcwd, place(pages), draw() % 64);
		syscall(SYS_chdir, place(pages));
		syscall(SYS_ppoll, place(pages), draw() % 10000, &now, NULL, 0);
		syscall(SYS_pselect6, draw() % 5000, place(pages), NULL, NULL, &now, NULL);
		if (syscall(SYS_ppoll, &(struct pollfd){ fd, POLLIN, 0 }, 1, &now, NULL, 0))
			_exit(2);
		mem = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
		if (draw() % 8 == 0)
			close(fd), fd = new_ring();
		if (mem != MAP_FAILED)
			munmap(mem, PAGE);
	}
	return NULL;
}

/* Processes that are killed or execute something else in the middle of that. */
static int wandering(void)
{
	uint8_t *pages = odd_pages();

	for (int i = 0; i < 24; i++) {
		pid_t pid = fork();
		pthread_t thread;
		int status;

		if (!pid) {
			seed += (uint64_t)i * 0x9e3779b97f4a7c15ull;
			if (i % 3 == 0)
				wander(pages);
			pthread_create(&thread, NULL, wander, pages);
			usleep((useconds_t)(draw() % 20000));
			if (i % 3 == 1)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		usleep(20000);
		if (i % 3 == 0)
			kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status))
			return WEXITSTATUS(status);
	}
	return 0;
}

static int victim(const char *until)
{
	uint64_t value = 42, got;
	int fd = new_map(BPF_MAP_TYPE_HASH, 4), array = new_map(BPF_MAP_TYPE_ARRAY, 4), key = 1;

	if (fd < 0 || array < 0 || element(BPF_MAP_UPDATE_ELEM, fd, &key, &value) ||
	    element(BPF_MAP_UPDATE_ELEM, array, &key, &value))
		return 1;
	while (access(until, F_OK)) {
		got = 0;
		if (element(BPF_MAP_LOOKUP_ELEM, fd, &key, &got) || got != 42)
			return perror("lookup"), 2;
		got = 0;
		if (element(BPF_MAP_LOOKUP_ELEM, array, &key, &got) || got != 42)
			return perror("lookup in an array"), 3;
		usleep(1000);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "victim"))
		return victim(argv[2]);
	if (argc < 2)
		return 100;
	if (!strcmp(argv[1], "random"))
		return random_calls();
	if (!strcmp(argv[1], "changing"))
		return changing_memory();
	if (!strcmp(argv[1], "gone"))
		return gone_in_the_middle();
	if (!strcmp(argv[1], "memory"))
		return memory();
	if (!strcmp(argv[1], "wandering"))
		return wandering();
	if (!strcmp(argv[1], "fault"))
		return fault();
	return !strcmp(argv[1], "exhaustion") ? exhaustion() : 100;
}
