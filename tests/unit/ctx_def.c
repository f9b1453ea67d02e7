/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctx.def against the running kernel: for every hook, offset, size and direction whether the access is
 * "invalid bpf_context access", and what kind of value a load yields. Socket pointers likewise.
 */
#include "kernel.h"

#include "def/ctx.h"
#include "tap.h"

enum { LAST_OFF = 260 };

static const u32 size_code[] = { [1] = BPF_B, [2] = BPF_H, [4] = BPF_W, [8] = BPF_DW };

static const char *kind_text(u32 kind)
{
	switch (type_base(kind)) {
	case SCALAR_VALUE: return "scalar(";
	case PTR_TO_PACKET: return "pkt(";
	case PTR_TO_PACKET_END: return "pkt_end(";
	case PTR_TO_PACKET_META: return "pkt_meta(";
	case PTR_TO_SOCK_COMMON:
		return kind & PTR_MAYBE_NULL ? "sock_common_or_null(" : "sock_common(";
	case PTR_TO_SOCKET: return kind & PTR_MAYBE_NULL ? "sock_or_null(" : "sock(";
	case PTR_TO_FLOW_KEYS: return "flow_keys(";
	case PTR_TO_TP_BUFFER: return "tp_buffer(";
	case PTR_TO_BTF_ID: return "trusted_ptr_";
	default: return "?";
	}
}

/* 1: allowed, 0: not; *kind gets what follows "R2_w=" or "R2=" of an allowed load. */
static bool ask_kernel(const struct hook *h, s32 off, u32 size, bool write, const char **kind)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(3, 1),
		write ? INSN(BPF_STX | BPF_MEM | size_code[size], 1, 3, off, 0)
		      : INSN(BPF_LDX | BPF_MEM | size_code[size], 2, 1, off, 0),
		MOV_IMM(0, 1), EXIT()
	};
	const char *r2;
	int err = kernel_try(h, insns, 4, 2);

	r2 = strstr(kernel_log, "R2");
	*kind = r2 && strchr(r2, '=') ? strchr(r2, '=') + 1 : "";
	return !err;
}

static u32 compare(const struct hook *h, u32 *asked)
{
	u32 wrong = 0;

	for (s32 off = -8; off < LAST_OFF; off++)
		for (u32 size = 1; size <= 8; size *= 2)
			for (int write = 0; write < 2; write++) {
				struct ctx_access a = { 0 };
				const char *kind;
				bool own = ctx_access(h->type, h->attach, off, size, write, &a);
				bool kernel = ask_kernel(h, off, size, write, &kind);

				if (off < 0 && h->type == BPF_PROG_TYPE_TRACEPOINT && kernel &&
				    !own)
					continue; /* a gap in its check, which we do not copy */
				(*asked)++;
				if (own == kernel &&
				    (!own || write ||
				     !strncmp(kind, kind_text(a.kind), strlen(kind_text(a.kind)))))
					continue;
				printf("# %s/%u: %s %u bytes at %d: kernel %d %.20s, table %d %s\n",
				       prog_info(h->type)->name, h->attach,
				       write ? "store" : "load", size, off, kernel,
				       write ? "" : kind, own, own ? kind_text(a.kind) : "");
				wrong++;
			}
	return wrong;
}

/* From a classifier: skb->sk, tested for NULL, made into the wanted kind, then the load. */
static bool ask_socket(u32 kind, s32 off, u32 size)
{
	const struct hook cls = { .type = BPF_PROG_TYPE_SCHED_CLS };
	struct bpf_insn insns[16];
	u32 n = 0;

	insns[n++] = INSN(BPF_LDX | BPF_MEM | BPF_DW, 0, 1, offsetof(struct __sk_buff, sk), 0);
	insns[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 1, 0);
	insns[n++] = EXIT();
	if (kind != PTR_TO_SOCK_COMMON) {
		insns[n++] = MOV_REG(1, 0);
		insns[n++] = CALL(kind == PTR_TO_SOCKET ? BPF_FUNC_sk_fullsock : BPF_FUNC_tcp_sock);
		insns[n++] = INSN(BPF_JMP | BPF_JNE | BPF_K, 0, 0, 1, 0);
		insns[n++] = EXIT();
	}
	insns[n++] = INSN(BPF_LDX | BPF_MEM | size_code[size], 2, 0, off, 0);
	insns[n++] = MOV_IMM(0, 0);
	insns[n++] = EXIT();
	return !kernel_try(&cls, insns, n, 1);
}

static u32 compare_sockets(void)
{
	static const u32 kinds[] = { PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK };
	u32 wrong = 0;

	for (u32 i = 0; i < 3; i++)
		for (s32 off = -4; off < 124; off++)
			for (u32 size = 1; size <= 8; size *= 2) {
				struct ctx_access a;
				bool own = ctx_sock_access(kinds[i], off, size, &a);

				if (own == ask_socket(kinds[i], off, size))
					continue;
				printf("# socket kind %u: load %u bytes at %d: table %d\n",
				       kinds[i], size, off, own);
				wrong++;
			}
	return wrong;
}

int main(void)
{
	u32 wrong = 0, asked = 0;
	struct ctx_access a;

	ok(ctx_access(BPF_PROG_TYPE_XDP, 0, 4, 4, false, &a) && a.kind == PTR_TO_PACKET_END,
	   "xdp_md->data_end");
	ok(!ctx_access(BPF_PROG_TYPE_XDP, 0, 4, 4, true, &a), "it cannot be stored to");
	ok(ctx_access(BPF_PROG_TYPE_SCHED_CLS, 0, 10, 2, false, &a) && a.field_off == 8 &&
		   a.field_size == 4,
	   "half a field: the field is told");
	if (!kernel_permits_bpf()) {
		skip("BPF_PROG_LOAD is not permitted here");
		return done();
	}
	kernel_find_hooks();
	for (u32 i = 0; i < kernel_hook_count; i++)
		if (!prog_info(kernel_hooks[i].type)->btf_args)
			wrong += compare(&kernel_hooks[i], &asked);
	is(wrong, 0, "%u accesses", asked);
	is(compare_sockets(), 0, "loads through socket pointers");
	return done();
}
