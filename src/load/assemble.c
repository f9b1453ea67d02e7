// SPDX-License-Identifier: BSD-2-Clause
/*
 * Assembly to an object: directives are read here and blanked, so that what is left goes to
 * asm_program() with its line numbers unchanged; then the smallest ELF file that libbpf loads is
 * written: the program, its license, two symbols.
 *
 * Invariant: names, license and their NULs lie in fixed arrays; longer ones are refused.
 */
#include "load/assemble.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/asm.h"

struct unit {
	const char *path;
	struct log *log;
	u32 line;
	bool in_license;			    /* the section in force */
	char section[128], name[128], license[128]; /* "": not given */
	char said[512];				    /* asm_program()'s "line 3: why" */
	size_t said_len;
};

bool assemble_takes(const char *path)
{
	size_t len = strlen(path);

	return len > 2 && path[len - 2] == '.' && (path[len - 1] == 'S' || path[len - 1] == 's');
}

static int bad(struct unit *u, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct unit *u, const char *fmt, ...)
{
	va_list ap;

	say(u->log, "%s:%u: ", u->path, u->line);
	va_start(ap, fmt);
	vsay(u->log, fmt, ap);
	va_end(ap);
	say(u->log, "\n");
	return -EBADMSG;
}

/* The name at *at, quoted or up to a comma or blank. */
static int read_name(struct unit *u, const char *at, char *to, size_t room)
{
	bool quoted = *at == '"';
	size_t len = strcspn(at += quoted, quoted ? "\"\n" : " \t\r\n,;#\"");

	if (!len || (quoted && at[len] != '"'))
		return bad(u, "name expected");
	if (len >= room)
		return bad(u, "name longer than %zu bytes", room - 1);
	memcpy(to, at, len);
	to[len] = 0;
	return 0;
}

static int set_section(struct unit *u, const char *at)
{
	char name[sizeof(u->section)];
	int err = read_name(u, at, name, sizeof(name));

	if (err)
		return err;
	u->in_license = !strcmp(name, "license");
	if (u->in_license || !strcmp(name, u->section))
		return 0;
	if (u->section[0])
		return bad(
			u,
			"section \"%s\" after \"%s\": one program in one section is all there can be",
			name, u->section);
	memcpy(u->section, name, sizeof(name));
	return 0;
}

static int set_license(struct unit *u, const char *at)
{
	if (!u->in_license)
		return bad(u, "data outside section license");
	if (*at != '"')
		return bad(u, "string expected");
	return read_name(u, at, u->license, sizeof(u->license));
}

/* The directive at its '.'. */
static int directive(struct unit *u, const char *at)
{
	static const char *const passed[] = { ".text",	  ".file",    ".type",	      ".size",
					      ".p2align", ".addrsig", ".addrsig_sym", ".ident" };
	size_t len = strcspn(at, " \t\r\n");
	const char *rest = at + len + strspn(at + len, " \t");
	char word[16];

	if (len < sizeof(word)) {
		snprintf(word, sizeof(word), "%.*s", (int)len, at);
		if (!strcmp(word, ".section"))
			return set_section(u, rest);
		if (!strcmp(word, ".asciz") || !strcmp(word, ".string"))
			return set_license(u, rest);
		if (!strcmp(word, ".globl") || !strcmp(word, ".global"))
			return u->name[0] ? 0 : read_name(u, rest, u->name, sizeof(u->name));
		for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
			if (!strcmp(word, passed[i]))
				return 0;
	}
	return bad(u, "\"%.*s\" is not a directive that skep knows", (int)min(len, (size_t)40), at);
}

/* What a line means to us: its directive, or a label of the license; taken lines are blanked. */
static int read_line(struct unit *u, char *at)
{
	size_t len = strcspn(at, "\n"), word = strcspn(at, " \t\r\n:");
	int err;

	if (*at == '.' && at[word] != ':')
		err = directive(u, at);
	else if (!u->in_license || strchr("#/\r\n", *at))
		return 0;
	else
		err = at[word] == ':' ? 0 : bad(u, "instruction in section license");
	memset(at, ' ', len);
	return err;
}

/* The end of the line at `at`, *comment telling whether one of C's is open there. */
static char *skip_line(char *at, bool *comment)
{
	for (; *at && *at != '\n'; at++) {
		if (*comment ? !strncmp(at, "*/", 2) : !strncmp(at, "/*", 2)) {
			*comment = !*comment;
			at++;
		} else if (!*comment && (*at == '#' || !strncmp(at, "//", 2))) {
			return at + strcspn(at, "\n");
		}
	}
	return at;
}

static int read_directives(struct unit *u, char *at)
{
	bool comment = false;
	int err = 0;

	for (u->line = 1; !err && *at; u->line++) {
		at += strspn(at, " \t");
		if (!comment)
			err = read_line(u, at);
		at = skip_line(at, &comment);
		at += *at == '\n';
	}
	return err;
}

/* Where nothing was said: the stem of x/my-prog.bpf.S is my_prog. */
static void set_defaults(struct unit *u)
{
	const char *slash = strrchr(u->path, '/'), *base = slash ? slash + 1 : u->path;

	if (!u->name[0]) {
		snprintf(u->name, sizeof(u->name), "%.*s",
			 (int)min(strcspn(base, "."), sizeof(u->name) - 1), base);
		for (char *c = u->name; *c; c++)
			if (!isalnum((unsigned char)*c))
				*c = '_';
	}
	if (!u->name[0])
		strcpy(u->name, "prog");
	if (!u->section[0])
		strcpy(u->section, "socket");
	if (!u->license[0])
		strcpy(u->license, "GPL");
}

