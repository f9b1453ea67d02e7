/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.def against the running kernel: for every hook and every helper whether the kernel lets the
 * program call it, whether it wants a GPL-compatible licence, and what it says it expects of each
 * argument that can be reached.
 */
#include "kernel.h"

#include "def/helper.h"
#include "tap.h"

static char where[64];

static const char *name_hook(const struct hook *h)
{
	snprintf(where, sizeof(where), "%s/%u", prog_info(h->type)->name, h->attach);
	return where;
}

/* A kernel under lockdown takes these away; others are built only with some options. */
static bool depends_on_config(u32 nr)
{
	return nr == BPF_FUNC_probe_write_user || nr == BPF_FUNC_override_return;
}

static u32 wrong_availability(const struct hook *h)
{
	u32 wrong = 0;

	for (u32 nr = 0; nr < HELPER_COUNT + 3; nr++) {
		const struct bpf_insn insns[] = { CALL(nr), MOV_IMM(0, 1), EXIT() };
		bool own = helper_allowed(nr, h->type, h->attach), kernel;

		kernel_try(h, insns, 3, 1);
		kernel = !strstr(kernel_log, "cannot use helper") &&
			 !strstr(kernel_log, "unknown func") && !strstr(kernel_log, "invalid func");
		if (own == kernel || (own && depends_on_config(nr)))
			continue;
		printf("# %s: helper %u: kernel %d, table %d\n", name_hook(h), nr, kernel, own);
		wrong++;
	}
	return wrong;
}

static u32 wrong_gpl(const struct hook *h)
{
	u32 wrong = 0;

	if (h->type == BPF_PROG_TYPE_LSM || h->type == BPF_PROG_TYPE_STRUCT_OPS)
		return 0; /* the whole program must be GPL */
	kernel_license = "Proprietary";
	for (u32 nr = 1; nr < HELPER_COUNT; nr++) {
		const struct bpf_insn insns[] = { CALL(nr), MOV_IMM(0, 1), EXIT() };
		const struct helper_proto *p = helper_proto(nr, h->type, h->attach);
		bool kernel;

		if (!p || depends_on_config(nr))
			continue;
		kernel_try(h, insns, 3, 1);
		kernel = strstr(kernel_log, "cannot call GPL-restricted function") != NULL;
		if (kernel == p->gpl_only)
			continue;
		printf("# %s: %s: GPL-only in the kernel: %d\n", name_hook(h), p->name, kernel);
		wrong++;
	}
	kernel_license = "GPL";
	return wrong;
}

/* The kernel's list of register types behind "expected=" for an argument kind; NULL: not checked here. */
static const char *expected(u32 kind)
{
	switch (type_base(kind)) {
	case ARG_CONST_MAP_PTR: return "map_ptr";
	case ARG_PTR_TO_CTX: return "ctx";
	case ARG_PTR_TO_MEM:
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
		return "fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_";
	case ARG_PTR_TO_BTF_ID: return "ptr_, trusted_ptr_, rcu_ptr_";
	case ARG_PTR_TO_BTF_ID_SOCK_COMMON:
		return "sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_";
	case ARG_PTR_TO_SOCK_COMMON: return "sock_common, sock, tcp_sock, xdp_sock";
	case ARG_PTR_TO_SOCKET: return "sock";
	case ARG_PTR_TO_SPIN_LOCK: return "map_value, ptr_";
	case ARG_PTR_TO_RINGBUF_MEM: return "ringbuf_mem";
	case ARG_PTR_TO_PERCPU_BTF_ID: return "percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_";
	case ARG_PTR_TO_FUNC: return "func";
	case ARG_PTR_TO_STACK: return "fp";
	case ARG_PTR_TO_CONST_STR: return "map_value";
	case ARG_PTR_TO_TIMER: return "map_value";
	case ARG_KPTR_XCHG_DEST: return "map_value, ptr_";
	case ARG_PTR_TO_DYNPTR: return "fp, dynptr_ptr";
	default: return NULL;
	}
}

