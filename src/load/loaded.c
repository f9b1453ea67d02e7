// SPDX-License-Identifier: BSD-2-Clause
/* Programs as they stand after loading: fixed up (as bpftool's dump xlated), and as machine code (dump jited). */
#include "load/objfile.h"	/* first: it brings our uapi.h */

#include <bpf/bpf.h>
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

static int print_xlated(struct log *out, const struct bpf_insn *raw, u32 count)
{
	struct disasm_names names = { .imm = name_imm };
	struct insn *insns = calloc(count + 1, sizeof(*insns));
	char text[512];

	if (!insns)
		return -ENOMEM;
	insn_decode(raw, count, insns);
	for (u32 i = 0; i < count; i++) {
		insn_text_named(&insns[i], i, DISASM_KERNEL, &names, text, sizeof(text));
		say(out, "%4u: %s\n", i, text);
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

#define TEXT_OF(x) #x
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
	return cs->open && cs->option && cs->new_insn && cs->next && cs->free && cs->close ? 0 : -ENOPKG;
}

static int list_code(const struct capstone *cs, struct log *out, const u8 *code, u32 len)
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
	while (insn && cs->next(handle, &code, &left, &address, insn))
		say(out, "%4" PRIx64 ":\t%s%s%s\n", insn->address, insn->mnemonic, insn->op_str[0] ? "\t" : "",
		    insn->op_str);
	if (insn)
		cs->free(insn, 1);
	cs->close(&handle);
	return insn ? 0 : -ENOMEM;
}

static int print_jited(struct log *out, const u8 *code, u32 len, struct log *log)
{
	struct capstone cs = { .library = NULL };
	int err = load_capstone(&cs, log);

	if (!err)
		err = list_code(&cs, out, code, len);
	if (cs.library)
		dlclose(cs.library);
	return err;
}

#else

static int print_jited(struct log *out, const u8 *code, u32 len, struct log *log)
{
	(void)out, (void)code, (void)len;
	return fail(log, -EOPNOTSUPP, "machine code of this machine cannot be shown");
}

#endif

static int print_one(struct objfile *file, const struct bpf_program *prog, bool jited, struct log *out)
{
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info), size;
	const char *name = bpf_program__name(prog);
	void *code;
	int err = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len);

	if (err)
		return fail(file->log, -errno, "%s: program '%s': %s", file->name, name, strerror(errno));
	size = jited ? info.jited_prog_len : info.xlated_prog_len;
	if (!size || size > CODE_MAX)
		return fail(file->log, -ENODATA, "%s: program '%s' has no %s here", file->name, name,
			    jited ? "machine code" : "instructions to show");
	code = calloc(1, size);
	if (!code)
		return -ENOMEM;
	memset(&info, 0, sizeof(info));
	if (jited) {
		info.jited_prog_len = size;
		info.jited_prog_insns = (uintptr_t)code;
	} else {
		info.xlated_prog_len = size;
		info.xlated_prog_insns = (uintptr_t)code;
	}
	len = sizeof(info);
	err = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? -errno : 0;
	if (!err) {
		say(out, "%s:\n", name);
		err = jited ? print_jited(out, code, size, file->log) : print_xlated(out, code, size / 8);
	}
	free(code);
	return err;
}

int objfile_print_loaded(struct objfile *file, const char *name, bool jited, struct log *out)
{
	int err = 0, n = 0;

	objfile_begin(file);
	for (size_t i = 0; i < file->nr_progs && !err; i++)
		if (!name || !strcmp(bpf_program__name(file->progs[i].prog), name)) {
			say(out, "%s", n++ ? "\n" : "");
			err = print_one(file, file->progs[i].prog, jited, out);
		}
	seam_leave();
	if (!err && !n)
		err = fail(file->log, -ENOENT, "%s: has no function '%s'", file->name, name ? name : "");
	return err;
}
