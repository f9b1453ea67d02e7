// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kprobes where the kernel has none, for the functions of system calls: a program runs as one of raw
 * tracepoint sys_enter (sys_exit for a kretprobe), and before it a dispatcher that lets one system call
 * through and tail-calls it, so its context is the tracepoint's own.
 *
 * What a kprobe's program reads of its context is rewritten in place, instruction for instruction:
 * the first argument's register holds the inner pt_regs, which are the tracepoint's first argument;
 * the return value is sys_exit's second; of the other registers nothing is known: 0. A read that is
 * not seen to be of the context stays, and the verifier refuses it: nothing is guessed.
 */
#include "def/uapi.h" /* first: it stands for linux/bpf.h */
#include "load/unprobed.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
enum {
	FIRST_PARM = 112,
	RETURN_VALUE = 80,
	SYSCALL_NR = 120
}; /* of struct pt_regs: di, ax, orig_ax */
#else
enum { FIRST_PARM = 0, RETURN_VALUE = 0, SYSCALL_NR = 64 }; /* regs[0], regs[0], regs[8] */
#endif
enum { ARG0 = 0, ARG1 = 8, STACK_SLOTS = 64 };

static const struct {
	const char *function;
	int nr;
} syscalls[] = {
#define SYSCALL(nr, name, function) { #function, nr },
#include "event/syscall.def"
#undef SYSCALL
};

bool unprobed_kernel(void)
{
	return access("/sys/bus/event_source/devices/kprobe/type", F_OK) &&
	       access("/sys/kernel/tracing/kprobe_events", F_OK) &&
	       access("/sys/kernel/debug/tracing/kprobe_events", F_OK);
}

int unprobed_syscall(const char *function)
{
	static const char *const prefixes[] = { "__x64_sys_", "__arm64_sys_", "__sys_", "sys_",
						"" };

	for (size_t p = 0; p < ARRAY_SIZE(prefixes); p++) {
		size_t len = strlen(prefixes[p]);

		if (strncmp(function, prefixes[p], len))
			continue;
		for (size_t i = 0; len && i < ARRAY_SIZE(syscalls); i++)
			if (!strcmp(syscalls[i].function, function + len))
				return syscalls[i].nr;
	}
	return -1;
}

/* ---- which instructions read the context ---- */

/* What holds the context's address before an instruction. */
struct known {
	u16 registers;
	u64 slots; /* of the stack, 8 bytes each */
	bool seen;
};

static int slot_of(s16 off)
{
	return off < 0 && off >= -512 && off % 8 == 0 ? -off / 8 - 1 : -1;
}

static void forget_stack(struct known *k, s16 off, int size)
{
	for (int byte = 0; byte < size; byte++)
		if (off + byte < 0 && off + byte >= -512)
			k->slots &= ~(1ull << ((-(off + byte) - 1) / 8));
}

static int access_size(u8 code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	}
	return 8;
}

/* After the instruction; jumps are the caller's. */
static void step(struct known *k, const struct bpf_insn *insn)
{
	u16 dst = (u16)(1u << insn->dst_reg), src = (u16)(1u << insn->src_reg);
	int slot = slot_of(insn->off);
	bool held = false;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU64:
		held = BPF_OP(insn->code) == BPF_MOV && BPF_SRC(insn->code) == BPF_X &&
		       !insn->off && k->registers & src;
		break;
	case BPF_LDX:
		held = insn->src_reg == BPF_REG_10 && access_size(insn->code) == 8 && slot >= 0 &&
		       k->slots >> slot & 1;
		break;
	case BPF_ST:
	case BPF_STX:
		if (insn->dst_reg == BPF_REG_10) {
			forget_stack(k, insn->off, access_size(insn->code));
			if (insn->code == (BPF_STX | BPF_MEM | BPF_DW) && slot >= 0 &&
			    k->registers & src)
				k->slots |= 1ull << slot;
		}
		if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
			k->registers &= (u16) ~(src | 1u);
		return;
	case BPF_JMP:
	case BPF_JMP32:
		if (BPF_OP(insn->code) == BPF_CALL)
			k->registers &= 0xffc0;
		return;
	}
	k->registers = held ? k->registers | dst : k->registers & (u16)~dst;
}

