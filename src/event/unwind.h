/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call stacks of another process on x86-64. What is known of the innermost frame's registers may be
 * as little as ip and sp; a frame whose rule needs a register nobody knows ends the walk, so every
 * address that is given is one. Rules are those of .eh_frame (Linux Standard Base 5.0, section
 * 10.6; DWARF 5, section 6.4), the frame pointer's where there are none.
 *
 * All that is read (memory, mapped files) belongs to the process and is hostile: every size is
 * bounded, nothing is believed, a walk ends.
 */
#ifndef EVENT_UNWIND_H
#define EVENT_UNWIND_H

#include "util/types.h"

/* DWARF's numbers of registers on x86-64; the return address's column stands for ip. */
enum { REG_BX = 3, REG_BP = 6, REG_SP = 7, REG_R12 = 12, REG_R15 = 15, REG_IP = 16, REGS = 17 };

struct unwind_regs {
	u64 value[REGS];
	u32 known; /* bits by number */
};

/* A mapping that can be executed. */
struct unwind_module {
	u64 start, end;
	u64 offset;   /* of start in the file */
	u64 base;     /* where the file's first byte is mapped; 0: it is not */
	u64 dev, ino; /* 0: no file */
};

struct unwind_page {
	u64 at; /* 1: none */
	u8 bytes[4096];
};

enum { UNWIND_PAGES = 8 };

/* Who is walked. Zeroed but for read, module, section and arg by who makes it. */
struct unwind_space {
	int (*read)(void *arg, void *dst, u64 addr, size_t len); /* 0 or -errno */
	bool (*module)(void *arg, u64 ip, struct unwind_module *out);
	/* Where .eh_frame is, by the file's section headers; for files without a header of it that is
	 * mapped. */
	bool (*section)(void *arg, const struct unwind_module *module, u64 *addr, u64 *len);
	void *arg;
	struct unwind_page pages[UNWIND_PAGES]; /* what was read */
	u32 budget; /* entries of .eh_frame that may be looked at still */
};

void unwind_init(struct unwind_space *space);
/* The addresses of a stack, innermost first, return addresses as they are. At most max; how many. */
u32 unwind_walk(struct unwind_space *space, struct unwind_regs regs, u64 *ips, u32 max);

/* Memory through the pages: false where it cannot be read. */
bool unwind_read(struct unwind_space *space, void *dst, u64 addr, size_t len);

/* ---- eh_frame.c ---- */

enum step {
	STEP_DONE,
	STEP_LAST,    /* this is the outermost frame */
	STEP_NO_RULE, /* nothing is said about this address */
	STEP_UNKNOWN, /* the rule needs a register that is not known */
};

/* The registers of the caller. *start: where the function begins, if rules were found; *signal: the
 * frame is one that the kernel made for a signal's handler. interrupted: ip is the instruction that
 * comes, not one that a call returns to. */
enum step eh_frame_step(struct unwind_space *space, struct unwind_regs *regs, bool interrupted,
			u64 *start, bool *signal);

/* The build id of the module's file, padded with zeroes: false where it has none. */
bool eh_frame_build_id(struct unwind_space *space, const struct unwind_module *module, u8 id[20]);

/* ---- prologue.c ---- */

/* How far above sp the frame pointer is in the function that begins at start, once its prologue is over: false where
 * that cannot be told. */
bool prologue_frame(struct unwind_space *space, u64 start, u64 *above);

/* ---- cfi.c ---- */

/* A common information entry and a frame description entry, in memory that is ours. */
struct cfi_entry {
	const u8 *init, *init_end; /* instructions of the first */
	const u8 *code, *code_end; /* and of the second */
	u64 start, end;		   /* addresses it speaks of */
	u64 code_align;
	s64 data_align;
	u32 ra;
	bool signal;
};

/* Applies the entry's rules at ip. Never STEP_NO_RULE for what is well-formed. */
enum step cfi_apply(struct unwind_space *space, const struct cfi_entry *entry, u64 ip,
		    struct unwind_regs *regs);

/* Bytes being read; what goes beyond the end reads as 0 and sets bad. */
struct cursor {
	const u8 *at, *end;
	bool bad;
};

u64 cursor_fixed(struct cursor *c, u32 size); /* size 1, 2, 4, 8 */
u64 cursor_uleb(struct cursor *c);
s64 cursor_sleb(struct cursor *c);

#endif
