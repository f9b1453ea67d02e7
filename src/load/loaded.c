// SPDX-License-Identifier: BSD-2-Clause
/*
 * Programs as they stand after loading: fixed up (as bpftool's dump xlated), and as machine code (dump jited).
 * Source lines come from the line info that the loaded program answers with, their text from the object's BTF:
 * no file is read. Machine code is one image, its functions one behind the other up to its end.
 */
#include "load/objfile.h" /* first: it brings our uapi.h */

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <capstone/capstone.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/insn.h"

enum { CODE_MAX = 64 << 20 };

struct place {
	u64 at; /* an instruction's index, or a byte of the machine code */
	const struct bpf_line_info *line;
};

/* What the loaded program answered. */
struct loaded {
	struct bpf_prog_info info;
	void *code;		     /* instructions or machine code */
	struct bpf_line_info *lines; /* info.nr_line_info */
	u64 *addresses;		     /* of them; info.nr_jited_line_info */
	u64 *functions;		     /* addresses; info.nr_jited_ksyms */
	u32 *lens;		     /* of them; info.nr_jited_func_lens */
	struct place *places;	     /* by at, then as lines */
	u32 nr_places;
};

/* A listing on its way: the lines yet to be shown, and the last one that was. */
struct listing {
	struct log *out;
	const struct btf *btf;
	const struct place *next, *end;
	const struct bpf_line_info *last;
};

/* The source lines whose code begins at `at`, or before it where nothing was printed for them. */
static void print_lines(struct listing *l, u64 at)
{
	for (; l->next < l->end && l->next->at <= at; l->next++) {
		const struct bpf_line_info *line = l->next->line, *last = l->last;
		const char *text = btf__str_by_offset(l->btf, line->line_off);

		l->last = line;
		if (last && last->file_name_off == line->file_name_off &&
		    last->line_col >> 10 == line->line_col >> 10)
			continue;
		if (text && text[0])
			say(l->out, "; %s\n", text);
	}
}

static const char *name_imm(void *arg, const struct insn *insn, char *scratch, size_t size)
{
	(void)arg;
	if (insn->op == OP_LD_IMM64)
		return NULL;
	if (insn->src == BPF_PSEUDO_MAP_FD)
		snprintf(scratch, size, "map[id:%d]", insn->imm);
	else if (insn->src == BPF_PSEUDO_MAP_VALUE)
		snprintf(scratch, size, "map[id:%d][0]+%d", insn->imm, insn->imm_high);
	else if (insn->src == BPF_PSEUDO_FUNC)
		snprintf(scratch, size, "subprog[%+d]", insn->imm);
	else
		return NULL;
	return scratch;
}

static int print_xlated(struct listing *l, const struct bpf_insn *raw, u32 count)
{
	struct disasm_names names = { .imm = name_imm };
	struct insn *insns = calloc(count + 1, sizeof(*insns));
	char text[512];

	if (!insns)
		return -ENOMEM;
	insn_decode(raw, count, insns);
	for (u32 i = 0; i < count; i++) {
		insn_text_named(&insns[i], i, DISASM_KERNEL, &names, text, sizeof(text));
		print_lines(l, i);
		say(l->out, "%4u: %s\n", i, text);
		i += insn_is_wide(&insns[i]);
	}
	free(insns);
	return 0;
}

#if defined(__x86_64__)
#define MACHINE CS_ARCH_X86, CS_MODE_64
#elif defined(__aarch64__)
#define MACHINE CS_ARCH_ARM64, CS_MODE_ARM
#endif

#ifdef MACHINE

#define TEXT_OF(x)    #x
#define SONAME(major) "libcapstone.so." TEXT_OF(major)

/* capstone's tables are relocated when it is loaded, 1 ms and 3 MB that only a listing is worth: so it is loaded here. */
struct capstone {
	void *library;
	__typeof__(cs_open) *open;
	__typeof__(cs_option) *option;
	__typeof__(cs_malloc) *new_insn;
	__typeof__(cs_disasm_iter) *next;
	__typeof__(cs_free) *free;
	__typeof__(cs_close) *close;
};

