// SPDX-License-Identifier: BSD-2-Clause
/*
 * llvm-objdump's listing (clang-19's is the model): sections of code, their symbols, each
 * instruction's bytes and text, before it its source line where that changed.
 */
#include "load/dump.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/insn.h"
#include "load/dwarf.h"
#include "load/source.h"
#include "load/objfile.h"

struct symbol {
	u64 offset, end; /* in its section */
	const char *name;
	bool function;
};

struct dump {
	const u8 *bytes;
	const struct dump_opts *opts;
	struct log *out;
	Elf64_Ehdr header;
	struct bytes btf, ext, debug_line, debug_line_str, debug_str;
	u32 debug_line_rel; /* section number of its relocations, 0: none */
	struct texts *sources;

	/* of the section at hand */
	Elf64_Shdr section;
	const char *section_name;
	struct symbol *symbols; /* by offset, then name */
	u32 nr_symbols;
	struct bpf_insn *raw;
	struct insn *insns;
	u32 count;
	struct lines lines; /* DWARF's, or as kept */
	struct lines kept;  /* what BTF kept of the source */
	u32 next_line;
	bool found;

	/* of the line before, whether it was shown or not; over all sections */
	u32 last_number;
	char *last_file;
};

static Elf64_Shdr get_section(const struct dump *d, u32 index)
{
	Elf64_Shdr s;

	memcpy(&s, d->bytes + d->header.e_shoff + (size_t)index * sizeof(s), sizeof(s));
	return s;
}

static const char *section_name(const struct dump *d, const Elf64_Shdr *s)
{
	return (const char *)d->bytes + get_section(d, d->header.e_shstrndx).sh_offset + s->sh_name;
}

static bool get_bytes(const struct dump *d, const char *name, struct bytes *out)
{
	for (u32 i = 1; i < d->header.e_shnum; i++) {
		Elf64_Shdr s = get_section(d, i);

		if (s.sh_type == SHT_PROGBITS && !strcmp(section_name(d, &s), name)) {
			*out = (struct bytes){ d->bytes + s.sh_offset, s.sh_size };
			return true;
		}
	}
	return false;
}

/* ---- symbols ---- */

static int by_offset(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : strcmp(x->name, y->name);
}

static int read_symbols(struct dump *d, u32 section)
{
	Elf64_Shdr table = { .sh_type = SHT_NULL }, strings;
	u32 n;

	for (u32 i = 1; i < d->header.e_shnum && table.sh_type != SHT_SYMTAB; i++)
		table = get_section(d, i);
	n = table.sh_type == SHT_SYMTAB ? (u32)(table.sh_size / sizeof(Elf64_Sym)) : 0;
	d->nr_symbols = 0;
	d->symbols = calloc(n + 1, sizeof(*d->symbols));
	if (!d->symbols)
		return -ENOMEM;
	strings = get_section(d, n ? table.sh_link : 0);
	for (u32 i = 1; i < n; i++) {
		Elf64_Sym s;

		memcpy(&s, d->bytes + table.sh_offset + (size_t)i * sizeof(s), sizeof(s));
		if (s.st_shndx != section || ELF64_ST_TYPE(s.st_info) == STT_SECTION ||
		    ELF64_ST_TYPE(s.st_info) == STT_FILE)
			continue;
		d->symbols[d->nr_symbols++] = (struct symbol){
			.offset = s.st_value,
			.end = s.st_value + s.st_size,
			.name = (const char *)d->bytes + strings.sh_offset + s.st_name,
			.function = ELF64_ST_TYPE(s.st_info) == STT_FUNC,
		};
	}
	qsort(d->symbols, d->nr_symbols, sizeof(*d->symbols), by_offset);
	return 0;
}

/* The symbol that offset lies behind: the last one at or before it. */
static const struct symbol *symbol_before(const struct dump *d, u64 offset)
{
	const struct symbol *found = NULL;

	for (u32 i = 0; i < d->nr_symbols && d->symbols[i].offset <= offset; i++)
		found = &d->symbols[i];
	return found;
}

