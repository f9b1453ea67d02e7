/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags on the arguments of global functions ("arg:nonnull"): the contracts they make and the combinations
 * that are refused are the running kernel's, where it may be asked. Kinds of pointers that this verifier
 * does not know are refused by name, and dynptrs are no plain memory.
 */
#include "verify/oracle.h"
#include "tap.h"

enum pointee { MEMORY, CONTEXT, DYNPTR, NUMBER };

static struct oracle oracle;
static char message[128];

static void make_btf(struct btfgen *g, struct bpf_func_info info[2], enum pointee pointee,
		     const char *tags)
{
	static const char *const names[] = { "memory", "__sk_buff", "bpf_dynptr", "" };
	u32 arg = 1, proto;
	char copy[64];

	btfgen_start(g);
	btfgen_int(g, "int", 4);
	if (pointee != NUMBER) {
		u32 target = btfgen_type(g, names[pointee], BTF_KIND_STRUCT, 0, 8);

		arg = btfgen_type(g, "", BTF_KIND_PTR, 0, target);
	}
	proto = btfgen_type(g, "", BTF_KIND_FUNC_PROTO, 0, 1);
	info[0] = (struct bpf_func_info){ 0, btfgen_type(g, "main", BTF_KIND_FUNC, BTF_FUNC_GLOBAL,
							 proto) };
	proto = btfgen_type(g, "", BTF_KIND_FUNC_PROTO, 1, 1);
	btfgen_param(g, "a", arg);
	info[1].type_id = btfgen_type(g, "callee", BTF_KIND_FUNC, BTF_FUNC_GLOBAL, proto);
	snprintf(copy, sizeof(copy), "%s", tags);
	for (char *tag = strtok(copy, " "); tag; tag = strtok(NULL, " ")) {
		btfgen_type(g, tag, BTF_KIND_DECL_TAG, 0, info[1].type_id);
		g->types[g->len++] = 0; /* component: the argument */
	}
	btfgen_finish(g);
}

/* main calls callee with r1: the stack, the context, or null; callee reads through it or not. */
static int ask(enum pointee pointee, const char *tags, const char *give, bool use, bool kernel)
{
	static struct btfgen g;
	struct bpf_func_info info[2];
	struct bpf_insn insns[12];
	u32 n = 0;
	struct question q = { .insns = insns,
			      .type = BPF_PROG_TYPE_SOCKET_FILTER,
			      .level = 1,
			      .btf = &g,
			      .func_info = info,
			      .func_info_count = 2 };
	int err;

	make_btf(&g, info, pointee, tags);
	insns[n++] = (struct bpf_insn){ BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 0 };
	insns[n++] = (struct bpf_insn){ BPF_ST | BPF_MEM | BPF_DW, 10, 0, -16, 0 };
	if (!strcmp(give, "null")) {
		insns[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 0 };
	} else if (!strcmp(give, "stack")) {
		insns[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0 };
		insns[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -16 };
	}
	insns[n++] = (struct bpf_insn){ BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2 };
	insns[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 };
	insns[n++] = (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 };
	info[1].insn_off = n;
	if (use)
		insns[n++] = (struct bpf_insn){ BPF_LDX | BPF_MEM | BPF_W, 0, 1, 0, 0 };
	insns[n++] = (struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 };
	insns[n++] = (struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 };
	q.count = n;
	err = kernel ? oracle_kernel(&oracle, &q) : oracle_ours(&oracle, &q, NULL);
	snprintf(message, sizeof(message), "%.127s",
		 oracle_last_line(kernel ? oracle.kernel_log : oracle.ours_log));
	return err;
}

static void same(enum pointee pointee, const char *tags, const char *give, bool use, int want)
{
	char ours[128];

	is(ask(pointee, tags, give, use, false), want, "%d tagged '%s', given %s%s", pointee, tags,
	   give, use ? ", read" : "");
	if (!oracle.kernel) {
		skip("bpf(2) is not permitted here");
		return;
	}
	memcpy(ours, message, sizeof(ours));
	is(ask(pointee, tags, give, use, true), want, "the kernel's verdict");
	if (!ok(!want || !strcmp(ours, message), "the kernel's message"))
		printf("# here %s\n# kernel %s\n", ours, message);
}

static void unsupported(enum pointee pointee, const char *tags, const char *give, const char *what)
{
	char line[96];

	is(ask(pointee, tags, give, false, false), -EOPNOTSUPP, "'%s' is not there yet", tags);
	snprintf(line, sizeof(line), "arg#0: %s are not supported by this verifier yet", what);
	ok(strstr(oracle.ours_log, line) != NULL, "which is said");
}

int main(void)
{
	oracle_open(&oracle);
	same(MEMORY, "", "stack", false, 0);
	same(MEMORY, "", "stack", true, -EACCES);
	same(MEMORY, "", "null", false, 0);
	same(MEMORY, "arg:nonnull", "stack", true, 0);
	/* Linux lets a constant null through to a function that was verified without it; here that would be a fault */
	is(ask(MEMORY, "arg:nonnull", "null", false, false), -EINVAL,
	   "null where none is expected");
	same(MEMORY, "arg:nonnull", "context", false, -EINVAL);
	same(MEMORY, "arg:nullable", "stack", false, -EINVAL);
	same(MEMORY, "arg:nullable arg:nonnull", "stack", false, -EINVAL);
	same(MEMORY, "arg:trusted arg:nonnull", "stack", false, -EINVAL);
	same(MEMORY, "arg:arena arg:nonnull", "stack", false, -EINVAL);
	same(MEMORY, "arg:untrusted arg:nullable", "stack", false, -EINVAL);
	same(MEMORY, "arg:other", "stack", false, -EOPNOTSUPP);
	same(MEMORY, "elsewhere", "stack", false, 0);
	same(MEMORY, "arg:ctx", "stack", false, -EINVAL);
	same(MEMORY, "arg:ctx", "context", false, -EINVAL);
	same(CONTEXT, "", "context", true, 0);
	same(CONTEXT, "arg:ctx", "context", true, 0);
	same(CONTEXT, "arg:ctx", "stack", false, -EINVAL);
	same(CONTEXT, "arg:ctx arg:nonnull", "context", false, -EINVAL);
	same(CONTEXT, "arg:nonnull", "context", false, -EINVAL);
	same(NUMBER, "arg:nonnull", "null", false, -EINVAL);
	same(NUMBER, "arg:ctx", "null", false, -EINVAL);
	same(NUMBER, "", "null", false, 0);
	same(NUMBER, "", "stack", false, -EINVAL);
	same(DYNPTR, "arg:nonnull", "stack", false, -EINVAL);
	unsupported(DYNPTR, "", "stack", "dynptrs");
	unsupported(MEMORY, "arg:trusted", "null", "trusted pointers");
	unsupported(MEMORY, "arg:trusted arg:nullable", "null", "trusted pointers");
	unsupported(MEMORY, "arg:untrusted", "null", "untrusted pointers");
	unsupported(MEMORY, "arg:arena", "null", "arenas");
	oracle_close(&oracle);
	return done();
}