static int load_capstone(struct capstone *cs, struct log *log)
{
	cs->library = dlopen(SONAME(CS_API_MAJOR), RTLD_NOW | RTLD_LOCAL);
	if (!cs->library)
		return fail(log, -ENOPKG, "machine code cannot be shown: %s", dlerror());
	cs->open = dlsym(cs->library, "cs_open");
	cs->option = dlsym(cs->library, "cs_option");
	cs->new_insn = dlsym(cs->library, "cs_malloc");
	cs->next = dlsym(cs->library, "cs_disasm_iter");
	cs->free = dlsym(cs->library, "cs_free");
	cs->close = dlsym(cs->library, "cs_close");
	return cs->open && cs->option && cs->new_insn && cs->next && cs->free && cs->close
		       ? 0
		       : -ENOPKG;
}

static int list_code(const struct capstone *cs, struct listing *l, const u8 *code, u32 len)
{
	uint64_t address = 0;
	size_t left = len;
	cs_insn *insn;
	csh handle;

	if (cs->open(MACHINE, &handle))
		return -EOPNOTSUPP;
	cs->option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	cs->option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
	insn = cs->new_insn(handle);
	while (insn && cs->next(handle, &code, &left, &address, insn)) {
		print_lines(l, insn->address);
		say(l->out, "%4" PRIx64 ":\t%s%s%s\n", insn->address, insn->mnemonic,
		    insn->op_str[0] ? "\t" : "", insn->op_str);
	}
	if (insn)
		cs->free(insn, 1);
	cs->close(&handle);
	return insn ? 0 : -ENOMEM;
}

static int print_jited(struct listing *l, const u8 *code, u32 len, struct log *log)
{
	struct capstone cs = { .library = NULL };
	int err = load_capstone(&cs, log);

	if (!err)
		err = list_code(&cs, l, code, len);
	if (cs.library)
		dlclose(cs.library);
	return err;
}

#else

static int print_jited(struct listing *l, const u8 *code, u32 len, struct log *log)
{
	(void)l, (void)code, (void)len;
	return fail(log, -EOPNOTSUPP, "machine code of this machine cannot be shown");
}

#endif

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->at != y->at ? (x->at < y->at ? -1 : 1)
			      : (x->line > y->line) - (x->line < y->line);
}

/* Where each line's machine code is in the image. What a function does before its first line is that line's. */
static void place_jited(struct loaded *p)
{
	u32 functions = min(p->info.nr_jited_ksyms, p->info.nr_jited_func_lens);
	u64 start = p->info.jited_prog_len;

	for (u32 f = 0; f < functions; f++)
		start -= min(start, (u64)p->lens[f]);
	for (u32 f = 0; f < functions; start += p->lens[f++]) {
		bool first = true;

		for (u32 i = 0; i < min(p->info.nr_line_info, p->info.nr_jited_line_info); i++) {
			u64 into = p->addresses[i] - p->functions[f];

			if (p->addresses[i] < p->functions[f] || into >= p->lens[f] ||
			    p->nr_places == p->info.nr_line_info)
				continue;
			p->places[p->nr_places++] =
				(struct place){ start + (first ? 0 : into), &p->lines[i] };
			first = false;
		}
	}
	if (p->nr_places)
		qsort(p->places, p->nr_places, sizeof(*p->places), by_place);
}

static void place_xlated(struct loaded *p)
{
	for (u32 i = 0; i < p->info.nr_line_info; i++)
		p->places[p->nr_places++] = (struct place){ p->lines[i].insn_off, &p->lines[i] };
}

static void loaded_free(struct loaded *p)
{
	free(p->code);
	free(p->lines);
	free(p->addresses);
	free(p->functions);
	free(p->lens);
	free(p->places);
}

