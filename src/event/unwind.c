/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk (see unwind.h): rules of .eh_frame first; where a rule wants the frame pointer and nobody
 * knows it, the function's own first instructions say how far it lies above the stack pointer; where
 * no rules are, the frame pointer's chain.
 *
 * Invariant: the stack pointer grows from frame to frame (but out of a signal's handler, which may
 * have a stack of its own), and every address given lies in memory that can be executed.
 */
#include "event/unwind.h"

#include <string.h>

enum { PAGE = 4096, BUDGET = 1 << 18 };

void unwind_init(struct unwind_space *space)
{
	for (u32 i = 0; i < UNWIND_PAGES; i++)
		space->pages[i].at = 1;
	space->budget = BUDGET;
}

static const u8 *page_of(struct unwind_space *space, u64 addr)
{
	struct unwind_page *page = &space->pages[addr / PAGE % UNWIND_PAGES];
	u64 at = addr & ~(u64)(PAGE - 1);

	if (page->at != at) {
		page->at = 1;
		if (space->read(space->arg, page->bytes, at, PAGE))
			return NULL;
		page->at = at;
	}
	return page->bytes;
}

bool unwind_read(struct unwind_space *space, void *dst, u64 addr, size_t len)
{
	u8 *to = dst;

	while (len) {
		size_t off = addr % PAGE, part = min(len, PAGE - off);
		const u8 *page = page_of(space, addr);

		if (!page)
			return false;
		memcpy(to, page + off, part);
		to += part;
		len -= part;
		addr += part;
	}
	return true;
}

static bool is_known(const struct unwind_regs *regs, u32 reg)
{
	return regs->known >> reg & 1;
}

static void set(struct unwind_regs *regs, u32 reg, u64 value)
{
	regs->value[reg] = value;
	regs->known |= 1u << reg;
}

/* Whether a call ends right before ip: relative, or through a register or memory. */
static bool follows_call(struct unwind_space *space, u64 ip)
{
	u8 code[7];

	if (!unwind_read(space, code, ip - sizeof(code), sizeof(code)))
		return false;
	if (code[2] == 0xe8)
		return true;
	for (u32 len = 2; len <= 7; len++)
		if (code[7 - len] == 0xff && (code[8 - len] >> 3 & 7) == 2)
			return true;
	return false;
}

/*
 * The frame pointer of a function that begins at start, by its first instructions; believed only if a
 * return address that follows a call stands where it would.
 */
static bool bp_of_prologue(struct unwind_space *space, u64 start, struct unwind_regs *regs)
{
	struct unwind_module module;
	u64 above, bp, ret;

	if (!prologue_frame(space, start, &above))
		return false;
	bp = regs->value[REG_SP] + above;
	if (!unwind_read(space, &ret, bp + 8, 8) || !space->module(space->arg, ret, &module) ||
	    !follows_call(space, ret))
		return false;
	set(regs, REG_BP, bp);
	return true;
}

/* {caller's frame pointer, return address} at bp. */
static bool frame_pointer_step(struct unwind_space *space, struct unwind_regs *regs)
{
	u64 frame[2], bp = regs->value[REG_BP];

	if (!is_known(regs, REG_BP) || bp % 8 || bp < regs->value[REG_SP] ||
	    !unwind_read(space, frame, bp, sizeof(frame)))
		return false;
	regs->known = 0;
	set(regs, REG_BP, frame[0]);
	set(regs, REG_SP, bp + 16);
	set(regs, REG_IP, frame[1]);
	return true;
}

static bool next_frame(struct unwind_space *space, struct unwind_regs *regs, bool *interrupted)
{
	struct unwind_module module;
	u64 start, sp = regs->value[REG_SP];
	bool signal = false;
	enum step step;

	if (!is_known(regs, REG_SP))
		return false;
	step = eh_frame_step(space, regs, *interrupted, &start, &signal);
	if (step == STEP_UNKNOWN && !is_known(regs, REG_BP) && bp_of_prologue(space, start, regs))
		step = eh_frame_step(space, regs, *interrupted, &start, &signal);
	if (step == STEP_NO_RULE && frame_pointer_step(space, regs))
		step = STEP_DONE;
	*interrupted = signal;
	return step == STEP_DONE && (regs->value[REG_SP] > sp || signal) &&
	       space->module(space->arg, regs->value[REG_IP], &module);
}

u32 unwind_walk(struct unwind_space *space, struct unwind_regs regs, u64 *ips, u32 max)
{
	bool interrupted = true;
	u32 count = 0;

	if (!is_known(&regs, REG_IP))
		return 0;
	while (count < max) {
		ips[count++] = regs.value[REG_IP];
		if (!next_frame(space, &regs, &interrupted))
			break;
	}
	return count;
}
