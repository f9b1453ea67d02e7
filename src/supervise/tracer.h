/* SPDX-License-Identifier: BSD-2-Clause */
/* What a tree's tracer is told and tells (tracer.c). */
#ifndef SUPERVISE_TRACER_H
#define SUPERVISE_TRACER_H

#include "event/event.h"

struct tree_shared;

/* What the supervisor wants to be told of. */
struct trace_wants {
	/* entries of calls that the filter leaves to the tracer, and of those that it lets pass */
	struct syscall_set enter, passed;
	struct syscall_set leave;
	u32 life; /* TRACE_* bits */
	bool all; /* threads stop at every call: what is wanted is more than the filter knows */
};

/* What the tracer tells of: one message on the socket, answered by one byte. */
enum trace_kind { TRACE_ENTER, TRACE_LEAVE, TRACE_FORK, TRACE_EXEC, TRACE_EXIT, TRACE_DEAD };
enum { TRACE_REGS = 32 }; /* words: Linux's struct user_regs_struct and room */
struct trace_event {
	u32 kind;
	s32 tid;
	u64 value; /* FORK: the new thread (tid 0: of a parent that is gone); EXEC: the id before; EXIT, DEAD: the status; LEAVE: 1 for the
		       new thread of a fork */
	u64 regs[TRACE_REGS]; /* zeroes: not known */
};

/* tracer.c: the tracer's life, in a fork of the supervisor. Never returns. */
struct tracer {
	int socket; /* to the supervisor, by its number there */
	int signal; /* interrupts its wait; handled already. 0: none */
	bool late;  /* the tree runs: there is no command to wait for, but an order in shared */
	struct tree_shared *shared;
};
_Noreturn void tracer_live(struct tracer *tracer);

#endif
