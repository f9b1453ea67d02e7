/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thousands of objects at once, where the soft limit of open files is low; and walks over the ids
 * while objects come and go: what was there throughout is always seen, once, in order.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

#include "bpf/both.h"

enum { MANY = 4000, FEW = 8, THREADS = 3, ROUNDS = 200 };

static struct ask ask;
static int fds[MANY];

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static const __u32 types[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY,
			       BPF_MAP_TYPE_LRU_HASH };

static int small_map(int i)
{
	return BPF(&ask, BPF_MAP_CREATE, .map_type = types[i % 4], .key_size = 4, .value_size = 8,
		   .max_entries = 2, .map_flags = i % 8 == 1 ? BPF_F_MMAPABLE : 0);
}

static __u32 id_of(int fd)
{
	struct bpf_map_info info = { 0 };

	BPF(&ask, BPF_OBJ_GET_INFO_BY_FD,
	    .info = { .bpf_fd = (__u32)fd, .info_len = sizeof(info), .info = PTR(&info) });
	return info.id;
}

static int next_id(int cmd, __u32 *id)
{
	union bpf_attr attr = { .start_id = *id };
	int err = ask_bpf(&ask, cmd, &attr, sizeof(attr));

	*id = attr.next_id;
	return err;
}

static int count_ids(int cmd)
{
	int count = 0;

	for (__u32 id = 0; !next_id(cmd, &id);)
		count++;
	return count;
}

static void many(rlim_t hard)
{
	int n = 2 * MANY + 200 < (long long)hard ? MANY : (int)(hard / 2) - 100, made = 0,
	    wrong = 0, before = open_fds();

	for (int i = 0; i < n; i++) {
		fds[i] = small_map(i);
		made += fds[i] >= 0;
	}
	is(made, n, "%d maps at once", n);
	is(count_ids(BPF_MAP_GET_NEXT_ID), n, "all have ids");
	for (__u32 i = 0; i < (__u32)n; i++) {
		__u64 value[1024] = { i }, back = 0; /* per-CPU maps take one a CPU */
		__u32 key = 1;

		BPF(&ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fds[i], .key = PTR(&key),
		    .value = PTR(value));
		if (types[i % 4] != BPF_MAP_TYPE_PERCPU_ARRAY)
			wrong += BPF(&ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)fds[i],
				     .key = PTR(&key), .value = PTR(&back)) ||
				 back != i;
	}
	is(wrong, 0, "each holds its own");
	for (int i = 0; i < n; i++)
		close(fds[i]);
	is(count_ids(BPF_MAP_GET_NEXT_ID), 0, "closed, they are gone");
	ok(open_fds() <= before + 4, "no fds are left (%d, then %d)", before, open_fds());
}

/* Objects come and go. */
static int stop; /* atomic */

static void *come_and_go(void *arg)
{
	unsigned int seed = (unsigned int)(long)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int held[4], n = 1 + (int)(seed++ % 4);

		for (int i = 0; i < n; i++)
			held[i] = (seed + (unsigned int)i) % 3
					  ? small_map((int)seed + i)
					  : make_prog(&ask, BPF_PROG_TYPE_XDP, 1);
		for (int i = 0; i < n; i++)
			if (held[i] >= 0)
				close(held[i]);
	}
	return NULL;
}

/* One walk: every id larger than the one before, those that stay all met; what is met can be opened or is gone. */
static int walk(const __u32 *stay, int cmd, int open_cmd)
{
	int met = 0, bad = 0;
	__u32 id = 0, last;

	for (last = 0; !next_id(cmd, &id); last = id) {
		int fd = BPF(&ask, open_cmd, .map_id = id);

		bad += id <= last;
		bad += fd < 0 && fd != -ENOENT;
		for (int i = 0; i < FEW; i++) {
			met += stay[i] == id;
			bad += stay[i] == id && fd < 0;
		}
		if (fd >= 0)
			close(fd);
	}
	return bad || met != FEW;
}

static void vanishing(void)
{
	__u32 stay[FEW];
	pthread_t threads[THREADS];
	int wrong = 0, before;

	for (int i = 0; i < FEW; i++)
		stay[i] = id_of(fds[i] = small_map(i));
	before = open_fds();
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, come_and_go, (void *)i);
	for (int i = 0; i < ROUNDS; i++)
		wrong += walk(stay, BPF_MAP_GET_NEXT_ID, BPF_MAP_GET_FD_BY_ID);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is(wrong, 0, "%d walks while maps and programs come and go", ROUNDS);
	is(count_ids(BPF_MAP_GET_NEXT_ID), FEW, "what stayed is what is left");
	is(count_ids(BPF_PROG_GET_NEXT_ID), 0, "and no program");
	ok(open_fds() <= before + 4, "no fds are left (%d, then %d)", before, open_fds());
	for (int i = 0; i < FEW; i++)
		close(fds[i]);
}

int main(void)
{
	struct rlimit low, now;

	getrlimit(RLIMIT_NOFILE, &low);
	low.rlim_cur = low.rlim_max < 64 ? low.rlim_max : 64;
	setrlimit(RLIMIT_NOFILE, &low);
	if (skep_new(&ask.skep, NULL))
		return 1;
	getrlimit(RLIMIT_NOFILE, &now);
	ok(now.rlim_cur == low.rlim_max,
	   "a hive raises the soft limit of open files to the hard one");
	if (now.rlim_max < 1024) {
		skip("the hard limit of open files is low");
	} else {
		many(now.rlim_max);
		vanishing();
	}
	skep_free(ask.skep);
	return done();
}
