// SPDX-License-Identifier: BSD-2-Clause
/*
 * Whether bytes are an object file that libelf and libbpf can be let loose on: a 64-bit relocatable
 * ELF for BPF of this machine's byte order, whose sections, names, symbols and relocations all lie
 * inside it (System V ABI, chapter 4). Nothing here trusts an offset it has not checked.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "load/objfile.h"

enum { MAX_SECTIONS = 65000, OBJECT_MAX = 256 << 20 };

struct image {
	const u8 *bytes;
	size_t size;
	Elf64_Ehdr header;
	const char *name;
	struct log *log;
};

static const char *machine_name(u16 machine)
{
	static const struct {
		u16 machine;
		const char *name;
	} names[] = {
		{ EM_X86_64, "x86-64" }, { EM_386, "i386" },	 { EM_AARCH64, "arm64" },
		{ EM_ARM, "arm" },	 { EM_RISCV, "RISC-V" }, { EM_PPC64, "ppc64" },
		{ EM_S390, "s390" },	 { EM_MIPS, "MIPS" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == machine)
			return names[i].name;
	return "another machine";
}

static Elf64_Shdr section(const struct image *image, size_t index)
{
	Elf64_Shdr s;

	memcpy(&s, image->bytes + image->header.e_shoff + index * sizeof(s), sizeof(s));
	return s;
}

static int check_header(struct image *image)
{
	const Elf64_Ehdr *h = &image->header;
	int order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

	if (image->size < SELFMAG || memcmp(image->bytes, ELFMAG, SELFMAG))
		return fail(image->log, -EINVAL, "%s: not an object file (no ELF header)",
			    image->name);
	if (image->size < sizeof(*h))
		return fail(image->log, -EINVAL, "%s: cut off inside its ELF header", image->name);
	memcpy(&image->header, image->bytes, sizeof(*h));
	if (h->e_ident[EI_CLASS] == ELFCLASS64 && h->e_ident[EI_DATA] != order &&
	    h->e_type <= 0xff00 && h->e_ident[EI_DATA] <= ELFDATA2MSB)
		return fail(image->log, -EINVAL, "%s: its byte order is not this machine's",
			    image->name);
	if (h->e_machine != EM_BPF)
		return fail(image->log, -EINVAL,
			    "%s: compiled for %s, not for BPF (clang -target bpf)", image->name,
			    machine_name(h->e_machine));
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_type != ET_REL)
		return fail(image->log, -EINVAL, "%s: not a 64-bit relocatable object",
			    image->name);
	return 0;
}

static int check_table(struct image *image)
{
	const Elf64_Ehdr *h = &image->header;
	u64 end;

	if (!h->e_shnum || h->e_shnum > MAX_SECTIONS || h->e_shentsize != sizeof(Elf64_Shdr) ||
	    h->e_shstrndx >= h->e_shnum || h->e_shoff % 8)
		return fail(image->log, -EINVAL, "%s: damaged: no usable section table",
			    image->name);
	if (__builtin_add_overflow(h->e_shoff, (u64)h->e_shnum * sizeof(Elf64_Shdr), &end) ||
	    end > image->size)
		return fail(image->log, -EINVAL,
			    "%s: cut off: %zu bytes, but its section table ends at %llu",
			    image->name, image->size, (unsigned long long)end);
	return 0;
}

/* A string table must end with a NUL, so that every offset inside it is a string. */
static bool good_strings(const struct image *image, size_t index)
{
	Elf64_Shdr s;

	if (index >= image->header.e_shnum)
		return false;
	s = section(image, index);
	return s.sh_type == SHT_STRTAB && s.sh_size && !image->bytes[s.sh_offset + s.sh_size - 1];
}

static bool good_symbols(const struct image *image, const Elf64_Shdr *table)
{
	u64 strings = section(image, table->sh_link).sh_size;
	Elf64_Sym sym;

	for (u64 i = 0; i < table->sh_size / sizeof(sym); i++) {
		memcpy(&sym, image->bytes + table->sh_offset + i * sizeof(sym), sizeof(sym));
		if (sym.st_name >= strings)
			return false;
		if (sym.st_shndx >= image->header.e_shnum && sym.st_shndx < SHN_LORESERVE)
			return false;
	}
	return true;
}

static bool good_relocations(const struct image *image, const Elf64_Shdr *table)
{
	Elf64_Shdr symbols = section(image, table->sh_link),
		   target = section(image, table->sh_info);
	Elf64_Rel rel;

	for (u64 i = 0; i < table->sh_size / sizeof(rel); i++) {
		memcpy(&rel, image->bytes + table->sh_offset + i * sizeof(rel), sizeof(rel));
		if (ELF64_R_SYM(rel.r_info) >= symbols.sh_size / sizeof(Elf64_Sym) ||
		    rel.r_offset >= target.sh_size)
			return false;
	}
	return true;
}

static bool good_section(const struct image *image, const Elf64_Shdr *s)
{
	u64 end;

	if (s->sh_name >= section(image, image->header.e_shstrndx).sh_size)
		return false;
	if (s->sh_type == SHT_NOBITS)
		return s->sh_size <= OBJECT_MAX;
	if (__builtin_add_overflow(s->sh_offset, s->sh_size, &end) || end > image->size)
		return false;
	switch (s->sh_type) {
	case SHT_SYMTAB:
		return s->sh_entsize == sizeof(Elf64_Sym) && s->sh_size % sizeof(Elf64_Sym) == 0;
	case SHT_REL:
		return s->sh_entsize == sizeof(Elf64_Rel) && s->sh_size % sizeof(Elf64_Rel) == 0 &&
		       s->sh_link < image->header.e_shnum && s->sh_info < image->header.e_shnum &&
		       section(image, s->sh_link).sh_type == SHT_SYMTAB;
	default: return true;
	}
}

/* Bounds of every section first, then what points from one into another. */
static bool good_sections(const struct image *image)
{
	for (size_t i = 1; i < image->header.e_shnum; i++) {
		Elf64_Shdr s = section(image, i);

		if (!good_section(image, &s))
			return false;
	}
	if (!good_strings(image, image->header.e_shstrndx))
		return false;
	for (size_t i = 1; i < image->header.e_shnum; i++) {
		Elf64_Shdr s = section(image, i);

		if (s.sh_type == SHT_SYMTAB &&
		    !(good_strings(image, s.sh_link) && good_symbols(image, &s)))
			return false;
		if (s.sh_type == SHT_REL && !good_relocations(image, &s))
			return false;
	}
	return true;
}

/* .BTF, if there is one: 0 or -errno. */
static int check_btf(const struct image *image)
{
	Elf64_Shdr names = section(image, image->header.e_shstrndx);

	for (size_t i = 1; i < image->header.e_shnum; i++) {
		Elf64_Shdr s = section(image, i);

		if (s.sh_type == SHT_PROGBITS &&
		    !strcmp((const char *)image->bytes + names.sh_offset + s.sh_name, ".BTF")) {
			int err = btf_check(image->bytes + s.sh_offset, s.sh_size);

			if (err)
				return fail(image->log, err,
					    "%s: damaged: its type information (.BTF) is no good",
					    image->name);
		}
	}
	return 0;
}

int elf_check(const void *bytes, size_t size, const char *name, struct log *log)
{
	struct image image = { .bytes = bytes, .size = size, .name = name, .log = log };
	int err = check_header(&image);

	if (!err)
		err = check_table(&image);
	if (!err && !good_sections(&image))
		err = fail(log, -EINVAL,
			   "%s: damaged: a section, symbol or relocation points outside the file",
			   name);
	return err ? err : check_btf(&image);
}
