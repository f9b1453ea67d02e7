/* SPDX-License-Identifier: BSD-2-Clause */
/* The running kernel as an oracle: loading small programs and reading what its verifier says. */
#ifndef TESTS_KERNEL_H
#define TESTS_KERNEL_H

#include "def/uapi.h"

#include "btf/btf.h"
#include "def/prog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux_bpf.h"

/* struct bpf_insn in one line */
#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV_IMM(r, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, r, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define CALL(nr)      INSN(BPF_JMP | BPF_CALL, 0, 0, 0, nr)
#define EXIT()	      INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* A program type and attach type, as a test loads it. */
struct hook {
	u32 type, attach, flags;
	const char *btf_func; /* kernel function or type to attach to, for types that need one */
	u32 btf_kind;
	u32 btf_id;
};

static char kernel_log[1 << 16];
static const char *kernel_license = "GPL";

/* An fd or -errno; the log is in kernel_log. */
__attribute__((unused)) static int kernel_load(const struct hook *hook,
					       const struct bpf_insn *insns, u32 count, u32 level)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = hook->type;
	attr.expected_attach_type = hook->attach;
	attr.prog_flags = hook->flags;
	attr.attach_btf_id = hook->btf_id;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = count;
	attr.license = (uintptr_t)kernel_license;
	attr.log_buf = (uintptr_t)kernel_log;
	attr.log_size = sizeof(kernel_log);
	attr.log_level = level;
	kernel_log[0] = 0;
	return linux_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

/* 0 or -errno */
__attribute__((unused)) static int kernel_try(const struct hook *hook, const struct bpf_insn *insns,
					      u32 count, u32 level)
{
	int fd = kernel_load(hook, insns, count, level);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

__attribute__((unused)) static bool kernel_permits_bpf(void)
{
	const struct hook filter = { .type = BPF_PROG_TYPE_SOCKET_FILTER };
	const struct bpf_insn insns[] = { MOV_IMM(0, 0), EXIT() };
	const struct hook admin = { .type = BPF_PROG_TYPE_XDP };

	return !kernel_try(&filter, insns, 2, 1) && !kernel_try(&admin, insns, 2, 1);
}

/* Every program type that this kernel loads, once per attach type that makes a difference. */
static struct hook kernel_hooks[96];
static u32 kernel_hook_count;

static void kernel_add_hook(u32 type, u32 attach, const char *func, u32 kind,
			    const struct btf *vmlinux)
{
	struct hook h = { .type = type, .attach = attach, .btf_func = func, .btf_kind = kind };
	/* 1 is a value that every return range has but those of fentry and fexit */
	const struct bpf_insn insns[] = { MOV_IMM(0, 1), EXIT() };
	s32 id = func && vmlinux ? btf_find(vmlinux, func, kind) : 0;
	int err;

	if (id < 0 || (func && !vmlinux))
		return;
	h.btf_id = id;
	h.flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	err = kernel_try(&h, insns, 2, 1);
	if (err && type != BPF_PROG_TYPE_STRUCT_OPS) {
		printf("# this kernel does not load %s with attach type %u%s%s: %s\n",
		       prog_info(type)->name, attach, func ? " on " : "", func ? func : "",
		       strerror(-err));
		return;
	}
	kernel_hooks[kernel_hook_count++] = h;
}

__attribute__((unused)) static void kernel_find_hooks(void)
{
	struct btf *vmlinux = NULL;

	btf_open(&vmlinux, "/sys/kernel/btf/vmlinux");
	for (u32 type = 1; type < __MAX_BPF_PROG_TYPE; type++) {
		u64 attach = prog_info(type)->attach;

		if (prog_info(type)->btf_args)
			continue;
		if (type == BPF_PROG_TYPE_KPROBE)
			attach = 1ull << BPF_TRACE_KPROBE_MULTI | 1ull << BPF_TRACE_UPROBE_SESSION |
				 1;
		if (type == BPF_PROG_TYPE_XDP)
			attach = 1ull << BPF_XDP | 1ull << BPF_XDP_DEVMAP;
		/* they take any, but some helpers look at it */
		if (type == BPF_PROG_TYPE_CGROUP_DEVICE || type == BPF_PROG_TYPE_CGROUP_SYSCTL ||
		    type == BPF_PROG_TYPE_SOCK_OPS)
			attach = 1 | 1ull << BPF_CGROUP_DEVICE | 1ull << BPF_CGROUP_UDP4_RECVMSG;
		for (u32 a = 0; a < __MAX_BPF_ATTACH_TYPE; a++)
			if ((attach ? attach >> a : a == 0) & 1)
				kernel_add_hook(type, a, NULL, 0, vmlinux);
	}
	kernel_add_hook(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "btf_trace_sched_switch",
			BTF_KIND_TYPEDEF, vmlinux);
	kernel_add_hook(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "bpf_fentry_test1", BTF_KIND_FUNC,
			vmlinux);
	kernel_add_hook(BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, "bpf_modify_return_test",
			BTF_KIND_FUNC, vmlinux);
	kernel_add_hook(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_iter_tcp", BTF_KIND_FUNC,
			vmlinux);
	kernel_add_hook(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "bpf_lsm_file_open", BTF_KIND_FUNC,
			vmlinux);
	kernel_add_hook(BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, "bpf_lsm_socket_post_create",
			BTF_KIND_FUNC, vmlinux);
	kernel_add_hook(BPF_PROG_TYPE_STRUCT_OPS, 0, "tcp_congestion_ops", BTF_KIND_STRUCT,
			vmlinux);
	btf_free(vmlinux);
}

#endif
