// SPDX-License-Identifier: BSD-2-Clause
/* Programs as they stand after loading: fixed up (as bpftool's dump xlated), and as machine code (dump jited). */
#include "load/objfile.h"	/* first: it brings our uapi.h */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <capstone/capstone.h>
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

static int print_jited(struct log *out, const u8 *code, u32 len)
{
#ifdef MACHINE
	uint64_t address = 0;
	size_t left = len;
	cs_insn *insn;
	csh handle;

	if (cs_open(MACHINE, &handle))
		return -EOPNOTSUPP;
	cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	cs_option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
	insn = cs_malloc(handle);
	while (insn && cs_disasm_iter(handle, &code, &left, &address, insn))
		say(out, "%4" PRIx64 ":\t%s%s%s\n", insn->address, insn->mnemonic, insn->op_str[0] ? "\t" : "",
		    insn->op_str);
	cs_free(insn, 1);
	cs_close(&handle);
	return insn ? 0 : -ENOMEM;
#else
	(void)out, (void)code, (void)len;
	return -EOPNOTSUPP;
#endif
}

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
		err = jited ? print_jited(out, code, size) : print_xlated(out, code, size / 8);
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
