/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose call a notification is, and who answers it (see client.h): the serving thread where the
 * answer is short, and a worker where it may take long (verification, test runs, batches), for a
 * whole tree waits on the serving thread.
 */
#include "supervise/client.h"

#include <errno.h>
#include <stdlib.h>

#include "supervise/answers.h"
#include "supervise/workers.h"
#include "supervise/xdp.h"

static void add_wanted(void *arg, struct syscall_set *set)
{
	const struct clients *clients = arg;

	for (u32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (clients->rows[nr])
			syscall_set_add(set, nr);
}

static const struct answer_row *row_of(const struct clients *clients, s32 nr)
{
	return nr >= 0 && nr < SYSCALL_MAX ? clients->rows[nr] : NULL;
}

static enum served answer(struct clients *clients, struct tree *tree, union tree_slot *slot,
			  struct peers *peers)
{
	const struct seccomp_data *data = &slot->notif.data;
	struct client_call call;
	s64 ret;

	client_call_start(&call, tree, &slot->notif, peers, &clients->ending);
	call.clients = clients;
	if (peers)
		clients->call = &call;
	ret = row_of(clients, data->nr)->run(clients, &call, (const u64 *)data->args);
	if (peers)
		clients->call = NULL;
	if (ret == TO_A_WORKER)
		return workers_add(clients->workers, tree, slot) ? SERVED_LATER : SERVED_CONTINUE;
	if (ret == CONTINUE)
		return SERVED_CONTINUE;
	if (ret != ANSWERED)
		tree_answer(tree, slot, ret);
	return SERVED_ANSWERED;
}

static void work(void *arg, struct tree *tree, union tree_slot *slot)
{
	if (answer(arg, tree, slot, NULL) == SERVED_CONTINUE)
		tree_continue(tree, slot);
}

static enum served serve(void *arg, struct tree *tree, union tree_slot *slot, struct task *task)
{
	struct clients *clients = arg;
	const struct seccomp_data *data = &slot->notif.data;
	const struct answer_row *row = row_of(clients, data->nr);
	enum how how = SHORT;

	(void)task;
	if (row && row->how)
		how = row->how(clients, (const u64 *)data->args);
	if (!row || how == LINUX)
		return SERVED_CONTINUE;
	if (how == LONG && workers_add(clients->workers, tree, slot))
		return SERVED_LATER;
	return answer(clients, tree, slot, clients->peers);
}

bool clients_unread(struct clients *clients)
{
	return core_unread(clients->hive) || (clients->pump && trace_pump_unread(clients->pump));
}

const struct client *clients_client(struct clients *clients)
{
	return &clients->client;
}

static void add_rows(struct clients *clients, const struct answer_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		clients->rows[rows[i].nr] = &rows[i];
}

int clients_new(struct clients **out, struct hive *hive, const struct clients_opts *opts)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	int err;

	if (!clients)
		return -ENOMEM;
	clients->hive = hive;
	clients->opts = *opts;
	clients->client = (struct client){ .arg = clients, .wants = add_wanted, .call = serve };
	add_rows(clients, seam_rows, seam_row_count);
	add_rows(clients, file_rows, file_row_count);
	add_rows(clients, wait_rows, wait_row_count);
	add_rows(clients, enter_rows, enter_row_count);
	clients->native_epoll = !client_may_take_fds();
	if (clients->native_epoll)
		add_rows(clients, epoll_rows, epoll_row_count);
	if (opts->packets)
		add_rows(clients, netlink_rows, netlink_row_count);
	if (opts->as_root)
		add_rows(clients, root_rows, root_row_count);
	clients->peers = peers_new();
	err = clients->peers ? workers_new(&clients->workers, work, clients) : -ENOMEM;
	if (!err)
		err = folders_new(clients);
	if (!err && opts->packets)
		err = xdp_new(clients);
	if (err) {
		clients_free(clients);
		return err;
	}
	*out = clients;
	return 0;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	__atomic_store_n(&clients->ending, 1, __ATOMIC_RELAXED);
	workers_free(clients->workers);
	trace_pump_free(clients->pump);
	xdp_free(clients->xdp);
	netlink_free(clients->netlink);
	folders_free(clients->folders);
	peers_free(clients->peers);
	free(clients);
}
