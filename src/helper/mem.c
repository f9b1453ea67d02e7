/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading memory that may not be there. The system's memory is what the program was given: its stack,
 * its context, the packet, values of maps; the rest of this process it never sees. The memory of the
 * process that made the event is read through its task. A fault gives -EFAULT and zeroes.
 */
#include <errno.h>
#include <string.h>

#include "def/ctx_layout.h"
#include "helper/body.h"
#include "helper/current.h"
#include "map/space.h"

static u64 within(u64 start, u64 size, u64 addr, u64 len)
{
	return addr - start < size ? min(size - (addr - start), len) : 0;
}

const void *mem_reach(struct run *run, u64 addr, u64 len, u64 *avail)
{
	u64 low = (u64)(uintptr_t)run->stack_low;
	const void *mem;

	*avail = within(low, (u64)(run->stack_top - run->stack_low), addr, len);
	if (*avail)
		return ptr(addr);
	for (u32 i = 0; i < run->nr_regions; i++) {
		const struct run_region *region = &run->regions[i];

		*avail = within(region->addr, region->len, addr, len);
		if (*avail)
			return (const u8 *)region->mem + (addr - region->addr);
	}
	mem = current_reach(run, addr, len, avail);
	if (mem)
		return mem;
	if (run->packet) {
		*avail = within((u64)(uintptr_t)run->packet->head, run->packet->room, addr, len);
		if (*avail)
			return ptr(addr);
	}
	*avail = space_reach(run->space, addr, len);
	return *avail ? ptr(addr) : NULL;
}

int mem_read_kernel(struct run *run, void *dst, u32 len, u64 addr)
{
	u64 avail;
	const void *mem = mem_reach(run, addr, len, &avail);

	if (!len)
		return 0;
	if (!mem || avail < len) {
		memset(dst, 0, len);
		return -EFAULT;
	}
	memcpy(dst, mem, len);
	return 0;
}

int mem_read_user(struct run *run, void *dst, u32 len, u64 addr)
{
	if (!len || !run->task->ops->read(run->task, dst, addr, len))
		return 0;
	memset(dst, 0, len);
	return -EFAULT;
}

/* The old helpers: the system's memory if it is that, else the process's. */
static int read_any(struct run *run, void *dst, u32 len, u64 addr)
{
	u64 avail;

	return mem_reach(run, addr, len, &avail) ? mem_read_kernel(run, dst, len, addr)
						 : mem_read_user(run, dst, len, addr);
}

s64 mem_read_kernel_str(struct run *run, char *dst, u32 size, u64 addr)
{
	u64 avail;
	const char *mem = mem_reach(run, addr, size, &avail);
	size_t len;

	if (!size)
		return 0;
	len = mem ? strnlen(mem, avail) : 0;
	if (!mem || (len == avail && avail < size)) {
		memset(dst, 0, size);
		return -EFAULT;
	}
	len = min(len, (size_t)size - 1);
	memcpy(dst, mem, len);
	dst[len] = 0;
	return (s64)len + 1;
}

/*
 * In pieces that do not cross pages, so that a string before a hole is read. What lies behind the string stays out of
 * dst, which may be a map's key: as Linux, which copies words, zeroes up to the end of the last one, if it fits.
 */
s64 mem_read_user_str(struct run *run, char *dst, u32 size, u64 addr)
{
	enum { PIECE = 256 };
	char piece[PIECE], *end = NULL;
	u32 done = 0;

	while (done < size && !end) {
		u32 part = (u32)min((u64)(size - done), PIECE - (addr + done) % PIECE);

		if (run->task->ops->read(run->task, piece, addr + done, part)) {
			memset(dst, 0, size);
			return -EFAULT;
		}
		end = memchr(piece, 0, part);
		part = end ? (u32)(end - piece) : part;
		memcpy(dst + done, piece, part);
		done += part;
	}
	if (end)
		memset(dst + done, 0,
		       round_up(done + 1, 8u) <= size ? round_up(done + 1, 8u) - done : 1);
	else if (size)
		dst[size - 1] = 0;
	return end ? done + 1 : size;
}

s64 mem_read_any_str(struct run *run, char *dst, u32 size, u64 addr)
{
	u64 avail;

	return mem_reach(run, addr, 1, &avail) ? mem_read_kernel_str(run, dst, size, addr)
					       : mem_read_user_str(run, dst, size, addr);
}

