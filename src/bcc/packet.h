/* SPDX-License-Identifier: BSD-2-Clause */
/* Structs of packets' headers: fields through pointers to them are bits of the packet (include/skep/proto.h). */
#ifndef BCC_PACKET_H
#define BCC_PACKET_H

#include "bcc/edit.h"

struct packet_field {
	struct span of, name; /* in text: the struct, the field */
	const char *text;
	u32 bit, bits; /* from the struct's start */
};

struct packets {
	struct tokens header; /* proto.h's */
	struct packet_field *field;
	u32 count;
};

/* The structs of proto.h and those that the source makes with BPF_PACKET_HEADER; none where it does not include that. 0, -ENOMEM. */
int packets_read(struct packets *packets, const struct tokens *source);
void packets_free(struct packets *packets);
/* Whether a token is the name of such a struct. */
bool packets_has(const struct packets *packets, const struct tokens *t, u32 tag);

/* A field at token i, of a pointer declared in the function that the pass is in; incr_cksum_l3() and _l4(). */
void edit_packet(struct pass *pass, const struct packets *packets, u32 i);

#endif
