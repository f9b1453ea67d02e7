/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs that are attached to system calls: what a target's name means. */
#ifndef EVENT_SYSCALL_H
#define EVENT_SYSCALL_H

#include "event/event.h"

enum flavour {
	PROBE_REGS, /* __x64_sys_X(regs) */
	PROBE_ARGS, /* sys_X(a, b, c, …) */
	TRACEPOINT,
	RAW, /* raw tracepoint sys_enter or sys_exit */
};

struct probe {
	struct event_row row; /* its stage is where the kernel meets the program */
	enum flavour flavour;
	bool leave; /* at the exit of the call, else at its entry */
	s32 nr;	    /* -1: every call */
};

/* Sets flavour, leave and nr. -ENOENT, -EINVAL after words. */
int probe_parse(struct probe *probe, const struct attach_target *target, struct log *why);

#endif
