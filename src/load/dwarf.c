// SPDX-License-Identifier: BSD-2-Clause
/*
 * The line number program: a header with directories and files, then opcodes that move a row
 * (address, file, line) along and emit it. Everything is read through a cursor that knows its end
 * and turns to "bad" beyond it.
 */
#include "load/dwarf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 4096, ROWS_MAX = 1 << 20 };

enum { LNCT_PATH = 1, LNCT_DIRECTORY = 2 };
enum {
	FORM_BLOCK = 0x09,
	FORM_DATA1 = 0x0b,
	FORM_DATA2 = 0x05,
	FORM_DATA4 = 0x06,
	FORM_DATA8 = 0x07,
	FORM_STRING = 0x08,
	FORM_UDATA = 0x0f,
	FORM_STRP = 0x0e,
	FORM_LINE_STRP = 0x1f,
	FORM_DATA16 = 0x1e,
};
enum {
	LNS_COPY = 1,
	LNS_ADVANCE_PC,
	LNS_ADVANCE_LINE,
	LNS_SET_FILE,
	LNS_CONST_ADD_PC = 8,
	LNS_FIXED_ADVANCE_PC
};
enum { LNE_END_SEQUENCE = 1, LNE_SET_ADDRESS = 2 };

struct cursor {
	const u8 *start, *at, *end;
	bool bad;
};

struct name {
	const char *text;
	u64 directory;
};

struct table {
	const struct dwarf_relocs *relocs;
	struct bytes all, line_str, str;
	u16 version;
	u8 min_inst, line_range, opcode_base;
	s8 line_base;
	u8 lengths[256]; /* operands of standard opcodes */
	struct name *dirs, *files;
	u32 nr_dirs, nr_files;

	struct lines *out;
	u32 room, section; /* the section asked for */
	u32 at_section;	   /* the sequence's */
	u64 address, file, line;
};

/* ---- reading ---- */

static u64 fixed(struct cursor *c, u32 size)
{
	u64 value = 0;

	if (size > 8 || (size_t)(c->end - c->at) < size) {
		c->bad = true;
		c->at = c->end;
		return 0;
	}
	memcpy(&value, c->at, size);
	c->at += size;
	return value;
}

static u64 leb(struct cursor *c, bool is_signed)
{
	u64 value = 0;
	u32 shift = 0;
	u8 byte;

	do {
		byte = (u8)fixed(c, 1);
		if (shift < 64)
			value |= (u64)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !c->bad);
	if (is_signed && byte & 0x40 && shift < 64)
		value |= ~0ull << shift;
	return value;
}

static const char *text(struct cursor *c)
{
	const u8 *end = memchr(c->at, 0, (size_t)(c->end - c->at)), *start = c->at;

	if (!end) {
		c->bad = true;
		return "";
	}
	c->at = end + 1;
	return (const char *)start;
}

static void skip(struct cursor *c, u64 len)
{
	if (len > (u64)(c->end - c->at)) {
		c->bad = true;
		len = (u64)(c->end - c->at);
	}
	c->at += len;
}

static const char *in_strings(struct bytes strings, u64 off)
{
	return off < strings.len && memchr(strings.at + off, 0, strings.len - off)
		       ? (const char *)strings.at + off
		       : "";
}

/* ---- the header ---- */

static void read_form(struct table *t, struct cursor *c, u64 form, const char **string, u64 *number)
{
	*string = "";
	*number = 0;
	switch (form) {
	case FORM_STRING: *string = text(c); break;
	case FORM_LINE_STRP: *string = in_strings(t->line_str, fixed(c, 4)); break;
	case FORM_STRP: *string = in_strings(t->str, fixed(c, 4)); break;
	case FORM_UDATA: *number = leb(c, false); break;
	case FORM_DATA1: *number = fixed(c, 1); break;
	case FORM_DATA2: *number = fixed(c, 2); break;
	case FORM_DATA4: *number = fixed(c, 4); break;
	case FORM_DATA8: *number = fixed(c, 8); break;
	case FORM_DATA16: skip(c, 16); break;
	case FORM_BLOCK: skip(c, leb(c, false)); break;
	default: c->bad = true;
	}
}