HELPER(probe_read)
{
	return result(read_any(run, ptr(r1), (u32)r2, r3));
}

HELPER(probe_read_str)
{
	return result(mem_read_any_str(run, ptr(r1), (u32)r2, r3));
}

HELPER(probe_read_kernel)
{
	return result(mem_read_kernel(run, ptr(r1), (u32)r2, r3));
}

HELPER(probe_read_kernel_str)
{
	return result(mem_read_kernel_str(run, ptr(r1), (u32)r2, r3));
}

HELPER(probe_read_user)
{
	return result(mem_read_user(run, ptr(r1), (u32)r2, r3));
}

HELPER(probe_read_user_str)
{
	return result(mem_read_user_str(run, ptr(r1), (u32)r2, r3));
}

HELPER(copy_from_user)
{
	return result(mem_read_user(run, ptr(r1), (u32)r2, r3));
}

HELPER(probe_write_user)
{
	if (!run->task->ops->write)
		return result(-EPERM);
	return result(run->task->ops->write(run->task, r1, ptr(r2), (u32)r3) ? -EFAULT : 0);
}

/* (s1, s1_size, s2): s1 need not be terminated within s1_size. */
HELPER(strncmp)
{
	const u8 *a = ptr(r1), *b = ptr(r3);

	for (u32 i = 0; i < (u32)r2; i++) {
		if (a[i] != b[i])
			return result(a[i] < b[i] ? -1 : 1);
		if (!a[i])
			break;
	}
	return 0;
}

enum { MAX_DIGITS = 63 }; /* the kernel looks at so many characters */

static bool is_digit(char c, u32 base)
{
	return (u32)c - '0' < min(base, 10u) || ((u32)c | 32) - 'a' < max(base, 10u) - 10;
}

/* Base 0 goes by the prefix, which needs a hex digit after 0x; base 16 skips a 0x. */
static u32 radix(const char *text, u64 len, u32 base, u64 *at)
{
	bool prefix = *at + 1 < len && text[*at] == '0' && (text[*at + 1] | 32) == 'x';

	if (!base && prefix && *at + 2 < len && is_digit(text[*at + 2], 16))
		base = 16;
	else if (!base)
		base = *at < len && text[*at] == '0' ? 8 : 10;
	*at += base == 16 && prefix ? 2 : 0;
	return base;
}

/* Digits of a number at text[0..len): how many characters make it up, or -EINVAL, -ERANGE. */
static s64 parse(const char *text, u64 len, u64 flags, u64 *value, bool *negative)
{
	u32 base = (u32)(flags & 0x1f);
	u64 at = 0, start;

	if (!len || flags & ~0x1full || (base != 0 && base != 8 && base != 10 && base != 16))
		return -EINVAL;
	while (at < len && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r')))
		at++;
	*negative = at < len && text[at] == '-';
	at += *negative;
	len = min(len, at + MAX_DIGITS);
	base = radix(text, len, base, &at);
	*value = 0;
	for (start = at; at < len; at++) {
		u32 digit = text[at] <= '9' ? (u32)text[at] - '0' : ((u32)text[at] | 32) - 'a' + 10;

		if (!is_digit(text[at], base))
			break;
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return -ERANGE;
	}
	return at == start ? -EINVAL : (s64)at;
}

/* (buf, buf_len, flags, result) */
HELPER(strtol)
{
	u64 value = 0, limit;
	bool negative = false;
	s64 len = parse(ptr(r1), r2, r3, &value, &negative);

	*(s64 *)ptr(r4) = 0;
	limit = negative ? 1ull << 63 : (1ull << 63) - 1;
	if (len >= 0 && value > limit)
		len = -ERANGE;
	if (len >= 0)
		*(u64 *)ptr(r4) = negative ? -value : value;
	return result(len);
}

HELPER(strtoul)
{
	u64 value = 0;
	bool negative = false;
	s64 len = parse(ptr(r1), r2, r3, &value, &negative);

	*(u64 *)ptr(r4) = 0;
	if (len >= 0 && negative)
		len = -EINVAL;
	if (len >= 0)
		*(u64 *)ptr(r4) = value;
	return result(len);
}