static int ask_info(int fd, struct bpf_prog_info *info)
{
	u32 len = sizeof(*info);

	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

/* Makes room for what the first answer counted, and asks for it. */
static int ask_all(int fd, struct loaded *p, bool jited, bool source)
{
	struct bpf_prog_info had = p->info, *info = &p->info;

	memset(info, 0, sizeof(*info));
	p->code = calloc(1, jited ? had.jited_prog_len : had.xlated_prog_len);
	p->lines = calloc(had.nr_line_info + 1ul, sizeof(*p->lines));
	p->addresses = calloc(had.nr_jited_line_info + 1ul, sizeof(*p->addresses));
	p->functions = calloc(had.nr_jited_ksyms + 1ul, sizeof(*p->functions));
	p->lens = calloc(had.nr_jited_func_lens + 1ul, sizeof(*p->lens));
	p->places = calloc(had.nr_line_info + 1ul, sizeof(*p->places));
	if (!p->code || !p->lines || !p->addresses || !p->functions || !p->lens || !p->places)
		return -ENOMEM;
	if (jited) {
		info->jited_prog_len = had.jited_prog_len;
		info->jited_prog_insns = (uintptr_t)p->code;
	} else {
		info->xlated_prog_len = had.xlated_prog_len;
		info->xlated_prog_insns = (uintptr_t)p->code;
	}
	if (source) {
		info->nr_line_info = had.nr_line_info;
		info->line_info_rec_size = sizeof(*p->lines);
		info->line_info = (uintptr_t)p->lines;
	}
	if (source && jited) {
		info->nr_jited_line_info = had.nr_jited_line_info;
		info->jited_line_info_rec_size = sizeof(*p->addresses);
		info->jited_line_info = (uintptr_t)p->addresses;
		info->nr_jited_ksyms = had.nr_jited_ksyms;
		info->jited_ksyms = (uintptr_t)p->functions;
		info->nr_jited_func_lens = had.nr_jited_func_lens;
		info->jited_func_lens = (uintptr_t)p->lens;
	}
	return ask_info(fd, info);
}

static int print_one(struct objfile *file, const struct bpf_program *prog, bool jited, bool source,
		     struct log *out)
{
	struct listing l = { .out = out, .btf = bpf_object__btf(file->bpf) };
	struct loaded p = { .code = NULL };
	const char *name = bpf_program__name(prog);
	int fd = bpf_program__fd(prog), err = ask_info(fd, &p.info);
	u32 size = jited ? p.info.jited_prog_len : p.info.xlated_prog_len;

	if (err)
		return fail(file->log, err, "%s: program '%s': %s", file->name, name,
			    strerror(-err));
	if (!size || size > CODE_MAX)
		return fail(file->log, -ENODATA, "%s: program '%s' has no %s here", file->name,
			    name, jited ? "machine code" : "instructions to show");
	err = ask_all(fd, &p, jited, source);
	if (!err && source && l.btf)
		(jited ? place_jited : place_xlated)(&p);
	l.next = p.places;
	l.end = p.places + p.nr_places;
	if (!err) {
		say(out, "%s:\n", name);
		err = jited ? print_jited(&l, p.code, size, file->log)
			    : print_xlated(&l, p.code, size / 8);
	}
	loaded_free(&p);
	return err;
}

int objfile_print_loaded(struct objfile *file, const char *name, bool jited, bool source,
			 struct log *out)
{
	int err = 0, n = 0;

	objfile_begin(file);
	for (size_t i = 0; i < file->nr_progs && !err; i++)
		if (!name || !strcmp(bpf_program__name(file->progs[i].prog), name)) {
			say(out, "%s", n++ ? "\n" : "");
			err = print_one(file, file->progs[i].prog, jited, source, out);
		}
	seam_leave();
	if (!err && !n)
		err = fail(file->log, -ENOENT, "%s: has no function '%s'", file->name,
			   name ? name : "");
	return err;
}
