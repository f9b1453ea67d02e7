// SPDX-License-Identifier: BSD-2-Clause
/* include/skep/bcc.h and the headers that belong to it inside the library: a program needs no installed header. */
#include "bcc/header.h"

__asm__(".pushsection .rodata\n"
	"	.balign 8\n"
	"	.hidden header_bcc, header_helpers, header_kernel, header_maps, header_proto\n"
	"	.globl header_bcc, header_helpers, header_kernel, header_maps, header_proto\n"
	"header_bcc:\n"
	"	.incbin \"include/skep/bcc.h\"\n"
	"	.byte 0\n"
	"header_helpers:\n"
	"	.incbin \"include/skep/helpers.h\"\n"
	"	.byte 0\n"
	"header_kernel:\n"
	"	.incbin \"include/skep/kernel.h\"\n"
	"	.byte 0\n"
	"header_maps:\n"
	"	.incbin \"include/skep/maps.h\"\n"
	"	.byte 0\n"
	"header_proto:\n"
	"	.incbin \"include/skep/proto.h\"\n"
	"	.byte 0\n"
	".popsection\n");
