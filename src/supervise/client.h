/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients: processes of a tree whose calls of the seam (bpf(2), perf_event_open(2) and so on) are
 * answered here instead of by Linux. One struct clients serves one tree (serve.h).
 *
 *   client.c   which calls are the seam's, and who answers: the serving thread, or a worker
 *   caller.c   struct caller over a stopped thread
 *   answers.h  the answers
 *
 * Invariant: a call is answered exactly once, and its slot is freed (id 0) only after that, so that
 * the keeper always knows what is unanswered.
 */
#ifndef SUPERVISE_CLIENT_H
#define SUPERVISE_CLIENT_H

#include "supervise/serve.h"

struct clients;
struct clients_opts {
	bool packets; /* XDP programs run on what arrives at the interfaces they are attached to */
	bool as_root; /* the tree sees uid 0 and all capabilities; programs see the truth */
	bool endless; /* a trace pipe has no end, even without us: the tree is told to end instead */
};

int clients_new(struct clients **out, struct hive *hive, const struct clients_opts *opts);
/* Waits for what workers do, so before the tree's slots go. NULL is fine. */
void clients_free(struct clients *clients);

/* Whether a client has yet to read something: of its buffers, or of a trace pipe it has open. */
bool clients_unread(struct clients *clients);

/* What a server is given; lives as long as clients. */
const struct client *clients_client(struct clients *clients);

#endif
