/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * C for test programs: clang's object becomes instructions with their functions' BTF. Maps are those of
 * oracle.h, MAP(hash8) and VALUE(data); the program is the function in section "main", and what it calls
 * is behind it. No other sections, so no libbpf.
 */
#ifndef TESTS_VERIFY_COMPILE_H
#define TESTS_VERIFY_COMPILE_H

#include <fcntl.h>
#include <gelf.h>
#include <sys/wait.h>

#include "verify/oracle.h"

enum { COMPILED_INSNS = 4096, COMPILED_FUNCS = 16 };

/* A 64-bit constant that stands for map n: its address, or that of its first value. */
#define COMPILED_MAP   0x6d61700000000000ull
#define COMPILED_VALUE 0x6d61760000000000ull

struct compiled {
	struct bpf_insn insns[COMPILED_INSNS];
	u32 count, text; /* text: where .text begins */
	struct btfgen btf;
	struct bpf_func_info info[COMPILED_FUNCS];
	u32 nr_info;
};

static const char compiled_prelude[] =
	"#include <linux/bpf.h>\n"
	"typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;\n"
	"typedef __s8 s8; typedef __s16 s16; typedef __s32 s32; typedef __s64 s64;\n"
	"#define MAIN __attribute__((section(\"main\"), used))\n"
	"#define NOINLINE __attribute__((noinline))\n"
	"#define LOAD64(text) ({ void *p_; asm(\"%0 = \" text \" ll\" : \"=r\"(p_)); p_; })\n"
	"#define MAP(name) LOAD64(MAP_##name)\n"
	"#define VALUE(name) LOAD64(VALUE_##name)\n"
	"static void *(*const bpf_map_lookup_elem)(void *, const void *) = (void *)1;\n"
	"static long (*const bpf_map_update_elem)(void *, const void *, const void *, u64) = (void *)2;\n"
	"static long (*const bpf_map_delete_elem)(void *, const void *) = (void *)3;\n"
	"static long (*const bpf_probe_read_kernel)(void *, u32, const void *) = (void *)113;\n"
	"static u64 (*const bpf_ktime_get_ns)(void) = (void *)5;\n"
	"static u32 (*const bpf_get_prandom_u32)(void) = (void *)7;\n"
	"static u32 (*const bpf_get_smp_processor_id)(void) = (void *)8;\n"
	"static u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;\n"
	"static long (*const bpf_get_current_comm)(void *, u32) = (void *)16;\n"
	"static long (*const bpf_skb_load_bytes)(const void *, u32, void *, u32) = (void *)26;\n"
	"static long (*const bpf_spin_lock)(void *) = (void *)93;\n"
	"static long (*const bpf_spin_unlock)(void *) = (void *)94;\n"
	"static long (*const bpf_probe_read_user_str)(void *, u32, const void *) = (void *)114;\n"
	"static long (*const bpf_ringbuf_output)(void *, void *, u64, u64) = (void *)130;\n"
	"static void *(*const bpf_ringbuf_reserve)(void *, u64, u64) = (void *)131;\n"
	"static void (*const bpf_ringbuf_submit)(void *, u64) = (void *)132;\n"
	"static void (*const bpf_ringbuf_discard)(void *, u64) = (void *)133;\n"
	"static long (*const bpf_for_each_map_elem)(void *, void *, void *, u64) = (void *)164;\n"
	"static long (*const bpf_loop)(u32, void *, void *, u64) = (void *)181;\n";

/* The object's path from source; 0, -ENOENT (no compiler), -EINVAL (it said why). */
static int compiled_object(const char *source, char path[64])
{
	FILE *to;
	int status;
	char command[512];

	snprintf(path, 64, "%s/skep-c.XXXXXX",
		 getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ? getenv("TMPDIR") : "/tmp");
	status = mkstemp(path);
	if (status < 0)
		return -errno;
	close(status);
	snprintf(
		command, sizeof(command),
		"clang=$(command -v clang || command -v clang-14 || command -v clang-19) || exit 127; "
		"exec \"$clang\" -O2 -g -target bpf -mcpu=v3 -Wno-unused -I/usr/include/$(uname -m)-linux-gnu -x c -c - -o '%s'",
		path);
	to = popen(command, "w");
	if (!to)
		return -ENOENT;
	for (u32 i = 0; i < ORACLE_MAPS; i++)
		fprintf(to, "#define MAP_%s \"%llu\"\n#define VALUE_%s \"%llu\"\n",
			oracle_maps[i].name, COMPILED_MAP | i, oracle_maps[i].name,
			COMPILED_VALUE | i);
	fprintf(to, "%s%s", compiled_prelude, source);
	status = pclose(to);
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	unlink(path);
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EINVAL;
}

static Elf_Data *compiled_section(Elf *elf, const char *name, size_t *index)
{
	size_t names;
	GElf_Shdr header;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));)
		if (gelf_getshdr(s, &header) && header.sh_size &&
		    !strcmp(elf_strptr(elf, names, header.sh_name), name)) {
			*index = elf_ndxscn(s);
			return elf_getdata(s, NULL);
		}
	return NULL;
}

