/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engines' LD_ABS and LD_IND find in the packet of a program on struct __sk_buff. */
#ifndef CORE_TEST_RUN_H
#define CORE_TEST_RUN_H

#include "def/run.h"

/* run_ops.load_packet */
s64 packet_load(struct run *run, s32 off, u32 size);

#endif
