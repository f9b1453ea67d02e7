/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prog.def against the running kernel: attach types that BPF_PROG_LOAD takes, values r0 may have at
 * exit, whether BPF_PROG_TEST_RUN runs the type, legacy packet loads.
 */
#include "kernel.h"

#include "tap.h"

static u32 wrong_attach(u32 type)
{
	u32 wrong = 0;

	for (u32 a = 0; a < __MAX_BPF_ATTACH_TYPE + 10; a++) {
		const struct bpf_insn insns[] = { MOV_IMM(0, 1), EXIT() };
		struct hook h = { .type = type, .attach = a };
		u32 taken = a;
		bool kernel, own = !prog_check_attach(type, &taken);

		h.flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
		kernel = !kernel_try(&h, insns, 2, 1);
		if (own == kernel)
			continue;
		printf("# %s: attach type %u: kernel %d, table %d\n", prog_info(type)->name, a,
		       kernel, own);
		wrong++;
	}
	return wrong;
}

static u32 wrong_range(const struct hook *h)
{
	u32 wrong = 0;
	s32 low, high;
	bool limited = prog_return_range(h->type, h->attach, &low, &high);

	for (s32 r0 = -3; r0 < 9; r0++) {
		const struct bpf_insn insns[] = { MOV_IMM(0, r0), EXIT() };
		bool kernel = !kernel_try(h, insns, 2, 1);

		if (kernel == (!limited || (r0 >= low && r0 <= high)))
			continue;
		printf("# %s/%u: r0 = %d: kernel %d\n", prog_info(h->type)->name, h->attach, r0,
		       kernel);
		wrong++;
	}
	return wrong;
}

static bool runs(const struct hook *h)
{
	const struct bpf_insn insns[] = { MOV_IMM(0, 1), EXIT() };
	int fd = kernel_load(h, insns, 2, 1), err;
	static u8 packet[64];
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = fd;
	attr.test.data_in = (uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	err = linux_bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	close(fd);
	return err != -524;
}

static bool loads_packet_words(const struct hook *h)
{
	const struct bpf_insn insns[] = { MOV_REG(6, 1), INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0),
					  MOV_IMM(0, 1), EXIT() };

	kernel_try(h, insns, 4, 1);
	return !strstr(kernel_log,
		       "BPF_LD_[ABS|IND] instructions not allowed for this program type");
}

int main(void)
{
	u32 attach = 0, range = 0, run = 0, abs = 0;

	is(prog_type_by_name("xdp"), BPF_PROG_TYPE_XDP, "type by name");
	is(prog_type_by_name("nonesuch"), -ENOENT, "unknown name");
	ok(!prog_info(0) && !prog_info(__MAX_BPF_PROG_TYPE), "numbers outside have no row");
	if (!kernel_permits_bpf()) {
		skip("BPF_PROG_LOAD is not permitted here");
		return done();
	}
	kernel_find_hooks();
	for (u32 type = 1; type < __MAX_BPF_PROG_TYPE; type++)
		if (!prog_info(type)->btf_args && type != BPF_PROG_TYPE_LIRC_MODE2)
			attach += wrong_attach(type);
	for (u32 i = 0; i < kernel_hook_count; i++) {
		const struct hook *h = &kernel_hooks[i];
		const struct prog_info *info = prog_info(h->type);

		if (h->type == BPF_PROG_TYPE_STRUCT_OPS)
			continue;
		range += wrong_range(h);
		abs += loads_packet_words(h) != info->ld_abs;
		if (runs(h) != info->test_run) {
			printf("# %s/%u: BPF_PROG_TEST_RUN: table %d\n", info->name, h->attach,
			       info->test_run);
			run++;
		}
	}
	is(attach, 0, "attach types");
	is(range, 0, "return ranges");
	is(run, 0, "who can be run");
	is(abs, 0, "legacy packet loads");
	return done();
}