/* Appends instructions that make register reg a fitting argument; false: this test cannot. */
static bool fit(struct bpf_insn *insns, u32 *n, u32 reg, const struct helper_arg *arg, int map_fd)
{
	switch (type_base(arg->type)) {
	case ARG_CONST_MAP_PTR:
		insns[(*n)++] = INSN(BPF_LD | BPF_DW | BPF_IMM, reg, BPF_PSEUDO_MAP_FD, 0, map_fd);
		insns[(*n)++] = INSN(0, 0, 0, 0, 0);
		return true;
	case ARG_PTR_TO_CTX: insns[(*n)++] = MOV_REG(reg, 6); return true;
	case ARG_PTR_TO_MEM:
	case ARG_PTR_TO_MAP_KEY:
	case ARG_PTR_TO_MAP_VALUE:
		insns[(*n)++] = MOV_REG(reg, 10);
		insns[(*n)++] = INSN(BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, -64);
		return true;
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
	case ARG_ANYTHING: insns[(*n)++] = MOV_IMM(reg, 8); return true;
	default: return false;
	}
}

/* Calls the helper with arguments fitting up to index, where a number other than 0 stands. */
static bool call_with_number(const struct hook *h, const struct helper_proto *p, u32 index,
			     int map_fd)
{
	struct bpf_insn insns[64];
	u32 n = 0;

	insns[n++] = MOV_REG(6, 1);
	for (s32 off = -64; off < 0; off += 8)
		insns[n++] = INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, 0);
	for (u32 i = 0; i < 5; i++)
		if (i == index)
			insns[n++] = MOV_IMM(i + 1, 4097);
		else if (i < index && !fit(insns, &n, i + 1, &p->args[i], map_fd))
			return false;
		else if (i > index)
			insns[n++] = MOV_IMM(i + 1, 0);
	insns[n++] = CALL(p->number);
	insns[n++] = MOV_IMM(0, 1);
	insns[n++] = EXIT();
	kernel_try(h, insns, n, 1);
	return true;
}

static u32 wrong_arguments(const struct hook *h, int map_fd, u32 *asked)
{
	u32 wrong = 0;

	for (u32 nr = 1; nr < HELPER_COUNT; nr++) {
		const struct helper_proto *p = helper_proto(nr, h->type, h->attach);

		for (u32 i = 0; p && !depends_on_config(nr) && i < 5; i++) {
			const char *want = expected(p->args[i].type), *got;
			char prefix[48];

			if (!want || p->restricted || p->might_sleep ||
			    !call_with_number(h, p, i, map_fd))
				continue;
			snprintf(prefix, sizeof(prefix), "R%u type=scalar expected=", i + 1);
			got = strstr(kernel_log, prefix);
			(*asked)++;
			if (got && !strncmp(got + strlen(prefix), want, strlen(want)) &&
			    strchr("\n,", got[strlen(prefix) + strlen(want)]))
				continue;
			got = strstr(kernel_log, "call ");
			printf("# %s: %s argument %u: expected %s\n#   %.*s\n", name_hook(h),
			       p->name, i + 1, want,
			       got ? (int)strcspn(strchr(got, '\n') + 1, "\n") : 1,
			       got ? strchr(got, '\n') + 1 : "");
			wrong++;
		}
	}
	return wrong;
}

static int make_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = attr.value_size = 8;
	attr.max_entries = 1;
	return linux_bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

int main(void)
{
	u32 wrong = 0, gpl = 0, args = 0, asked = 0;
	int map_fd;

	ok(helper_name(1) && !strcmp(helper_name(1), "bpf_map_lookup_elem"),
	   "helper 1 has its name");
	ok(!helper_name(0) && !helper_name(HELPER_COUNT), "0 and HELPER_COUNT have none");
	for (u32 nr = 1; nr < HELPER_COUNT; nr++)
		wrong += !helper_name(nr);
	is(wrong, 0, "every number between has a name");
	if (!kernel_permits_bpf()) {
		skip("BPF_PROG_LOAD is not permitted here");
		return done();
	}
	kernel_find_hooks();
	map_fd = make_map();
	for (u32 i = 0; i < kernel_hook_count; i++) {
		wrong += wrong_availability(&kernel_hooks[i]);
		gpl += wrong_gpl(&kernel_hooks[i]);
		args += wrong_arguments(&kernel_hooks[i], map_fd, &asked);
	}
	ok(kernel_hook_count >= 25, "%u hooks asked", kernel_hook_count);
	is(wrong, 0, "availability of every helper for every hook");
	is(gpl, 0, "GPL-only helpers");
	is(args, 0, "argument kinds, %u asked", asked);
	return done();
}
