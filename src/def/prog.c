/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables behind prog.h; types are dense, so the number is the index. */
#include "def/prog.h"

#include <errno.h>
#include <string.h>

#define HAS(flags, bit) (((flags) & (bit)) != 0)

static const struct prog_info infos[__MAX_BPF_PROG_TYPE] = {
#define RETURN(tp, at, lo, hi)
#define PROG(tp, nm, context, at, flags)                                       \
	[BPF_PROG_TYPE_##tp] = { .type = BPF_PROG_TYPE_##tp,                   \
				 .name = nm,                                   \
				 .ctx = context,                               \
				 .attach = at,                                 \
				 .test_run = HAS(flags, TEST_RUN),             \
				 .kernel_test = HAS(flags, KERNEL_TEST),       \
				 .pkt_read = HAS(flags, PKT_READ | PKT_WRITE), \
				 .pkt_write = HAS(flags, PKT_WRITE),           \
				 .ld_abs = HAS(flags, LD_ABS),                 \
				 .btf_args = HAS(flags, BTF_ARGS),             \
				 .sleeps = HAS(flags, SLEEPS) },
#include "def/prog.def"
};

static const struct {
	u32 type;
	u64 attach;
	s32 low, high;
} returns[] = {
#define PROG(tp, nm, context, at, flags)
#define RETURN(tp, at, lo, hi) { BPF_PROG_TYPE_##tp, at, lo, hi },
#include "def/prog.def"
};

static u64 attach_bit(u32 attach)
{
	return attach < __MAX_BPF_ATTACH_TYPE ? 1ull << attach : 0;
}

const struct prog_info *prog_info(u32 type)
{
	return type < __MAX_BPF_PROG_TYPE && infos[type].name ? &infos[type] : NULL;
}

int prog_type_by_name(const char *name)
{
	for (u32 i = 0; i < __MAX_BPF_PROG_TYPE; i++)
		if (infos[i].name && !strcmp(infos[i].name, name))
			return (int)i;
	return -ENOENT;
}

int prog_check_attach(u32 type, u32 *attach)
{
	const struct prog_info *info = prog_info(type);

	if (!info)
		return -EINVAL;
	if (type == BPF_PROG_TYPE_CGROUP_SOCK && !*attach)
		*attach = BPF_CGROUP_INET_SOCK_CREATE;
	if (type == BPF_PROG_TYPE_SK_REUSEPORT && !*attach)
		*attach = BPF_SK_REUSEPORT_SELECT;
	if (!info->attach || (info->btf_args && type != BPF_PROG_TYPE_EXT))
		return 0;
	return info->attach & attach_bit(*attach) ? 0 : -EINVAL;
}

bool prog_return_range(u32 type, u32 attach, s32 *low, s32 *high)
{
	for (size_t i = 0; i < ARRAY_SIZE(returns); i++)
		if (returns[i].type == type &&
		    (!returns[i].attach || (returns[i].attach & attach_bit(attach)))) {
			*low = returns[i].low;
			*high = returns[i].high;
			return true;
		}
	return false;
}