/* Version 5: entries described by pairs of content and form. */
static int read_names5(struct table *t, struct cursor *c, struct name **out, u32 *nr)
{
	u64 content[16], form[16], count, number;
	u32 formats = (u32)fixed(c, 1);
	const char *string;

	if (formats > 16)
		return -EINVAL;
	for (u32 i = 0; i < formats; i++) {
		content[i] = leb(c, false);
		form[i] = leb(c, false);
	}
	count = leb(c, false);
	if (count > NAMES_MAX || c->bad)
		return -EINVAL;
	*out = calloc(count + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (u64 i = 0; i < count && !c->bad; i++)
		for (u32 f = 0; f < formats; f++) {
			read_form(t, c, form[f], &string, &number);
			if (content[f] == LNCT_PATH)
				(*out)[i].text = string;
			else if (content[f] == LNCT_DIRECTORY)
				(*out)[i].directory = number;
		}
	*nr = (u32)count;
	return c->bad ? -EINVAL : 0;
}

/* Before version 5: strings up to an empty one, numbered from 1; 0 is the compilation's folder, not told here. */
static int read_names2(struct cursor *c, bool files, struct name **out, u32 *nr)
{
	const char *string;

	*out = calloc(NAMES_MAX, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	*nr = 1;
	while (*nr < NAMES_MAX && !c->bad && *(string = text(c))) {
		(*out)[*nr].text = string;
		if (files) {
			(*out)[*nr].directory = leb(c, false);
			leb(c, false);
			leb(c, false);
		}
		++*nr;
	}
	return c->bad || *nr == NAMES_MAX ? -EINVAL : 0;
}

static int read_header(struct table *t, struct cursor *c)
{
	u64 length;
	const u8 *program;
	int err;

	t->version = (u16)fixed(c, 2);
	if (t->version < 2 || t->version > 5)
		return -EINVAL;
	if (t->version == 5)
		skip(c, 2);
	length = fixed(c, 4);
	if (length > (u64)(c->end - c->at))
		return -EINVAL;
	program = c->at + length;
	t->min_inst = (u8)fixed(c, 1);
	skip(c, t->version >= 4 ? 2 : 1);
	t->line_base = (s8)fixed(c, 1);
	t->line_range = (u8)fixed(c, 1);
	t->opcode_base = (u8)fixed(c, 1);
	for (u32 i = 1; i < t->opcode_base; i++)
		t->lengths[i] = (u8)fixed(c, 1);
	if (!t->line_range || !t->opcode_base || c->bad)
		return -EINVAL;
	err = t->version == 5 ? read_names5(t, c, &t->dirs, &t->nr_dirs)
			      : read_names2(c, false, &t->dirs, &t->nr_dirs);
	if (!err)
		err = t->version == 5 ? read_names5(t, c, &t->files, &t->nr_files)
				      : read_names2(c, true, &t->files, &t->nr_files);
	c->at = program;
	return err;
}

/* ---- rows ---- */

static char *file_path(const struct table *t, u64 file)
{
	const struct name *f = file < t->nr_files ? &t->files[file] : NULL;
	const char *dir = f && f->directory < t->nr_dirs ? t->dirs[f->directory].text : NULL;
	const char *top =
		t->version == 5 && t->nr_dirs && f && f->directory ? t->dirs[0].text : NULL;
	char *path;
	int n;

	if (!f || !f->text)
		return strdup("");
	if (f->text[0] == '/' || !dir)
		return strdup(f->text);
	n = dir[0] == '/' || !top ? asprintf(&path, "%s/%s", dir, f->text)
				  : asprintf(&path, "%s/%s/%s", top, dir, f->text);
	return n < 0 ? NULL : path;
}

static int emit(struct table *t, bool end)
{
	struct lines *out = t->out;
	struct line *grown;

	if (t->at_section != t->section || end)
		return 0;
	if (out->count == t->room) {
		if (t->room >= ROWS_MAX)
			return -E2BIG;
		t->room = t->room ? t->room * 2 : 64;
		grown = reallocarray(out->line, t->room, sizeof(*out->line));
		if (!grown)
			return -ENOMEM;
		out->line = grown;
	}
	out->line[out->count] =
		(struct line){ .offset = (u32)t->address, .number = (u32)t->line, .text = "" };
	out->line[out->count].file = out->line[out->count].owned = file_path(t, t->file);
	return out->line[out->count++].owned ? 0 : -ENOMEM;
}

static void reset(struct table *t)
{
	t->address = 0;
	t->at_section = 0;
	t->file = 1;
	t->line = 1;
}

static int extended(struct table *t, struct cursor *c)
{
	u64 length = leb(c, false), value;
	struct cursor in = { c->start, c->at, c->at, false };
	u32 section;
	int err = 0;

	skip(c, length);
	in.end = c->at;
	switch (fixed(&in, 1)) {
	case LNE_END_SEQUENCE:
		err = emit(t, true);
		reset(t);
		break;
	case LNE_SET_ADDRESS:
		if (t->relocs->find(t->relocs->arg, (u64)(in.at - in.start), &section, &value)) {
			t->at_section = section;
			t->address = value;
		}
		t->address += fixed(&in, 8);
		break;
	default: break;
	}
	return err;
}

static int standard(struct table *t, struct cursor *c, u8 op)
{
	switch (op) {
	case LNS_COPY: return emit(t, false);
	case LNS_ADVANCE_PC: t->address += leb(c, false) * t->min_inst; return 0;
	case LNS_ADVANCE_LINE: t->line += leb(c, true); return 0;
	case LNS_SET_FILE: t->file = leb(c, false); return 0;
	case LNS_CONST_ADD_PC:
		t->address += (u64)((255 - t->opcode_base) / t->line_range) * t->min_inst;
		return 0;
	case LNS_FIXED_ADVANCE_PC: t->address += fixed(c, 2); return 0;
	default:
		for (u32 i = 0; i < t->lengths[op]; i++)
			leb(c, false);
		return 0;
	}
}

static int run_program(struct table *t, struct cursor *c)
{
	int err = 0;

	reset(t);
	while (c->at < c->end && !c->bad && !err) {
		u8 op = (u8)fixed(c, 1);

		if (op >= t->opcode_base) {
			u8 special = (u8)(op - t->opcode_base);

			t->address += (u64)(special / t->line_range) * t->min_inst;
			t->line += (u64)(s64)(t->line_base + special % t->line_range);
			err = emit(t, false);
		} else {
			err = op ? standard(t, c, op) : extended(t, c);
		}
	}
	return err;
}

static int by_offset(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1)
				      : (x->order < y->order ? -1 : 1);
}

int dwarf_lines(struct lines *out, struct bytes line, struct bytes line_str, struct bytes str,
		const struct dwarf_relocs *relocs, u32 section)
{
	struct cursor c = { line.at, line.at, line.at + line.len, false };
	struct table t = {
		.relocs = relocs, .line_str = line_str, .str = str, .out = out, .section = section
	};
	int err = 0;

	*out = (struct lines){ .count = 0 };
	while (c.at < c.end && !c.bad && !err) {
		u64 length = fixed(&c, 4);
		struct cursor unit = { c.start, c.at, c.at, false };

		skip(&c, length); /* the 64-bit format's 0xffffffff ends it here: bad */
		if (c.bad)
			break;
		unit.end = c.at;
		err = read_header(&t, &unit);
		if (!err)
			err = run_program(&t, &unit);
		free(t.dirs);
		free(t.files);
		t.dirs = t.files = NULL;
		t.nr_dirs = t.nr_files = 0;
	}
	for (u32 i = 0; i < out->count; i++)
		out->line[i].order = i;
	if (!err && out->count)
		qsort(out->line, out->count, sizeof(*out->line), by_offset);
	return err ? err : out->count ? 0 : -EINVAL;
}
