/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_trace_printk, bpf_trace_vprintk, bpf_snprintf: the kernel's format rules and its trace line.
 *
 * %d %i %u %x %X with l and ll, %c, %s %pks %pus, %p %px %pK %ps %pS %pB, %p{i,I}{4,6}, %%, flags
 * "0+- " and a width; anything else is -EINVAL. All arguments but strings and addresses are values, so
 * one pass both checks and writes; the kernel's 512-byte store of arguments is counted along, since
 * what exceeds it is -ENOSPC there. Pointers of plain %p are shown hashed.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "helper/body.h"
#include "util/hash.h"

enum {
	BIN_ARGS = 512,
	MAX_ARGS = 12, /* of the variants that take an array */
	TRACE_TEXT = 1024,
	MAX_WIDTH = (1 << 23) - 1,
};

/* Text that is cut at end but counted on. */
struct out {
	char *at, *end;
	u64 len;
	u64 size; /* what the program gave, with room for the NUL */
};

struct spec {
	bool zero, plus, minus, space;
	u32 width;
	char kind; /* d u x X p */
};

struct format {
	struct run *run;
	const char *at, *end;
	const u64 *args;
	u32 nr_args, used;
	u32 bin; /* bytes of the kernel's argument store used */
};

static inline void put(struct out *out, char c)
{
	out->len++;
	if (out->at < out->end)
		*out->at++ = c;
}

static void put_text(struct out *out, const char *text, size_t len)
{
	size_t room = min(len, (size_t)(out->end - out->at));

	if (room) /* out->at may be NULL where only the length is wanted */
		memcpy(out->at, text, room);
	out->at += room;
	out->len += len;
}

static void pad(struct out *out, char c, u32 count)
{
	size_t room = min((size_t)count, (size_t)(out->end - out->at));

	if (room)
		memset(out->at, c, room);
	out->at += room;
	out->len += count;
}

/* Text that Linux keeps ready behind %p: no width counts, and beyond the end its length does not count either. */
static void put_ready(struct out *out, const char *text, size_t len)
{
	if (out->len < out->size)
		put_text(out, text, len);
}

static void put_padded(struct out *out, const char *text, size_t len, const struct spec *spec)
{
	u32 fill = spec->width > len ? spec->width - (u32)len : 0;

	if (!spec->minus)
		pad(out, ' ', fill);
	put_text(out, text, len);
	if (spec->minus)
		pad(out, ' ', fill);
}

/* Digits end at end; returns where they start. */
static char *digits(char *end, u64 value, u32 base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	if (base == 16) {
		do
			*--end = set[value & 15];
		while (value >>= 4);
	} else {
		do
			*--end = (char)('0' + value % 10);
		while (value /= 10);
	}
	return end;
}

static void put_number(struct out *out, u64 value, const struct spec *spec)
{
	bool is_signed = spec->kind == 'd', hex = spec->kind != 'd' && spec->kind != 'u';
	char buf[24], *start, sign = 0;
	u32 len, fill;

	if (is_signed && (s64)value < 0) {
		sign = '-';
		value = -value;
	} else if (is_signed && (spec->plus || spec->space)) {
		sign = spec->plus ? '+' : ' ';
	}
	start = digits(buf + sizeof(buf), value, hex ? 16 : 10, spec->kind == 'X');
	len = (u32)(buf + sizeof(buf) - start) + !!sign;
	fill = spec->width > len ? spec->width - len : 0;
	if (!spec->minus && !spec->zero)
		pad(out, ' ', fill);
	if (sign)
		put(out, sign);
	if (!spec->minus && spec->zero)
		pad(out, '0', fill);
	put_text(out, start, (size_t)(buf + sizeof(buf) - start));
	if (spec->minus)
		pad(out, ' ', fill);
}

/* Kernel ctype for what may follow a conversion. Bytes from 0xa0 on are Latin-1 there. */
static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

/* Text beyond ASCII is let through unread. */
static bool is_print(u8 c)
{
	return (c >= 0x20 && c < 0x7f) || c >= 0x80;
}

static bool is_punct(u8 c)
{
	bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

	if (c >= 0xa0)
		return c < 0xc0 || c == 0xd7 || c == 0xf7;
	return c > ' ' && c < 0x7f && !alnum;
}

static bool ends_conversion(char c)
{
	return !c || is_space((u8)c) || is_punct((u8)c);
}

/* Counts an argument's place in the kernel's store. */
static int store(struct format *format, u32 size)
{
	format->bin = round_up(format->bin, 4) + size;
	return format->bin > BIN_ARGS ? -ENOSPC : 0;
}