static void keep_said(void *arg, const char *text, size_t len)
{
	struct unit *u = arg;

	len = min(len, sizeof(u->said) - 1 - u->said_len);
	memcpy(u->said + u->said_len, text, len);
	u->said_len += len;
}

/* The instructions of what is left of the text. */
static int read_program(struct unit *u, const char *text, struct bpf_insn **insns, u32 *count)
{
	struct log why = { .write = keep_said, .arg = u };
	int err = asm_program(text, insns, count, &why), skip = 0;

	u->line = 1;
	if (err == -ENOMEM)
		return err;
	if (err) {
		u->said[strcspn(u->said, "\n")] = 0;
		sscanf(u->said, "line %u: %n", &u->line, &skip);
		return bad(u, "%s", u->said + skip);
	}
	if (!*count)
		return bad(u, "no instructions");
	for (u32 i = 0; i < *count; i++)
		if ((*insns)[i].code == (BPF_JMP | BPF_CALL) &&
		    (*insns)[i].src_reg == BPF_PSEUDO_CALL)
			return fail(
				u->log, -EBADMSG,
				"%s: instruction %u calls a function of the program: an object of "
				"assembly holds one function",
				u->path, i);
	return 0;
}

/* The file: header, section table, then each section at a multiple of 8. */
enum { SEC_NULL, SEC_CODE, SEC_LICENSE, SEC_STRINGS, SEC_SYMBOLS, SECTIONS };

static u32 add_string(char *strings, size_t *len, const char *text)
{
	u32 at = (u32)*len;

	*len += strlen(strcpy(strings + at, text)) + 1;
	return at;
}

static int write_file(const Elf64_Shdr *sections, const void *const *bytes, size_t end,
		      void **object)
{
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			     __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB,
			     EV_CURRENT },
		.e_type = ET_REL,
		.e_machine = EM_BPF,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = SECTIONS,
		.e_shstrndx = SEC_STRINGS,
	};
	char *file = calloc(1, end);

	if (!file)
		return -ENOMEM;
	memcpy(file, &header, sizeof(header));
	memcpy(file + sizeof(header), sections, SECTIONS * sizeof(*sections));
	for (size_t i = 1; i < SECTIONS; i++)
		memcpy(file + sections[i].sh_offset, bytes[i], sections[i].sh_size);
	*object = file;
	return 0;
}

static int write_object(const struct unit *u, const struct bpf_insn *insns, u32 count,
			void **object, size_t *size)
{
	char strings[sizeof(u->section) + sizeof(u->name) + 64] = "";
	size_t len = 1, end = sizeof(Elf64_Ehdr) + SECTIONS * sizeof(Elf64_Shdr);
	Elf64_Sym symbols[3] = {
		[1] = { .st_name = add_string(strings, &len, u->name),
			.st_shndx = SEC_CODE,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_size = count * sizeof(*insns) },
		[2] = { .st_name = add_string(strings, &len, "_license"),
			.st_shndx = SEC_LICENSE,
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
			.st_size = strlen(u->license) + 1 },
	};
	Elf64_Shdr sections[SECTIONS] = {
		[SEC_CODE] = { .sh_name = add_string(strings, &len, u->section),
			       .sh_type = SHT_PROGBITS,
			       .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			       .sh_size = count * sizeof(*insns) },
		[SEC_LICENSE] = { .sh_name = add_string(strings, &len, "license"),
				  .sh_type = SHT_PROGBITS,
				  .sh_flags = SHF_ALLOC | SHF_WRITE,
				  .sh_size = strlen(u->license) + 1 },
		[SEC_STRINGS] = { .sh_name = add_string(strings, &len, ".strtab"),
				  .sh_type = SHT_STRTAB },
		[SEC_SYMBOLS] = { .sh_name = add_string(strings, &len, ".symtab"),
				  .sh_type = SHT_SYMTAB,
				  .sh_size = sizeof(symbols),
				  .sh_link = SEC_STRINGS,
				  .sh_info = 1,
				  .sh_entsize = sizeof(symbols[0]) },
	};
	const void *const bytes[SECTIONS] = { NULL, insns, u->license, strings, symbols };

	sections[SEC_STRINGS].sh_size = len;
	for (size_t i = 1; i < SECTIONS; i++) {
		sections[i].sh_addralign = 8;
		sections[i].sh_offset = end;
		end += (sections[i].sh_size + 7) & ~7ULL;
	}
	*size = end;
	return write_file(sections, bytes, end, object);
}

int assemble(const char *path, const char *text, size_t len, struct log *log, void **object,
	     size_t *size)
{
	struct unit u = { .path = path, .log = log, .line = 1 };
	struct bpf_insn *insns = NULL;
	u32 count = 0;
	char *copy;
	int err;

	if (memchr(text, 0, len))
		return fail(log, -EBADMSG, "%s: not text (it has NUL bytes)", path);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	err = read_directives(&u, copy);
	set_defaults(&u);
	if (!err)
		err = read_program(&u, copy, &insns, &count);
	if (!err)
		err = write_object(&u, insns, count, object, size);
	free(insns);
	free(copy);
	return err;
}
