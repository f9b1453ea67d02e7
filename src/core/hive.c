/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One instance of the subsystem: made, freed, its kernel BTF opened when first asked for.
 *
 * Freeing takes away pins first, then every channel, so that references fall as if every client had
 * closed its fds; whatever is still alive then is held by a caller's own mistake and is let go.
 */
#include "core/hive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "btf/btf.h"
#include "core/channel.h"
#include "core/source.h"
#include "helper/timers.h"

/* Where FIFOs may be made: memory first, the user's own directory before shared ones. */
static int open_fifo_dir(void)
{
	const char *dirs[] = { secure_getenv("XDG_RUNTIME_DIR"),
			       "/dev/shm",
			       secure_getenv("TMPDIR"),
			       "/tmp",
			       "/var/tmp",
			       "." };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int fd;

		if (!dirs[i] || !dirs[i][0] || strstr(dirs[i], "bpf-") ||
		    access(dirs[i], W_OK | X_OK))
			continue;
		fd = open(dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return -EACCES;
}

static u32 possible_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	return n < 1 ? 1 : (u32)n;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* select(2) cannot watch fds from FD_SETSIZE on, but those who use it do not have so many. */
static void raise_files_limit(struct hive *hive)
{
	struct rlimit more;

	if (getrlimit(RLIMIT_NOFILE, &hive->files))
		hive->files = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	more = (struct rlimit){ hive->files.rlim_max, hive->files.rlim_max };
	if (hive->files.rlim_cur < hive->files.rlim_max)
		setrlimit(RLIMIT_NOFILE, &more);
}

const struct rlimit *core_files_limit(const struct hive *hive)
{
	return &hive->files;
}

static bool charge(struct hive *hive, u64 bytes)
{
	u64 held = __atomic_load_n(&hive->memory, __ATOMIC_RELAXED);

	do {
		if (hive->max_memory &&
		    (bytes > hive->max_memory || held > hive->max_memory - bytes))
			return false;
	} while (!__atomic_compare_exchange_n(&hive->memory, &held, held + bytes, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return true;
}

int hive_charge(struct hive *hive, u64 bytes)
{
	if (charge(hive, bytes))
		return 0;
	hive_reap(hive, true); /* what nobody has any more may be there still */
	if (charge(hive, bytes))
		return 0;
	if (__atomic_exchange_n(&hive->memory_told, 1, __ATOMIC_RELAXED))
		return -ENOMEM;
	return fail(hive->log, -ENOMEM,
		    "maps and programs may hold %llu MiB and hold %llu KiB: %llu KiB more are "
		    "refused (ENOMEM); --max-memory says how much they may",
		    (unsigned long long)hive->max_memory >> 20,
		    (unsigned long long)__atomic_load_n(&hive->memory, __ATOMIC_RELAXED) >> 10,
		    (unsigned long long)bytes >> 10);
}

void hive_uncharge(struct hive *hive, u64 bytes)
{
	__atomic_fetch_sub(&hive->memory, bytes, __ATOMIC_RELAXED);
}

int hive_new(struct hive **out, const struct hive_opts *opts)
{
	struct hive *hive = calloc(1, sizeof(*hive));
	int err = -ENOMEM;

	if (!hive)
		return -ENOMEM;
	pthread_mutex_init(&hive->lock, NULL);
	pthread_mutex_init(&hive->pin_lock, NULL);
	pthread_mutex_init(&hive->source_lock, NULL);
	pthread_mutex_init(&hive->btf_lock, NULL);
	hive->engine = opts ? opts->engine : 0;
	hive->nr_cpus = opts && opts->nr_cpus ? opts->nr_cpus : possible_cpus();
	hive->max_memory = opts ? opts->max_memory : 0;
	hive->log = opts ? opts->log : NULL;
	hive->epoll = -1;
	raise_files_limit(hive);
	hive->marked_sweep_at = 16;
	hive->fifo_dir = open_fifo_dir();
	if (hive->fifo_dir < 0) {
		err = fail(hive->log, hive->fifo_dir, "no directory where a FIFO could be made");
		goto out_free;
	}
	hive->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (hive->epoll < 0) {
		err = -errno;
		goto out_free;
	}
	hive->btf_given = opts && opts->btf_path;
	hive->btf_path =
		strdup(opts && opts->btf_path ? opts->btf_path : "/sys/kernel/btf/vmlinux");
	if (!hive->btf_path || channels_new(hive) || slots_new(hive) || trace_new(hive))
		goto out_free;
	*out = hive;
	return 0;
out_free:
	hive_free(hive);
	return err;
}

void hive_free(struct hive *hive)
{
	if (!hive)
		return;
	timers_stop(hive->timers);
	pins_free(hive);
	channels_close(hive);
	if (hive->vmlinux_object)
		object_put(hive->vmlinux_object);
	slots_free(hive); /* ends what waits for an epoch */
	sources_free(hive);
	channels_free(hive);
	for (int kind = 0; kind < OBJECT_IDS; kind++)
		free(hive->ids[kind].objects);
	timers_free(hive->timers);
	trace_free(hive);
	btf_free(hive->vmlinux);
	close_fd(hive->epoll);
	close_fd(hive->fifo_dir);
	free((char *)hive->btf_path);
	pthread_mutex_destroy(&hive->lock);
	pthread_mutex_destroy(&hive->pin_lock);
	pthread_mutex_destroy(&hive->source_lock);
	pthread_mutex_destroy(&hive->btf_lock);
	free(hive);
}

const struct btf *hive_vmlinux(struct hive *hive)
{
	pthread_mutex_lock(&hive->btf_lock);
	if (!hive->vmlinux_tried) {
		int err = btf_open(&hive->vmlinux, hive->btf_path);

		hive->vmlinux_tried = true;
		if (err)
			fail(hive->log, err, "%s: cannot be read as BTF: %s", hive->btf_path,
			     strerror(-err));
	}
	pthread_mutex_unlock(&hive->btf_lock);
	return hive->vmlinux;
}

bool core_btf_has(struct hive *hive, const char *type, const char *member)
{
	const struct btf *btf = hive_vmlinux(hive);
	s32 id = btf ? btf_find(btf, type, BTF_KIND_STRUCT) : -ENOENT;
	const struct btf_type *t = id < 0 ? NULL : btf_at(btf, (u32)id);

	for (u32 i = 0; t && i < btf_type_vlen(t); i++)
		if (!strcmp(btf_member_at(btf, t, i).name, member))
			return true;
	return false;
}

const char *core_btf_path(struct hive *hive)
{
	return hive->btf_given ? hive->btf_path : NULL;
}