static const char *name_target(void *arg, s64 index, char *scratch, size_t size)
{
	const struct dump *d = arg;
	const struct symbol *s = index >= 0 ? symbol_before(d, (u64)index * 8) : NULL;
	u64 into;

	if (!s && (index < 0 || (u64)index * 8 > d->section.sh_size))
		return NULL;
	into = (u64)index * 8 - (s ? s->offset : 0);
	if (into)
		snprintf(scratch, size, "%s+0x%llx", s ? s->name : d->section_name,
			 (unsigned long long)into);
	else
		snprintf(scratch, size, "%s", s ? s->name : d->section_name);
	return scratch;
}

/* ---- printing ---- */

/* The function named in opts, if any, holds offset. */
static bool wanted(const struct dump *d, u64 offset)
{
	if (!d->opts->prog)
		return true;
	for (u32 i = 0; i < d->nr_symbols; i++)
		if (d->symbols[i].function && !strcmp(d->symbols[i].name, d->opts->prog))
			return offset >= d->symbols[i].offset && offset < d->symbols[i].end;
	return false;
}

/* The line of the instruction at offset: the last row at or before it. */
static const struct line *line_at(struct dump *d, u64 offset)
{
	while (d->next_line < d->lines.count && d->lines.line[d->next_line].offset <= offset)
		d->next_line++;
	return d->next_line ? &d->lines.line[d->next_line - 1] : NULL;
}

/* Where a source file cannot be read: the line as BTF has it. */
static const char *kept_text(const struct dump *d, u32 number)
{
	for (u32 i = 0; i < d->kept.count; i++)
		if (d->kept.line[i].number == number)
			return d->kept.line[i].text;
	return "";
}

static void print_line(struct dump *d, u64 offset)
{
	const struct line *line = line_at(d, offset);
	const char *file = line ? line->file : "";
	u32 number = line ? line->number : 0;
	bool same = number == d->last_number && d->last_file && !strcmp(d->last_file, file);
	const char *text;

	if (!d->opts->source || same)
		return;
	d->last_number = number;
	free(d->last_file);
	d->last_file = strdup(file);
	if (!number)
		return;
	text = texts_have(d->sources, file) ? texts_line(d->sources, file, number)
					    : kept_text(d, number);
	if (text[0])
		say(d->out, "; %s\n", text);
}

static void print_symbols(struct dump *d, u64 offset)
{
	const struct symbol *s = symbol_before(d, offset);

	if (s && s->offset == offset)
		say(d->out, "\n%016llx <%s>:\n", (unsigned long long)offset, s->name);
	else if (!offset)
		say(d->out, "\n%016llx <%s>:\n", 0ull, d->section_name);
}

static void print_insn(struct dump *d, u32 i)
{
	struct disasm_names names = { .target = name_target, .arg = d };
	char text[1024];

	insn_line(&d->insns[i], d->raw + i, i, &names, text, sizeof(text));
	say(d->out, "%s\n", text);
	if (d->opts->explain) {
		insn_explain(d->raw + i, d->count - i, text, sizeof(text));
		say(d->out, "%s\n", text);
	}
}

static void print_section(struct dump *d)
{
	bool any = false;

	for (u32 i = 0; i < d->count; i++) {
		if (!wanted(d, (u64)i * 8))
			continue;
		if (!d->found)
			say(d->out, "\n%s:\tfile format elf64-bpf\n", d->opts->name);
		if (!any)
			say(d->out, "\nDisassembly of section %s:\n", d->section_name);
		any = d->found = true;
		print_symbols(d, (u64)i * 8);
		print_line(d, (u64)i * 8);
		print_insn(d, i);
		if (insn_is_wide(&d->insns[i]))
			i++;
	}
}

/* ---- lines ---- */

