// SPDX-License-Identifier: BSD-2-Clause
/* Line information: a header, then for each section its name and its records. Every offset is checked before use. */
#include "load/lines.h"

#include <errno.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>

struct ext_header {
	u16 magic;
	u8 version, flags;
	u32 header_len, func_off, func_len, line_off, line_len;
};
struct record {
	u32 insn_off, file_off, line_off, line_col;
};

static bool cut(struct bytes *out, struct bytes from, u64 start, u64 len)
{
	if (start > from.len || len > from.len - start)
		return false;
	*out = (struct bytes){ from.at + start, len };
	return true;
}

static u32 word(struct bytes b, size_t at)
{
	u32 value = 0;

	if (at + sizeof(value) <= b.len)
		memcpy(&value, b.at + at, sizeof(value));
	return value;
}

static bool find_strings(struct bytes btf, struct bytes *strings)
{
	struct btf_header h;

	if (btf.len < sizeof(h))
		return false;
	memcpy(&h, btf.at, sizeof(h));
	return h.magic == BTF_MAGIC && cut(strings, btf, (u64)h.hdr_len + h.str_off, h.str_len) &&
	       strings->len && !strings->at[strings->len - 1];
}

static bool find_records(struct bytes ext, struct bytes *records)
{
	struct ext_header h;

	if (ext.len < sizeof(h))
		return false;
	memcpy(&h, ext.at, sizeof(h));
	return h.magic == BTF_MAGIC &&
	       cut(records, ext, (u64)h.header_len + h.line_off, h.line_len);
}

static const char *string(struct bytes strings, u32 off)
{
	return off < strings.len ? (const char *)strings.at + off : "";
}

static int take(struct lines *out, struct bytes records, u32 size, struct bytes strings)
{
	u32 n = (u32)(records.len / size);

	out->line = calloc(n + 1, sizeof(*out->line));
	if (!out->line)
		return -ENOMEM;
	out->count = n;
	for (u32 i = 0; i < n; i++) {
		struct record r;

		memcpy(&r, records.at + (size_t)i * size, sizeof(r));
		out->line[i] = (struct line){ .offset = r.insn_off,
					      .number = r.line_col >> 10,
					      .file = string(strings, r.file_off),
					      .text = string(strings, r.line_off) };
	}
	return 0;
}

int lines_read(struct lines *out, struct bytes btf, struct bytes ext, const char *section)
{
	struct bytes strings, all, records;
	u32 size;

	*out = (struct lines){ .count = 0 };
	if (!find_strings(btf, &strings) || !find_records(ext, &all) || all.len < 4)
		return -EINVAL;
	size = word(all, 0);
	if (size < sizeof(struct record) || size > 4096)
		return -EINVAL;
	for (size_t at = 4; at + 8 <= all.len; at += 8 + records.len) {
		if (!cut(&records, all, at + 8, (u64)word(all, at + 4) * size))
			return -EINVAL;
		if (!strcmp(string(strings, word(all, at)), section))
			return take(out, records, size, strings);
	}
	return 0;
}

void lines_free(struct lines *lines)
{
	for (u32 i = 0; i < lines->count; i++)
		free(lines->line[i].owned);
	free(lines->line);
}