static int put_string(struct format *format, struct out *out, const struct spec *spec, char source)
{
	u64 addr = format->args[format->used++];
	u32 room = BIN_ARGS - format->bin;
	char text[BIN_ARGS];
	s64 len;

	if (!room)
		return -ENOSPC;
	if (source == 'k')
		len = mem_read_kernel_str(format->run, text, room, addr);
	else if (source == 'u')
		len = mem_read_user_str(format->run, text, room, addr);
	else
		len = mem_read_any_str(format->run, text, room, addr);
	if (len < 1) {
		text[0] = 0;
		len = 1;
	}
	format->bin += (u32)len;
	if (source == 's')
		put_padded(out, text, (size_t)len - 1, spec);
	else
		put_ready(out, text, (size_t)len - 1);
	return 0;
}

static int put_ip(struct format *format, struct out *out, char variant, char version)
{
	u64 addr = format->args[format->used++];
	u32 size = version == '4' ? 4 : 16;
	u8 bytes[16];
	char text[48], *at = text;

	if (BIN_ARGS - format->bin < size)
		return -ENOSPC;
	if (mem_read_kernel(format->run, bytes, size, addr))
		memset(bytes, 0, sizeof(bytes));
	for (u32 i = 0; i < size; i++) {
		struct out part = { .at = at, .end = text + sizeof(text) };
		struct spec number = { .zero = true, .kind = 'u' };

		if (version == '6') {
			number.kind = 'x';
			number.width = 2;
		} else if (variant == 'i') {
			number.width = 3;
		}
		put_number(&part, bytes[i], &number);
		if (i + 1 < size && version == '4')
			put(&part, '.');
		else if (i + 1 < size && variant == 'I' && i % 2)
			put(&part, ':');
		at = part.at;
	}
	format->bin += (u32)(at - text) + 1;
	put_ready(out, text, (size_t)(at - text));
	return 0;
}

/* %p, %px, %pK: 16 digits unless a width is given; all but %px hide the value. */
static int put_pointer(struct format *format, struct out *out, struct spec *spec, char variant)
{
	u64 value = format->args[format->used++];
	int err = store(format, 8);

	if (variant == 's' || variant == 'S' || variant == 'B') {
		char text[24] = "0x";
		struct out part = { .at = text + 2, .end = text + sizeof(text) };

		put_number(&part, value, &(struct spec){ .kind = 'x' });
		if (variant == 'B')
			put_ready(out, text, (size_t)(part.at - text));
		else
			put_padded(out, text, (size_t)(part.at - text), spec);
		return variant == 'B' ? 0 : err;
	}
	if (variant != 'x' && value && value < -4095ull)
		value = (u32)hash_u64(value, 0x736b65702d707472ull);
	spec->kind = 'x';
	if (!spec->width) {
		spec->width = 16;
		spec->zero = true;
	}
	put_number(out, value, spec);
	return err;
}

/* Linux takes all letters and digits after %p for a part of the conversion. */
static void skip_alnum(struct format *format)
{
	while (!ends_conversion(*format->at))
		format->at++;
}

/* After "%p", at which format->at stands. */
static int convert_pointer(struct format *format, struct out *out, struct spec *spec)
{
	char first = *format->at, second = first ? format->at[1] : 0;

	if ((first == 'k' || first == 'u') && second == 's') {
		format->at += 2;
		return ends_conversion(*format->at) ? put_string(format, out, spec, first)
						    : -EINVAL;
	}
	if ((first == 'i' || first == 'I') && (second == '4' || second == '6')) {
		format->at += 2;
		skip_alnum(format);
		return put_ip(format, out, first, second);
	}
	if (first && strchr("KxsSB", first)) {
		format->at++;
		skip_alnum(format);
		return put_pointer(format, out, spec, first);
	}
	if (!ends_conversion(first))
		return -EINVAL;
	return put_pointer(format, out, spec, 0);
}

static int convert_number(struct format *format, struct out *out, struct spec *spec)
{
	u64 value = format->args[format->used++];
	u32 longs = 0;

	for (; longs < 2 && *format->at == 'l'; longs++)
		format->at++;
	spec->kind = *format->at++;
	switch (spec->kind) {
	case 'i':
		spec->kind = 'd';
		/* fallthrough */
	case 'd': value = longs ? value : (u64)(s64)(s32)value; break;
	case 'u':
	case 'x':
	case 'X': value = longs ? value : (u32)value; break;
	default: return -EINVAL;
	}
	put_number(out, value, spec);
	return store(format, longs ? 8 : 4);
}

static void parse_spec(struct format *format, struct spec *spec)
{
	for (;; format->at++) {
		if (*format->at == '0')
			spec->zero = true;
		else if (*format->at == '+')
			spec->plus = true;
		else if (*format->at == '-')
			spec->minus = true;
		else if (*format->at == ' ')
			spec->space = true;
		else
			break;
	}
	for (; *format->at >= '0' && *format->at <= '9'; format->at++)
		spec->width = min(spec->width * 10 + (u32)(*format->at - '0'), (u32)MAX_WIDTH);
}

