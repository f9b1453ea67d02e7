// SPDX-License-Identifier: BSD-2-Clause
/* include/skep/bcc.h and helpers.h inside the library: a program needs no installed header. */
#include "bcc/header.h"

__asm__(".pushsection .rodata\n"
	"	.balign 8\n"
	"	.hidden header_bcc, header_bcc_end, header_helpers, header_helpers_end\n"
	"	.globl header_bcc, header_bcc_end, header_helpers, header_helpers_end\n"
	"header_bcc:\n"
	"	.incbin \"include/skep/bcc.h\"\n"
	"header_bcc_end:\n"
	"	.byte 0\n"
	"header_helpers:\n"
	"	.incbin \"include/skep/helpers.h\"\n"
	"header_helpers_end:\n"
	"	.byte 0\n"
	".popsection\n");
