/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose call a notification is, and who answers it (see client.h). Short calls are answered where
 * they are met. Those that may take long (verification, test runs, batches) go to workers, so that
 * the serving thread, on which a whole tree waits, is soon back. Workers are made when they are
 * first needed; there are never more calls under way than slots, so the queue is a ring of slots.
 */
#include "supervise/client.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise/caller.h"

enum { WORKERS = 4, QUEUE = TREE_SLOTS };

/* What a worker is handed: the notification is in the slot, as the keeper sees it. */
struct job {
	struct tree *tree;
	union tree_slot *slot;
};

struct clients {
	struct hive *hive;
	struct clients_opts opts;
	struct client client;
	struct fd_cache *fds; /* the serving thread's */

	pthread_mutex_t lock;
	pthread_cond_t ready;
	pthread_t workers[WORKERS];
	u32 nr_workers, nr_idle, max_workers;
	struct job queue[QUEUE];
	u32 head, tail;
	bool stop;
};

enum how {
	LINUX, /* let it continue */
	SHORT, /* answered at once */
	LONG,  /* by a worker */
};

struct answer_row {
	s32 nr;
	enum how (*how)(const struct seccomp_data *data); /* NULL: SHORT */
	/* The result, >= 0 or -errno, or CONTINUE: Linux's after all. */
	s64 (*run)(struct clients *clients, struct client_call *call);
};

#define CONTINUE INT64_MIN

/* ---- the calls ---- */

static enum how bpf_how(const struct seccomp_data *data)
{
	int cmd = (int)data->args[0];

	switch (cmd) {
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
	case BPF_PROG_TEST_RUN:
	case BPF_ITER_CREATE:
	case BPF_MAP_CREATE:
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH: return LONG;
	}
	return SHORT;
}

static s64 answer_bpf(struct clients *clients, struct client_call *call)
{
	const u64 *args = (const u64 *)call->notif->data.args;
	int cmd = (int)args[0];

	/* who asks is not looked at where one element of a map is meant: the calls that are many */
	if (cmd < BPF_MAP_LOOKUP_ELEM || cmd > BPF_MAP_GET_NEXT_KEY)
		client_call_identify(call);
	return core_bpf(clients->hive, &call->caller, cmd, args[1], (u32)args[2]);
}

static s64 answer_perf_event_open(struct clients *clients, struct client_call *call)
{
	const u64 *args = (const u64 *)call->notif->data.args;

	client_call_identify(call);
	return core_perf_event_open(clients->hive, &call->caller, args[0], (int)args[1],
				    (int)args[2], (int)args[3], args[4]);
}

static s64 answer_ioctl(struct clients *clients, struct client_call *call)
{
	const u64 *args = (const u64 *)call->notif->data.args;
	s64 ret;

	if ((args[1] >> 8 & 0xff) != '$')
		return CONTINUE;
	client_call_identify(call);
	ret = core_ioctl(clients->hive, &call->caller, (int)args[0], (unsigned long)args[1],
			 args[2]);
	return ret == -ENOTTY ? CONTINUE : ret;
}

static const struct answer_row rows[] = {
	{ SYS_bpf, bpf_how, answer_bpf },
	{ SYS_perf_event_open, NULL, answer_perf_event_open },
	{ SYS_ioctl, NULL, answer_ioctl },
};

static const struct answer_row *find_row(s32 nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].nr == nr)
			return &rows[i];
	return NULL;
}

static void add_wanted(void *arg, struct syscall_set *set)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		syscall_set_add(set, (u32)rows[i].nr);
}

/* ---- answering ---- */

static enum served answer(struct clients *clients, struct tree *tree, union tree_slot *slot,
			  struct fd_cache *fds)
{
	struct client_call call;
	s64 ret;

	client_call_start(&call, tree, &slot->notif, fds);
	ret = find_row(slot->notif.data.nr)->run(clients, &call);
	if (ret == CONTINUE)
		return SERVED_CONTINUE;
	tree_answer(tree, slot, ret);
	return SERVED_ANSWERED;
}

/* The next job; false: it is time to go. */
static bool take_job(struct clients *clients, struct job *job)
{
	bool got;

	pthread_mutex_lock(&clients->lock);
	clients->nr_idle++;
	while (clients->head == clients->tail && !clients->stop)
		pthread_cond_wait(&clients->ready, &clients->lock);
	clients->nr_idle--;
	got = clients->head != clients->tail;
	if (got)
		*job = clients->queue[clients->tail++ % QUEUE];
	pthread_mutex_unlock(&clients->lock);
	return got;
}

static void *work(void *arg)
{
	struct clients *clients = arg;
	struct job job;

	while (take_job(clients, &job)) {
		if (answer(clients, job.tree, job.slot, NULL) == SERVED_CONTINUE)
			tree_continue(job.tree, job.slot);
	}
	return NULL;
}

/* One more worker, without signals: those are the application's. Caller holds the lock. */
static void add_worker(struct clients *clients)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (!pthread_create(&clients->workers[clients->nr_workers], NULL, work, clients))
		clients->nr_workers++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Hands the call to a worker; false: there is none to be had. */
static bool enqueue(struct clients *clients, struct tree *tree, union tree_slot *slot)
{
	bool done;

	pthread_mutex_lock(&clients->lock);
	if (clients->head - clients->tail >= clients->nr_idle &&
	    clients->nr_workers < clients->max_workers)
		add_worker(clients);
	done = clients->nr_workers && clients->head - clients->tail < QUEUE;
	if (done) {
		clients->queue[clients->head++ % QUEUE] = (struct job){ tree, slot };
		pthread_cond_signal(&clients->ready);
	}
	pthread_mutex_unlock(&clients->lock);
	return done;
}

static enum served serve(void *arg, struct tree *tree, union tree_slot *slot, struct task *task)
{
	struct clients *clients = arg;
	const struct answer_row *row = find_row(slot->notif.data.nr);
	enum how how = !row ? LINUX : row->how ? row->how(&slot->notif.data) : SHORT;

	(void)task;
	if (how == LINUX)
		return SERVED_CONTINUE;
	if (how == LONG && enqueue(clients, tree, slot))
		return SERVED_LATER;
	return answer(clients, tree, slot, clients->fds);
}

const struct client *clients_client(struct clients *clients)
{
	return &clients->client;
}

/* ---- beginning and end ---- */

int clients_new(struct clients **out, struct hive *hive, const struct clients_opts *opts)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!clients)
		return -ENOMEM;
	clients->hive = hive;
	clients->opts = *opts;
	clients->client = (struct client){ .arg = clients, .wants = add_wanted, .call = serve };
	clients->max_workers = (u32)(cpus < 2 ? 1 : min(cpus, (long)WORKERS));
	clients->fds = fd_cache_new();
	pthread_mutex_init(&clients->lock, NULL);
	pthread_cond_init(&clients->ready, NULL);
	if (!clients->fds) {
		clients_free(clients);
		return -ENOMEM;
	}
	*out = clients;
	return 0;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	pthread_mutex_lock(&clients->lock);
	clients->stop = true;
	pthread_cond_broadcast(&clients->ready);
	pthread_mutex_unlock(&clients->lock);
	for (u32 i = 0; i < clients->nr_workers; i++)
		pthread_join(clients->workers[i], NULL);
	pthread_cond_destroy(&clients->ready);
	pthread_mutex_destroy(&clients->lock);
	fd_cache_free(clients->fds);
	free(clients);
}