/* After the '%'. */
static int convert(struct format *format, struct out *out)
{
	struct spec spec = { 0 };

	if (format->used >= format->nr_args)
		return -EINVAL;
	parse_spec(format, &spec);
	if (*format->at == 'p') {
		format->at++;
		return convert_pointer(format, out, &spec);
	}
	if (*format->at == 's') {
		format->at++;
		return ends_conversion(*format->at) ? put_string(format, out, &spec, 's') : -EINVAL;
	}
	if (*format->at == 'c') {
		char c = (char)format->args[format->used++];

		format->at++;
		if (format->bin++ >= BIN_ARGS)
			return -ENOSPC;
		put_padded(out, &c, 1, &spec);
		return 0;
	}
	return convert_number(format, out, &spec);
}

s64 print_format(struct run *run, char *text, u32 size, const char *fmt, u32 fmt_size,
		 const u64 *args, u32 nr_args)
{
	const char *end = memchr(fmt, 0, fmt_size);
	struct format format = {
		.run = run, .at = fmt, .end = end, .args = args, .nr_args = nr_args
	};
	struct out out = { .at = text, .end = size ? text + size - 1 : text, .size = size };

	if (!end)
		return -EINVAL;
	while (format.at < end) {
		char c = *format.at++;
		int err;

		if (!is_print((u8)c) && !is_space((u8)c))
			return -EINVAL;
		if (c == '%' && *format.at != '%') {
			err = convert(&format, &out);
			if (err)
				return err;
			continue;
		}
		format.at += c == '%';
		put(&out, c);
	}
	if (size)
		*out.at = 0;
	return (s64)out.len;
}

/* "            comm-pid     [cpu] .....  secs.micros: bpf_trace_printk: text\n", as trace_pipe shows it. */
static void trace_line(struct run *run, const char *text, size_t len)
{
	char line[TRACE_TEXT + 128], comm[16] = { 0 };
	struct out out = { .at = line, .end = line + sizeof(line) };
	u64 us = (time_now(CLOCK_MONOTONIC) + 500) / 1000;

	run->task->ops->comm(run->task, comm);
	put_padded(&out, comm, strnlen(comm, sizeof(comm)), &(struct spec){ .width = 16 });
	put(&out, '-');
	put_number(&out, run->task->pid, &(struct spec){ .width = 7, .minus = true, .kind = 'u' });
	put_text(&out, " [", 2);
	put_number(&out, run->cpu, &(struct spec){ .width = 3, .zero = true, .kind = 'u' });
	put_text(&out, "] ..... ", 8);
	put_number(&out, us / 1000000, &(struct spec){ .width = 5, .kind = 'u' });
	put(&out, '.');
	put_number(&out, us % 1000000, &(struct spec){ .width = 6, .zero = true, .kind = 'u' });
	put_text(&out, ": bpf_trace_printk: ", 20);
	put_text(&out, text, len);
	put(&out, '\n');
	run->ops->trace(run, line, (size_t)(out.at - line));
}

static s64 trace(struct run *run, const char *fmt, u32 fmt_size, const u64 *args, u32 nr_args)
{
	char text[TRACE_TEXT];
	s64 len = print_format(run, text, sizeof(text), fmt, fmt_size, args, nr_args);

	if (len >= 0 && run->ops->trace)
		trace_line(run, text, strnlen(text, sizeof(text)));
	return len;
}

/* (fmt, fmt_size, three arguments) */
HELPER(trace_printk)
{
	u64 args[3] = { r3, r4, r5 };

	return result(trace(run, ptr(r1), (u32)r2, args, 3));
}

static bool args_ok(u64 args, u32 bytes)
{
	return bytes % 8 == 0 && bytes <= MAX_ARGS * 8 && (!bytes || args);
}

/* (fmt, fmt_size, args, bytes of args) */
HELPER(trace_vprintk)
{
	if (!args_ok(r3, (u32)r4))
		return result(-EINVAL);
	return result(trace(run, ptr(r1), (u32)r2, ptr(r3), (u32)r4 / 8));
}

/* (out, size, fmt, args, bytes of args): the length with its NUL. fmt is a constant string of a read-only map. */
HELPER(snprintf)
{
	s64 len;

	if (!args_ok(r4, (u32)r5))
		return result(-EINVAL);
	len = print_format(run, ptr(r1), (u32)r2, ptr(r3), ~0u, ptr(r4), (u32)r5 / 8);
	return result(len < 0 ? len : len + 1);
}
