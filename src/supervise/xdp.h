/* SPDX-License-Identifier: BSD-2-Clause */
/* The XDP programs that clients put on interfaces by netlink. */
#ifndef SUPERVISE_XDP_H
#define SUPERVISE_XDP_H

#include "supervise/answers.h"

/* An interface, in the network namespace of the caller. */
struct xdp_place {
	int ifindex;
	u64 dev, ino; /* the namespace; filled in by the functions below */
};

struct xdp_change {
	int fd;			/* the caller's of a program; -1: none shall be there */
	int expected;		/* compare: of the program that is there now; -1: none */
	bool compare, only_new; /* only_new: -EBUSY if one is there */
	u32 mode;		/* XDP_FLAGS_*_MODE, 0: any */
};

struct xdp_state {
	u32 prog, mode; /* id; of the change that put it there */
};

/*
 * 0, -EBUSY, -EEXIST, -EINVAL, -EBADF; -EPERM: the caller may not receive packets there. From then
 * on the program runs on what arrives at the interface: on copies, so what it returns moves no
 * packet.
 */
int xdp_set(struct clients *clients, struct client_call *call, struct xdp_place *place,
	    const struct xdp_change *change);
/* Whether a program is there. */
bool xdp_get(struct clients *clients, struct client_call *call, struct xdp_place *place,
	     struct xdp_state *out);
/* Whether there is one anywhere. */
bool xdp_any(const struct clients *clients);
int xdp_new(struct clients *clients);
void xdp_free(struct xdp *xdp);

#endif
