/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep's own contexts: what r1 points to once the verifier's fix-ups are done. They begin with the uapi
 * struct, so scalar fields stay where programs find them; pointers, which are 32 bits there, follow.
 * Whoever runs a program (events, test_run) fills both parts; packet helpers change the pointers.
 *
 * Invariant: head <= data_meta <= data <= data_end <= head + room. Types not named here get
 * the uapi struct itself (pt_regs, tracepoint record, bpf_raw_tracepoint_args, …).
 */
#ifndef DEF_CTX_LAYOUT_H
#define DEF_CTX_LAYOUT_H

#include "def/uapi.h"
#include "util/types.h"

/* Where packet bytes are, shared by both. */
struct packet {
	u8 *data;      /* first byte a program sees */
	u8 *data_end;  /* one past the last */
	u8 *data_meta; /* metadata in front of data; == data if none */
	u8 *head;      /* start of the buffer */
	u32 room;      /* bytes of the buffer */
};

enum { XDP_TARGETS = 32 }; /* interfaces one packet is redirected to at most */

/*
 * XDP programs. md.data, data_end, data_meta are unused; the other fields of md hold the values. Where a packet
 * goes whose program said XDP_REDIRECT is left in targets by bpf_redirect and bpf_redirect_map; whoever runs the
 * program sets nr_targets to 0 before.
 */
struct xdp_ctx {
	struct xdp_md md;
	struct packet packet;
	u32 nr_targets;
	u32 targets[XDP_TARGETS]; /* interfaces by number */
};

/* Programs on struct __sk_buff. md.data, data_end, data_meta, sk, flow_keys are unused. */
struct skb_ctx {
	struct __sk_buff md;
	struct packet packet;
	void *sk; /* NULL: no socket */
	struct bpf_flow_keys *flow_keys;
};

#endif
