/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table behind helper.h. Rows keep helper.def's order, so the rows of a number are neighbours;
 * a binary search finds the first of them.
 */
#include "def/helper.h"

#define HELPER_FLAG(flags, bit) (((flags) & (bit)) != 0)

struct row {
	struct helper_proto proto;
	u64 types, attach; /* bit sets over program types and attach types; attach 0: any */
};

static const struct row rows[] = {
#define HELPER(nr, nm, flags, in_types, at, result, result_btf, ...) \
	{ .proto = { .number = nr,                                   \
		     .name = "bpf_" #nm,                             \
		     .args = { __VA_ARGS__ },                        \
		     .ret = result,                                  \
		     .ret_btf = result_btf,                          \
		     .gpl_only = HELPER_FLAG(flags, GPL),            \
		     .pkt_access = HELPER_FLAG(flags, PKT),          \
		     .might_sleep = HELPER_FLAG(flags, SLEEP),       \
		     .fastcall = HELPER_FLAG(flags, FAST),           \
		     .restricted = HELPER_FLAG(flags, WHERE) },      \
	  .types = in_types,                                         \
	  .attach = at },
#include "def/helper.def"
};

static const struct row *first_row(u32 number)
{
	size_t low = 0, high = ARRAY_SIZE(rows);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (rows[mid].proto.number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ARRAY_SIZE(rows) && rows[low].proto.number == number ? &rows[low] : NULL;
}

const struct helper_proto *helper_any(u32 number)
{
	const struct row *row = first_row(number);

	return row ? &row->proto : NULL;
}

const char *helper_name(u32 number)
{
	const struct row *row = first_row(number);

	return row ? row->proto.name : NULL;
}

const struct helper_proto *helper_proto(u32 number, u32 prog_type, u32 expected_attach_type)
{
	const struct row *row = first_row(number);
	u64 type = prog_type < __MAX_BPF_PROG_TYPE ? 1ull << prog_type : 0;
	u64 attach = expected_attach_type < 64 ? 1ull << expected_attach_type : 0;

	for (; row && row < rows + ARRAY_SIZE(rows) && row->proto.number == number; row++)
		if ((row->types & type) && (!row->attach || (row->attach & attach)))
			return &row->proto;
	return NULL;
}