static bool find_reloc(void *arg, u64 offset, u32 *section, u64 *value)
{
	const struct dump *d = arg;
	Elf64_Shdr rels = get_section(d, d->debug_line_rel), symbols;

	if (!d->debug_line_rel)
		return false;
	symbols = get_section(d, rels.sh_link);
	for (u64 i = 0; i < rels.sh_size / sizeof(Elf64_Rel); i++) {
		Elf64_Rel rel;
		Elf64_Sym sym;

		memcpy(&rel, d->bytes + rels.sh_offset + i * sizeof(rel), sizeof(rel));
		if (rel.r_offset != offset)
			continue;
		memcpy(&sym, d->bytes + symbols.sh_offset + ELF64_R_SYM(rel.r_info) * sizeof(sym),
		       sizeof(sym));
		*section = sym.st_shndx;
		*value = sym.st_value;
		return true;
	}
	return false;
}

static void find_debug(struct dump *d)
{
	get_bytes(d, ".debug_line", &d->debug_line);
	get_bytes(d, ".debug_line_str", &d->debug_line_str);
	get_bytes(d, ".debug_str", &d->debug_str);
	for (u32 i = 1; i < d->header.e_shnum; i++) {
		Elf64_Shdr s = get_section(d, i);

		if (s.sh_type == SHT_REL && !strcmp(section_name(d, &s), ".rel.debug_line"))
			d->debug_line_rel = i;
	}
	if (!get_bytes(d, ".BTF", &d->btf) || !get_bytes(d, ".BTF.ext", &d->ext))
		d->ext.at = NULL;
}

static void read_kept(struct dump *d, struct lines *out)
{
	if (d->ext.at && !lines_read(out, d->btf, d->ext, d->section_name))
		return;
	lines_free(out);
	*out = (struct lines){ .count = 0 };
}

static void read_lines(struct dump *d, u32 index)
{
	struct dwarf_relocs relocs = { .arg = d, .find = find_reloc };

	read_kept(d, &d->kept);
	if (d->debug_line.at &&
	    !dwarf_lines(&d->lines, d->debug_line, d->debug_line_str, d->debug_str, &relocs, index))
		return;
	lines_free(&d->lines);
	d->lines = (struct lines){ .count = 0 };
	read_kept(d, &d->lines);
}

static int dump_section(struct dump *d, u32 index)
{
	int err = read_symbols(d, index);

	d->count = (u32)(d->section.sh_size / 8);
	d->raw = malloc((size_t)d->count * 8);
	d->insns = calloc(d->count, sizeof(*d->insns));
	d->next_line = 0;
	d->lines = d->kept = (struct lines){ .count = 0 };
	if (!err && (!d->raw || !d->insns))
		err = -ENOMEM;
	if (!err) {
		memcpy(d->raw, d->bytes + d->section.sh_offset, (size_t)d->count * 8);
		insn_decode(d->raw, d->count, d->insns);
		if (d->opts->source)
			read_lines(d, index);
		print_section(d);
	}
	lines_free(&d->lines);
	lines_free(&d->kept);
	free(d->symbols);
	free(d->raw);
	free(d->insns);
	return err;
}

int dump_object(const void *bytes, size_t size, const struct dump_opts *opts, struct log *out,
		struct log *why)
{
	struct dump d = { .bytes = bytes, .opts = opts, .out = out };
	int err = elf_check(bytes, size, opts->name, why);

	if (err)
		return err;
	memcpy(&d.header, bytes, sizeof(d.header));
	find_debug(&d);
	d.sources = texts_new();
	if (!d.sources)
		return -ENOMEM;
	for (u32 i = 1; i < d.header.e_shnum && !err; i++) {
		d.section = get_section(&d, i);
		if (d.section.sh_type != SHT_PROGBITS || !(d.section.sh_flags & SHF_EXECINSTR) ||
		    d.section.sh_size < 8)
			continue;
		d.section_name = section_name(&d, &d.section);
		err = dump_section(&d, i);
	}
	texts_free(d.sources);
	free(d.last_file);
	if (!err && !opts->prog && !d.found)
		say(out, "\n%s:\tfile format elf64-bpf\n", opts->name);
	if (!err && opts->prog && !d.found)
		err = fail(why, -ENOENT, "%s: has no function '%s'", opts->name, opts->prog);
	return err;
}
