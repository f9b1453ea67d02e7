/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The observer of a command: a client (a Python program on bcc, say) in a tree of its own, whose
 * programs watch the command. The command starts when the observer has attached its programs and
 * waits; when the command has ended the observer sees what there is to see, then gets SIGINT, as
 * its user would have pressed Ctrl-C.
 */
#ifndef SUPERVISE_OBSERVER_H
#define SUPERVISE_OBSERVER_H

#include "supervise/client.h"
#include "supervise/serve.h"

struct observer;
struct observer_spec {
	struct hive *hive;
	struct log *log;
	struct clients *clients; /* NULL: its bpf(2) is Linux's */
	char *const *argv, *const *envp;
	const sigset_t *mask; /* its signal mask */
	int signals; /* a signalfd that is not our own: what it says goes to the observer meanwhile */
};

/*
 * Starts it and returns when it waits for events: 0. When it has ended without that: 1, and its
 * wait(2) status in *status. -errno after words to the log.
 */
int observer_start(struct observer **out, const struct observer_spec *spec, int *status);

/* The command has ended: lets the observer finish, ends it, waits for it. Its wait(2) status. */
int observer_finish(struct observer *observer);

/* NULL is fine. */
void observer_free(struct observer *observer);

#endif
