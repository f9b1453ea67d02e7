/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over a stack: what is given when registers are known or not, and that hostile memory (this program's own,
 * bytes of it changed at random) ends every walk. `unwind SEED ROUNDS` repeats or lengthens the second part.
 */
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "event/unwind.h"
#include "tap.h"

enum { MAX = 127, HURT = 64 };

static u64 state = 1;

static u64 draw(u64 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

/* This process's memory, some bytes of it different. */
struct memory {
	struct unwind_space space;
	struct unwind_module own;
	u64 frames, frames_len;
	u32 nr_hurt;
	u64 hurt_at[HURT];
	u8 hurt_to[HURT];
	bool stack_too;
	u64 reads;
};

static int read_memory(void *arg, void *dst, u64 addr, size_t len)
{
	struct memory *m = arg;
	struct iovec local = { dst, len }, remote = { (void *)(uintptr_t)addr, len };

	m->reads++;
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != (ssize_t)len)
		return -EFAULT;
	for (u32 i = 0; i < m->nr_hurt; i++)
		if (m->hurt_at[i] >= addr && m->hurt_at[i] < addr + len)
			((u8 *)dst)[m->hurt_at[i] - addr] = m->hurt_to[i];
	return 0;
}

static bool module_of(void *arg, u64 ip, struct unwind_module *out)
{
	struct memory *m = arg;

	*out = m->own;
	return ip >= m->own.start && ip < m->own.end;
}

static bool no_section(void *arg, const struct unwind_module *module, u64 *addr, u64 *len)
{
	(void)arg, (void)module, (void)addr, (void)len;
	return false;
}

static int find_own(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct memory *m = arg;

	(void)size;
	for (u32 i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		u64 at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_LOAD && !p->p_offset)
			m->own.base = at;
		if (p->p_type == PT_LOAD && p->p_flags & PF_X) {
			m->own.start = at;
			m->own.end = at + p->p_memsz;
		}
		if (p->p_type == PT_GNU_EH_FRAME) {
			m->frames = at;
			m->frames_len = p->p_memsz;
		}
	}
	return 1; /* the first is the program */
}

struct place {
	u64 ip, sp, bp, ret[4];
};

static __attribute__((noinline)) void inner(struct place *place, void (*then)(struct place *))
{
	place->bp = (u64)(uintptr_t)__builtin_frame_address(0);
	asm volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1" : "=r"(place->ip), "=r"(place->sp));
	place->ret[0] = (u64)(uintptr_t)__builtin_return_address(0);
	then(place);
	asm volatile("" ::: "memory");
}

static __attribute__((noinline)) void middle(struct place *place, void (*then)(struct place *))
{
	place->ret[1] = (u64)(uintptr_t)__builtin_return_address(0);
	inner(place, then);
	asm volatile("" ::: "memory");
}

static struct memory memory = {
	.space = { .read = read_memory, .module = module_of, .section = no_section, .arg = &memory }
};

static u32 walk(const struct place *place, u32 known, u64 *ips, u32 max)
{
	struct unwind_regs regs = { .known = known };

	regs.value[REG_IP] = place->ip;
	regs.value[REG_SP] = place->sp;
	regs.value[REG_BP] = place->bp;
	unwind_init(&memory.space);
	return unwind_walk(&memory.space, regs, ips, max);
}

enum { IP = 1 << REG_IP, SP = 1 << REG_SP, BP = 1 << REG_BP };

static void check(struct place *place)
{
	u64 ips[MAX];
	u32 count = walk(place, IP | SP | BP, ips, MAX);

	ok(count >= 3 && ips[0] == place->ip && ips[1] == place->ret[0] && ips[2] == place->ret[1],
	   "all registers known");
	is(walk(place, IP | SP | BP, ips, 2), 2, "no more than asked for");
	is(ips[1], place->ret[0], "and these are the first");
	is(walk(place, IP | SP | BP, ips, 0), 0, "nothing asked for");
	is(walk(place, IP, ips, MAX), 1, "only ip known");
	is(walk(place, SP | BP, ips, MAX), 0, "ip not known");
	count = walk(place, IP | SP, ips, MAX);
	ok(count && ips[0] == place->ip && (count == 1 || ips[1] == place->ret[0]),
	   "the frame pointer unknown: right or nothing");
	memory.own.base = 0;
	count = walk(place, IP | SP, ips, MAX);
	is(count, 1, "a module without a beginning, no frame pointer");
	memory.own.base = memory.own.start;
	is(walk(place, IP | SP, ips, MAX), 1, "a module that does not begin with an ELF header");
}

/* Bytes of headers, tables, rules and the stack change; the walk ends, within what it may do. */
static void hurt(struct place *place)
{
	u64 ips[MAX], most = 0;
	bool bounded = true;

	memory.nr_hurt = 1 + (u32)draw(HURT);
	for (u32 i = 0; i < memory.nr_hurt; i++) {
		u64 where = draw(8);

		memory.hurt_at[i] = where == 0	 ? memory.own.base + draw(1024)
				    : where == 1 ? place->sp + draw(512)
				    : where == 2 ? memory.frames + draw(64)
						 : memory.frames + draw(memory.frames_len * 6);
		memory.hurt_to[i] = (u8)state;
	}
	memory.reads = 0;
	bounded = walk(place, draw(2) ? IP | SP : IP | SP | BP, ips, MAX) <= MAX;
	most = memory.reads;
	if (!bounded || most > 1 << 20)
		ok(0, "a walk that does not end: %llu reads", (unsigned long long)most);
}

static u64 rounds = 3000;

static void hurt_often(struct place *place)
{
	for (u64 i = 0; i < rounds; i++)
		hurt(place);
	memory.nr_hurt = 0;
	ok(1, "%llu walks over damaged memory end", (unsigned long long)rounds);
}

int main(int argc, char **argv)
{
	struct place place;

#ifndef __x86_64__
	printf("1..0 # SKIP stacks are known on x86-64 only\n");
	return 0;
#endif
	if (argc > 1)
		state = strtoull(argv[1], NULL, 0) | 1;
	if (argc > 2)
		rounds = strtoull(argv[2], NULL, 0);
	dl_iterate_phdr(find_own, &memory);
	middle(&place, check);
	dl_iterate_phdr(find_own, &memory);
	middle(&place, hurt_often);
	return done();
}
