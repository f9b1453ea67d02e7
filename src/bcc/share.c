// SPDX-License-Identifier: BSD-2-Clause
/*
 * include/skep/maps.h leaves a variable TABLE.HOW in section .skep.tables for each. Objects are hostile: libelf checks its
 * tables' bounds, the text's are checked here.
 */
#include "bcc/share.h"

#include <gelf.h>
#include <stdio.h>
#include <string.h>

#include "util/types.h"

static const char *const hows[] = {
	[BCC_PIN] = "pin", [BCC_EXPORT] = "export", [BCC_EXTERN] = "extern"
};

struct walk {
	int (*fn)(void *arg, const char *table, enum bcc_share how, const char *text);
	void *arg;
	Elf *elf;
	size_t section; /* .skep.tables */
	const Elf_Data *texts;
};

static bool find_texts(struct walk *w)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(w->elf, &names))
		return false;
	while ((section = elf_nextscn(w->elf, section))) {
		const char *name = gelf_getshdr(section, &header)
					   ? elf_strptr(w->elf, names, header.sh_name)
					   : NULL;

		if (name && !strcmp(name, ".skep.tables")) {
			w->section = elf_ndxscn(section);
			w->texts = elf_getdata(section, NULL);
			return w->texts && w->texts->d_buf;
		}
	}
	return false;
}

static int tell(const struct walk *w, const char *symbol, u64 at)
{
	const char *dot = symbol ? strrchr(symbol, '.') : NULL, *text;
	char table[256];

	if (!dot || at >= w->texts->d_size)
		return 0;
	text = (const char *)w->texts->d_buf + at;
	if (!memchr(text, 0, w->texts->d_size - at) ||
	    snprintf(table, sizeof(table), "%.*s", (int)(dot - symbol), symbol) >=
		    (int)sizeof(table))
		return 0;
	for (u32 how = 0; how < ARRAY_SIZE(hows); how++)
		if (!strcmp(dot + 1, hows[how]))
			return w->fn(w->arg, table, (enum bcc_share)how, text);
	return 0;
}

static int tell_all(const struct walk *w)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	GElf_Sym symbol;
	int err = 0;

	while (!err && (section = elf_nextscn(w->elf, section))) {
		Elf_Data *data = elf_getdata(section, NULL);

		if (!data || !gelf_getshdr(section, &header) || header.sh_type != SHT_SYMTAB)
			continue;
		for (int i = 0; !err && gelf_getsym(data, i, &symbol); i++)
			if (symbol.st_shndx == w->section)
				err = tell(w, elf_strptr(w->elf, header.sh_link, symbol.st_name),
					   symbol.st_value);
	}
	return err;
}

int bcc_shares(const void *object, size_t size,
	       int (*fn)(void *arg, const char *table, enum bcc_share how, const char *text),
	       void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	int err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return 0;
	w.elf = elf_memory((char *)object, size);
	err = w.elf && find_texts(&w) ? tell_all(&w) : 0;
	elf_end(w.elf);
	return err;
}
