// SPDX-License-Identifier: BSD-2-Clause
/*
 * A tracepoint's format file has a line a field: "field:TYPE NAME; offset:N; size:M; signed:S;". Types the
 * program cannot know are written by their size; padding is written out, so the layout is the file's.
 */
#include "bcc/tracepoint.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/types.h"

enum { NAME_MAX_LEN = 100, COMMON = 8, RECORD_MAX = 65536 };

static const struct {
	const char *category, *event, *fields;
} known[] = {
#define TRACEPOINT(category, event, fields) { #category, #event, fields },
#include "bcc/tracepoint.def"
};

static bool is_identifier(const char *word, u32 len)
{
	for (u32 i = 0; i < len; i++)
		if (!isalnum((unsigned char)word[i]) && word[i] != '_')
			return false;
	return len && len < NAME_MAX_LEN;
}

struct field {
	char type[128], name[64];
	u32 offset, size, is_signed, elements; /* elements: of an array, else 0 */
};

static bool parse_field(const char *line, struct field *f)
{
	char declaration[192], *name, *bracket;

	if (sscanf(line, " field:%191[^;]; offset:%u; size:%u; signed:%u;", declaration, &f->offset,
		   &f->size, &f->is_signed) != 4 ||
	    f->offset > RECORD_MAX || f->size > RECORD_MAX)
		return false;
	name = strrchr(declaration, ' ');
	if (!name || strlen(name + 1) >= sizeof(f->name) ||
	    (size_t)(name - declaration) >= sizeof(f->type))
		return false;
	*name++ = 0;
	bracket = strchr(name, '[');
	f->elements = bracket ? 1 : 0;
	if (bracket) {
		sscanf(bracket + 1, "%u", &f->elements);
		*bracket = 0;
	}
	strcpy(f->name, name);
	strcpy(f->type, declaration);
	return is_identifier(f->name, (u32)strlen(f->name));
}

static void put_field(FILE *out, const struct field *f)
{
	u32 each = f->elements ? f->size / f->elements : f->size;
	const char *sign = f->is_signed ? "s" : "u";

	if (strstr(f->type, "__data_loc"))
		fprintf(out, "u32 data_loc_%s; ", f->name);
	else if (strchr(f->type, '*') && f->size == 8)
		fprintf(out, "%s%s; ", strstr(f->type, "char") ? "const char *" : "void *",
			f->name);
	else if (f->elements && strstr(f->type, "char"))
		fprintf(out, "char %s[%u]; ", f->name, f->size);
	else if (f->elements && (each == 1 || each == 2 || each == 4 || each == 8))
		fprintf(out, "%s%u %s[%u]; ", sign, each * 8, f->name, f->elements);
	else if (!f->elements && (each == 1 || each == 2 || each == 4 || each == 8))
		fprintf(out, "%s%u %s; ", sign, each * 8, f->name);
	else
		fprintf(out, "u8 %s[%u]; ", f->name, f->size);
}

static int from_tracefs(FILE *out, const char *category, const char *event)
{
	static const char *const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[320], line[512];
	struct field f;
	u32 at = COMMON, pads = 0;
	FILE *file = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && !file; i++) {
		snprintf(path, sizeof(path), "%s/events/%s/%s/format", roots[i], category, event);
		file = fopen(path, "re");
	}
	if (!file)
		return -ENOENT;
	while (fgets(line, sizeof(line), file)) {
		if (!parse_field(line, &f) || f.offset < COMMON || f.offset < at)
			continue;
		if (f.offset > at)
			fprintf(out, "u8 skep_pad%u[%u]; ", pads++, f.offset - at);
		put_field(out, &f);
		at = f.offset + f.size;
	}
	fclose(file);
	return 0;
}

static int from_table(FILE *out, const char *category, const char *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i].category, category) && !strcmp(known[i].event, event)) {
			fputs(known[i].fields, out);
			return 0;
		}
	return -ENOENT;
}

int tracepoint_struct(FILE *out, const char *category, u32 category_len, const char *event,
		      u32 event_len)
{
	char c[NAME_MAX_LEN], e[NAME_MAX_LEN], *fields = NULL;
	size_t len;
	FILE *body;
	int err;

	if (!is_identifier(category, category_len) || !is_identifier(event, event_len))
		return -ENOENT;
	snprintf(c, sizeof(c), "%.*s", (int)category_len, category);
	snprintf(e, sizeof(e), "%.*s", (int)event_len, event);
	body = open_memstream(&fields, &len);
	if (!body)
		return -ENOMEM;
	err = from_tracefs(body, c, e);
	if (err)
		err = from_table(body, c, e);
	if (fclose(body))
		err = -ENOMEM;
	if (!err)
		fprintf(out,
			"#ifndef SKEP_TRACEPOINT_%s__%s\n#define SKEP_TRACEPOINT_%s__%s\n"
			"struct tracepoint__%s__%s { u64 __do_not_use__; %s } __attribute__((packed, aligned(8)));\n#endif\n",
			c, e, c, e, c, e, fields);
	free(fields);
	return err;
}