/* Calls and addresses of functions: both sections are one program now. */
static void compiled_relocate(struct compiled *out, Elf *elf, const char *section, u32 base,
			      size_t main)
{
	size_t index;
	Elf_Data *rels = compiled_section(elf, section, &index),
		 *symbols = compiled_section(elf, ".symtab", &index);
	GElf_Rel rel;

	for (int i = 0; rels && gelf_getrel(rels, i, &rel); i++) {
		struct bpf_insn *insn = &out->insns[base + rel.r_offset / 8];
		bool call = insn->code == (BPF_JMP | BPF_CALL);
		u32 at = base + (u32)rel.r_offset / 8, target;
		GElf_Sym symbol;

		gelf_getsym(symbols, (int)GELF_R_SYM(rel.r_info), &symbol);
		target = (symbol.st_shndx == main ? 0 : out->text) + (u32)symbol.st_value / 8;
		if (GELF_ST_TYPE(symbol.st_info) == STT_SECTION)
			target += call ? (u32)insn->imm + 1 : (u32)insn->imm / 8;
		insn->imm = (s32)(target - at - 1);
		insn->src_reg = call ? BPF_PSEUDO_CALL : BPF_PSEUDO_FUNC;
	}
}

static void compiled_maps(struct compiled *out)
{
	for (u32 i = 0; i + 1 < out->count; i++) {
		struct bpf_insn *insn = &out->insns[i];
		u64 value = (u32)insn[0].imm | (u64)(u32)insn[1].imm << 32;

		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || insn->src_reg)
			continue;
		if ((value & ~0xffull) != COMPILED_MAP && (value & ~0xffull) != COMPILED_VALUE)
			continue;
		insn->src_reg = (value & ~0xffull) == COMPILED_MAP ? BPF_PSEUDO_MAP_FD
								   : BPF_PSEUDO_MAP_VALUE;
		insn[1].imm = 0;
		insn->imm = (s32)(value & 0xff);
	}
}

/* func_info of .BTF.ext, whose records name their section by an offset into BTF's strings. */
static void compiled_info(struct compiled *out, const Elf_Data *ext)
{
	const struct btf_header *btf = (const struct btf_header *)out->btf.raw;
	const char *strings = (const char *)out->btf.raw + btf->hdr_len + btf->str_off;
	const u32 *header = ext->d_buf,
		  *at = (const u32 *)((const char *)ext->d_buf + header[1] + header[2]);
	const u32 *end = (const u32 *)((const char *)at + header[3]);
	u32 words = *at++ / 4;

	for (int round = 0; round < 2; round++)
		for (const u32 *p = at; p + 2 <= end; p += 2 + p[1] * words) {
			bool text = strcmp(strings + p[0], "main");

			for (u32 i = 0; text == round && i < p[1] && out->nr_info < COMPILED_FUNCS;
			     i++)
				out->info[out->nr_info++] =
					(struct bpf_func_info){ .insn_off = (text ? out->text : 0) +
									    p[2 + i * words] / 8,
								.type_id = p[3 + i * words] };
		}
}

static int compiled_read(struct compiled *out, Elf *elf)
{
	size_t main, index;
	Elf_Data *program = compiled_section(elf, "main", &main),
		 *text = compiled_section(elf, ".text", &index);
	Elf_Data *btf = compiled_section(elf, ".BTF", &index),
		 *ext = compiled_section(elf, ".BTF.ext", &index);
	size_t size = program ? program->d_size + (text ? text->d_size : 0) : 0;

	if (!size || size > sizeof(out->insns) || !btf || btf->d_size > sizeof(out->btf.raw) ||
	    !ext)
		return -EINVAL;
	memcpy(out->insns, program->d_buf, program->d_size);
	out->text = (u32)program->d_size / 8;
	if (text)
		memcpy(out->insns + out->text, text->d_buf, text->d_size);
	out->count = (u32)size / 8;
	memcpy(out->btf.raw, btf->d_buf, btf->d_size);
	out->btf.raw_len = (u32)btf->d_size;
	compiled_relocate(out, elf, ".relmain", 0, main);
	compiled_relocate(out, elf, ".rel.text", out->text, main);
	compiled_maps(out);
	compiled_info(out, ext);
	return 0;
}

/* 0, -ENOENT: there is no clang, -EINVAL. */
static int compile_c(const char *source, struct compiled *out)
{
	char path[64];
	int err = compiled_object(source, path), fd;
	Elf *elf;

	memset(out, 0, sizeof(*out));
	if (err)
		return err;
	elf_version(EV_CURRENT);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	err = elf ? compiled_read(out, elf) : -EINVAL;
	elf_end(elf);
	close(fd);
	return err;
}

/* What the verifiers are asked. */
static inline void compiled_question(const struct compiled *c, struct question *q)
{
	q->insns = c->insns;
	q->count = c->count;
	q->btf = &c->btf;
	q->func_info = c->info;
	q->func_info_count = c->nr_info;
}

#endif