/* Merges what is known on one way to an instruction; whether anything is new there. */
static bool join(struct known *at, const struct known *from)
{
	struct known old = *at;

	if (!old.seen) {
		*at = *from;
		at->seen = true;
		return true;
	}
	at->registers &= from->registers;
	at->slots &= from->slots;
	return at->registers != old.registers || at->slots != old.slots;
}

static bool is_jump(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

static void find_reads(const struct bpf_insn *insns, size_t count, struct known *known)
{
	bool again = true;

	known[0] = (struct known){ .registers = 1 << BPF_REG_1, .seen = true };
	while (again) {
		again = false;
		for (size_t i = 0; i < count; i++) {
			const struct bpf_insn *insn = &insns[i];
			struct known after = known[i];
			size_t next = i + 1 + (insn->code == (BPF_LD | BPF_IMM | BPF_DW));
			s64 target = (s64)i + 1 + insn->off;

			if (!known[i].seen)
				continue;
			step(&after, insn);
			if (is_jump(insn) && target >= 0 && target < (s64)count)
				again |= join(&known[target], &after);
			if (next < count && insn->code != (BPF_JMP | BPF_EXIT) &&
			    insn->code != (BPF_JMP | BPF_JA))
				again |= join(&known[next], &after);
		}
	}
}

void unprobed_rewrite(struct bpf_insn *insns, size_t count, bool at_return)
{
	struct known *known = calloc(count, sizeof(*known));

	if (!known)
		return;
	find_reads(insns, count, known);
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn *insn = &insns[i];

		if (!known[i].seen || BPF_CLASS(insn->code) != BPF_LDX ||
		    BPF_MODE(insn->code) != BPF_MEM || !(known[i].registers >> insn->src_reg & 1))
			continue;
		if (at_return && insn->off == RETURN_VALUE)
			insn->off = ARG1;
		else if (!at_return && insn->off == FIRST_PARM)
			insn->off = ARG0;
		else
			*insn = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
						   .dst_reg = insn->dst_reg };
	}
	free(known);
}

/* ---- the dispatcher ---- */

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

/* r2 := the system call's number; goes on where it is nr, with a tail call of array[0]. */
static int load_dispatcher(int nr, bool at_return, int array)
{
	const struct bpf_insn number_at_entry[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 1, ARG1, 0),
	};
	const struct bpf_insn number_at_exit[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 3, 1, ARG0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, SYSCALL_NR),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 8),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -8),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, 6, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 2, 10, -8, 0),
	};
	const struct bpf_insn dispatch[] = {
		INSN(BPF_JMP | BPF_JNE | BPF_K, 2, 0, 4, nr),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_FD, 0, array),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct bpf_insn insns[ARRAY_SIZE(number_at_exit) + ARRAY_SIZE(dispatch)];
	size_t n = at_return ? ARRAY_SIZE(number_at_exit) : ARRAY_SIZE(number_at_entry);

	memcpy(insns, at_return ? number_at_exit : number_at_entry, n * sizeof(*insns));
	memcpy(insns + n, dispatch, sizeof(dispatch));
	return bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "skep_dispatch", "GPL", insns,
			     n + ARRAY_SIZE(dispatch), NULL);
}

int unprobed_attach(int prog_fd, int nr, bool at_return, int *array)
{
	int key = 0, prog, link;

	*array = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "skep_dispatch", 4, 4, 1, NULL);
	if (*array < 0)
		return *array;
	link = bpf_map_update_elem(*array, &key, &prog_fd, BPF_ANY);
	prog = link ? link : load_dispatcher(nr, at_return, *array);
	link = prog < 0 ? prog
			: bpf_raw_tracepoint_open(at_return ? "sys_exit" : "sys_enter", prog);
	if (prog >= 0)
		close(prog);
	if (link < 0)
		close(*array);
	return link;
}
