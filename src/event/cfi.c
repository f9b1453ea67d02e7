/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Call frame instructions (DWARF 5, section 6.4.2) and the expressions in them (2.5), carried out for
 * one address. A register's value is known or not; a rule that needs one that is not says so.
 *
 * Bounds: instructions are read once from front to back; an expression takes at most EXPR_STEPS
 * operations on a stack of EXPR_DEPTH.
 */
#include <string.h>

#include "event/unwind.h"

enum { REMEMBERED = 8, EXPR_STEPS = 256, EXPR_DEPTH = 32 };

enum rule_kind { SAME, UNDEFINED, AT_OFFSET, IS_OFFSET, IN_REGISTER, AT_EXPR, IS_EXPR };

struct rule {
	enum rule_kind kind;
	s64 offset; /* or a register's number */
	const u8 *expr;
	u64 expr_len;
};

struct row {
	struct rule cfa; /* IS_OFFSET from register cfa_reg, or IS_EXPR */
	u64 cfa_reg;
	struct rule regs[REGS];
};

struct machine {
	const struct cfi_entry *entry;
	struct row row, initial, remembered[REMEMBERED];
	u32 depth;
	u64 loc;
};

u64 cursor_fixed(struct cursor *c, u32 size)
{
	u64 value = 0;

	if ((u64)(c->end - c->at) < size) {
		c->at = c->end;
		c->bad = true;
		return 0;
	}
	memcpy(&value, c->at, size);
	c->at += size;
	return value;
}

u64 cursor_uleb(struct cursor *c)
{
	u64 value = 0, byte;
	u32 shift = 0;

	do {
		byte = cursor_fixed(c, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

s64 cursor_sleb(struct cursor *c)
{
	u64 value = 0, byte;
	u32 shift = 0;

	do {
		byte = cursor_fixed(c, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (byte & 0x40 && shift < 64)
		value |= ~0ull << shift;
	return (s64)value;
}

/* ---- expressions ---- */

struct eval {
	struct unwind_space *space;
	const struct unwind_regs *regs;
	struct cursor c;
	const u8 *start;
	u64 stack[EXPR_DEPTH];
	u32 count;
	enum step result; /* STEP_DONE so far */
};

static void push(struct eval *e, u64 value)
{
	if (e->count == EXPR_DEPTH)
		e->c.bad = true;
	else
		e->stack[e->count++] = value;
}

static u64 pop(struct eval *e)
{
	if (!e->count) {
		e->c.bad = true;
		return 0;
	}
	return e->stack[--e->count];
}

static u64 pick(struct eval *e, u64 from_top)
{
	if (from_top >= e->count) {
		e->c.bad = true;
		return 0;
	}
	return e->stack[e->count - 1 - from_top];
}

static void push_reg(struct eval *e, u64 reg, s64 offset)
{
	if (reg >= REGS || !(e->regs->known >> reg & 1)) {
		e->result = STEP_UNKNOWN;
		return;
	}
	push(e, e->regs->value[reg] + (u64)offset);
}

static void deref(struct eval *e, u64 size)
{
	u64 value = 0, addr = pop(e);

	if (size > 8 || !unwind_read(e->space, &value, addr, size))
		e->c.bad = true;
	push(e, value);
}

static void jump(struct eval *e, bool taken)
{
	s16 by = (s16)cursor_fixed(&e->c, 2);

	if (!taken)
		return;
	if (by < e->start - e->c.at || by > e->c.end - e->c.at)
		e->c.bad = true;
	else
		e->c.at += by;
}

static u64 binary(struct eval *e, u8 op, u64 a, u64 b)
{
	switch (op) {
	case 0x1a: return a & b;
	case 0x1b: return (s64)b && !((s64)b == -1) ? (u64)((s64)a / (s64)b) : -a;
	case 0x1c: return a - b;
	case 0x1d: return b ? a % b : 0;
	case 0x1e: return a * b;
	case 0x21: return a | b;
	case 0x22: return a + b;
	case 0x24: return b < 64 ? a << b : 0;
	case 0x25: return b < 64 ? a >> b : 0;
	case 0x26: return (u64)((s64)a >> min(b, (u64)63));
	case 0x27: return a ^ b;
	case 0x29: return a == b;
	case 0x2a: return (s64)a >= (s64)b;
	case 0x2b: return (s64)a > (s64)b;
	case 0x2c: return (s64)a <= (s64)b;
	case 0x2d: return (s64)a < (s64)b;
	case 0x2e: return a != b;
	default: e->c.bad = true; return 0;
	}
}

/* DW_OP_ of one byte, but for the ranges below. */
static void operate(struct eval *e, u8 op)
{
	u64 a, b;

	switch (op) {
	case 0x03: push(e, cursor_fixed(&e->c, 8)); break; /* addr */
	case 0x06: deref(e, 8); break;
	case 0x08: push(e, cursor_fixed(&e->c, 1)); break; /* const1u … const8s */
	case 0x09: push(e, (u64)(s8)cursor_fixed(&e->c, 1)); break;
	case 0x0a: push(e, cursor_fixed(&e->c, 2)); break;
	case 0x0b: push(e, (u64)(s16)cursor_fixed(&e->c, 2)); break;
	case 0x0c: push(e, cursor_fixed(&e->c, 4)); break;
	case 0x0d: push(e, (u64)(s32)cursor_fixed(&e->c, 4)); break;
	case 0x0e:
	case 0x0f: push(e, cursor_fixed(&e->c, 8)); break;
	case 0x10: push(e, cursor_uleb(&e->c)); break;
	case 0x11: push(e, (u64)cursor_sleb(&e->c)); break;
	case 0x12: push(e, pick(e, 0)); break; /* dup */
	case 0x13: pop(e); break;	       /* drop */
	case 0x14: push(e, pick(e, 1)); break; /* over */
	case 0x15: push(e, pick(e, cursor_fixed(&e->c, 1))); break;
	case 0x16: a = pop(e), b = pop(e), push(e, a), push(e, b); break; /* swap */
	case 0x19: a = pop(e), push(e, (s64)a < 0 ? -a : a); break;
	case 0x1f: push(e, -pop(e)); break;
	case 0x20: push(e, ~pop(e)); break;
	case 0x23: a = cursor_uleb(&e->c), push(e, pop(e) + a); break; /* plus_uconst */
	case 0x28: jump(e, pop(e) != 0); break;			       /* bra */
	case 0x2f: jump(e, true); break;			       /* skip */
	case 0x92: a = cursor_uleb(&e->c), push_reg(e, a, cursor_sleb(&e->c)); break; /* bregx */
	case 0x94: deref(e, cursor_fixed(&e->c, 1)); break;
	case 0x96: break; /* nop */
	default: b = pop(e), a = pop(e), push(e, binary(e, op, a, b));
	}
}

/* *value on top of what it begins with, if anything. */
static enum step evaluate(struct unwind_space *space, const struct unwind_regs *regs,
			  const struct rule *rule, const u64 *initial, u64 *value)
{
	struct eval e = { .space = space,
			  .regs = regs,
			  .c = { .at = rule->expr, .end = rule->expr + rule->expr_len },
			  .start = rule->expr,
			  .result = STEP_DONE };

	if (initial)
		push(&e, *initial);
	for (u32 steps = 0; e.c.at < e.c.end && e.result == STEP_DONE; steps++) {
		u8 op = (u8)cursor_fixed(&e.c, 1);

		if (op >= 0x30 && op <= 0x4f)
			push(&e, op - 0x30u); /* lit0 … lit31 */
		else if (op >= 0x70 && op <= 0x8f)
			push_reg(&e, op - 0x70u, cursor_sleb(&e.c)); /* breg0 … breg31 */
		else
			operate(&e, op);
		if (e.c.bad || steps > EXPR_STEPS)
			return STEP_LAST;
	}
	*value = pop(&e);
	return e.result == STEP_DONE && e.c.bad ? STEP_LAST : e.result;
}

/* ---- instructions ---- */

static void set_rule(struct machine *m, u64 reg, enum rule_kind kind, s64 offset)
{
	if (reg < REGS)
		m->row.regs[reg] = (struct rule){ .kind = kind, .offset = offset };
}

static struct rule expression(struct cursor *c, enum rule_kind kind)
{
	u64 len = cursor_uleb(c);
	struct rule rule = { .kind = kind, .expr = c->at, .expr_len = len };

	if (len > (u64)(c->end - c->at)) {
		c->bad = true;
		rule.expr_len = 0;
	}
	c->at += rule.expr_len;
	return rule;
}

static void set_expression(struct machine *m, struct cursor *c, enum rule_kind kind)
{
	u64 reg = cursor_uleb(c);
	struct rule rule = expression(c, kind);

	if (reg < REGS)
		m->row.regs[reg] = rule;
}

static void restore(struct machine *m, u64 reg)
{
	if (reg < REGS)
		m->row.regs[reg] = m->initial.regs[reg];
}

static void advance(struct machine *m, u64 delta)
{
	m->loc += delta * m->entry->code_align;
}

static s64 scaled(const struct machine *m, s64 offset)
{
	return (s64)((u64)offset * (u64)m->entry->data_align);
}

static void define_cfa(struct machine *m, u64 reg, s64 offset)
{
	m->row.cfa = (struct rule){ .kind = IS_OFFSET, .offset = offset };
	m->row.cfa_reg = reg;
}

/* DW_CFA_ with operands that follow. */
static void instruct(struct machine *m, struct cursor *c, u8 op)
{
	u64 reg;

	switch (op) {
	case 0x00: break;				  /* nop */
	case 0x02: advance(m, cursor_fixed(c, 1)); break; /* advance_loc1, 2, 4 */
	case 0x03: advance(m, cursor_fixed(c, 2)); break;
	case 0x04: advance(m, cursor_fixed(c, 4)); break;
	case 0x05: /* offset_extended */
		reg = cursor_uleb(c);
		set_rule(m, reg, AT_OFFSET, scaled(m, (s64)cursor_uleb(c)));
		break;
	case 0x06: restore(m, cursor_uleb(c)); break;
	case 0x07: set_rule(m, cursor_uleb(c), UNDEFINED, 0); break;
	case 0x08: set_rule(m, cursor_uleb(c), SAME, 0); break;
	case 0x09: /* register */
		reg = cursor_uleb(c);
		set_rule(m, reg, IN_REGISTER, (s64)cursor_uleb(c));
		break;
	case 0x0a: /* remember_state */
		if (m->depth == REMEMBERED)
			c->bad = true;
		else
			m->remembered[m->depth++] = m->row;
		break;
	case 0x0b:
		if (!m->depth)
			c->bad = true;
		else
			m->row = m->remembered[--m->depth];
		break;
	case 0x0c: /* def_cfa, its register, its offset */
		reg = cursor_uleb(c);
		define_cfa(m, reg, (s64)cursor_uleb(c));
		break;
	case 0x0d: define_cfa(m, cursor_uleb(c), m->row.cfa.offset); break;
	case 0x0e: define_cfa(m, m->row.cfa_reg, (s64)cursor_uleb(c)); break;
	case 0x0f: m->row.cfa = expression(c, IS_EXPR); break;
	case 0x10: set_expression(m, c, AT_EXPR); break;
	case 0x11: /* offset_extended_sf */
		reg = cursor_uleb(c);
		set_rule(m, reg, AT_OFFSET, scaled(m, cursor_sleb(c)));
		break;
	case 0x12:
		reg = cursor_uleb(c);
		define_cfa(m, reg, scaled(m, cursor_sleb(c)));
		break;
	case 0x13: define_cfa(m, m->row.cfa_reg, scaled(m, cursor_sleb(c))); break;
	case 0x14:
		reg = cursor_uleb(c);
		set_rule(m, reg, IS_OFFSET, scaled(m, (s64)cursor_uleb(c)));
		break;
	case 0x15:
		reg = cursor_uleb(c);
		set_rule(m, reg, IS_OFFSET, scaled(m, cursor_sleb(c)));
		break;
	case 0x16: set_expression(m, c, IS_EXPR); break;
	case 0x2e: cursor_uleb(c); break; /* GNU_args_size */
	default: c->bad = true;
	}
}

/* Up to the row of ip; false: not well-formed. */
static bool carry_out(struct machine *m, const u8 *code, const u8 *end, u64 ip)
{
	struct cursor c = { .at = code, .end = end };

	while (c.at < c.end && !c.bad && m->loc <= ip) {
		u8 op = (u8)cursor_fixed(&c, 1), low = op & 0x3f;

		switch (op >> 6) {
		case 1: advance(m, low); break;
		case 2: set_rule(m, low, AT_OFFSET, scaled(m, (s64)cursor_uleb(&c))); break;
		case 3: restore(m, low); break;
		default: instruct(m, &c, op);
		}
	}
	return !c.bad;
}

/* ---- registers of the caller ---- */

static enum step cfa_of(struct unwind_space *space, const struct row *row,
			const struct unwind_regs *regs, u64 *cfa)
{
	if (row->cfa.kind == IS_EXPR)
		return evaluate(space, regs, &row->cfa, NULL, cfa);
	if (row->cfa.kind != IS_OFFSET || row->cfa_reg >= REGS)
		return STEP_LAST;
	if (!(regs->known >> row->cfa_reg & 1))
		return STEP_UNKNOWN;
	*cfa = regs->value[row->cfa_reg] + (u64)row->cfa.offset;
	return STEP_DONE;
}

/* Registers that a function gives back as it found them. */
static bool is_preserved(u32 reg)
{
	return reg == REG_BX || reg == REG_BP || (reg >= REG_R12 && reg <= REG_R15);
}

/* STEP_UNKNOWN: no value; STEP_LAST: there is none. */
static enum step recover(struct unwind_space *space, const struct rule *rule,
			 const struct unwind_regs *regs, u32 reg, u64 cfa, u64 *value)
{
	u64 addr = cfa + (u64)rule->offset;
	enum step step = STEP_DONE;

	switch (rule->kind) {
	case UNDEFINED: return STEP_LAST;
	case SAME:
	case IN_REGISTER:
		if (rule->kind == IN_REGISTER)
			reg = (u32)min((u64)rule->offset, (u64)REGS);
		if (reg >= REGS || !(regs->known >> reg & 1))
			return STEP_UNKNOWN;
		*value = regs->value[reg];
		return STEP_DONE;
	case IS_OFFSET: *value = addr; return STEP_DONE;
	case AT_EXPR: step = evaluate(space, regs, rule, &cfa, &addr); break;
	case IS_EXPR: return evaluate(space, regs, rule, &cfa, value);
	case AT_OFFSET: break;
	}
	if (step == STEP_DONE && !unwind_read(space, value, addr, 8))
		return STEP_UNKNOWN;
	return step;
}

static enum step apply_row(struct unwind_space *space, const struct cfi_entry *entry,
			   const struct row *row, struct unwind_regs *regs)
{
	struct unwind_regs caller = { .known = 0 };
	enum step step;
	u64 cfa, value;

	step = cfa_of(space, row, regs, &cfa);
	if (step != STEP_DONE)
		return step;
	if (entry->ra >= REGS || row->regs[entry->ra].kind == SAME)
		return STEP_LAST;
	for (u32 reg = 0; reg < REGS; reg++) {
		const struct rule *rule = &row->regs[reg];

		if (rule->kind == SAME && !is_preserved(reg))
			continue;
		step = recover(space, rule, regs, reg, cfa, &value);
		if (reg == entry->ra && step != STEP_DONE)
			return step;
		if (step == STEP_DONE) {
			caller.value[reg] = value;
			caller.known |= 1u << reg;
		}
	}
	caller.value[REG_IP] = caller.value[entry->ra];
	caller.known |= 1u << REG_IP;
	if (row->regs[REG_SP].kind == SAME) {
		caller.value[REG_SP] = cfa;
		caller.known |= 1u << REG_SP;
	}
	*regs = caller;
	return caller.value[REG_IP] ? STEP_DONE : STEP_LAST;
}

enum step cfi_apply(struct unwind_space *space, const struct cfi_entry *entry, u64 ip,
		    struct unwind_regs *regs)
{
	struct machine m = { .entry = entry, .loc = 0 };

	if (!carry_out(&m, entry->init, entry->init_end, ~0ull))
		return STEP_LAST;
	m.initial = m.row;
	m.loc = entry->start;
	if (!carry_out(&m, entry->code, entry->code_end, ip))
		return STEP_LAST;
	return apply_row(space, entry, &m.row, regs);
}
