/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_snprintf and bpf_strncmp beside the kernel's: every conversion with its flags, widths and sizes of number, cut
 * at every length, wrong formats, counts of arguments; the verdict of a load, what the helper returns and all bytes
 * that it leaves. Addresses that each side hashes or names in its own way are left out.
 */
#include "both.h"
#include "text.h"

enum { OUT = 128, STRINGS = 64 };

static void address(struct text *t, int reg, int map, int off)
{
	emit(t, BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_VALUE, 0, map);
	emit(t, 0, 0, 0, 0, off);
}

/* A one-element array that holds the bytes; frozen for programs to take as constant. */
static int filled(struct ask *ask, const void *bytes, unsigned int size, int constant)
{
	unsigned int key = 0;
	int fd = BPF(ask, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4,
		     .value_size = size, .max_entries = 1,
		     .map_flags = constant ? BPF_F_RDONLY_PROG : 0);

	BPF(ask, BPF_MAP_UPDATE_ELEM, .map_fd = (__u32)fd, .key = PTR(&key), .value = PTR(bytes));
	if (constant)
		BPF(ask, BPF_MAP_FREEZE, .map_fd = (__u32)fd);
	return fd;
}

/* Loads and runs it; notes the verdict and r0. */
static void run_noted(struct ask *ask, struct text *t)
{
	union bpf_attr attr = { 0 };
	int fd;

	emit(t, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = BPF(ask, BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		 .insns = PTR(t->insns), .insn_cnt = t->count, .license = PTR("GPL"));
	note_fd(ask, "load", fd);
	if (fd < 0)
		return;
	attr.test.prog_fd = (__u32)fd;
	note(ask, "run", ask_bpf(ask, BPF_PROG_TEST_RUN, &attr, sizeof(attr)));
	note(ask, "r0", (int)attr.test.retval);
	close(fd);
}

/* An argument: a number, or the address of text in the strings' map. */
struct arg {
	__u64 value;
	const char *text;
};

struct call {
	const char *format;
	int count;
	struct arg args[3];
};

/* snprintf(out, size, format, args, 8 * count) */
static void print(struct ask *ask, const struct call *call, unsigned int size, int bytes)
{
	char format[64] = "", strings[STRINGS] = "";
	__u64 before[OUT / 8], after[OUT / 8];
	unsigned int key = 0, at = 0;
	struct text t = { .count = 0 };
	int maps[3];

	memset(before, 0xa5, sizeof(before));
	strcpy(format, call->format);
	for (int i = 0; i < call->count; i++)
		if (call->args[i].text)
			strcpy(strings + i * 20, call->args[i].text);
	maps[0] = filled(ask, before, OUT, 0);
	maps[1] = filled(ask, format, sizeof(format), 1);
	maps[2] = filled(ask, strings, sizeof(strings), 0);
	for (int i = 0; i < 3; i++, at += 8) {
		if (call->args[i].text)
			address(&t, 1, maps[2], i * 20);
		else
			number(&t, 1, call->args[i].value);
		emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, (int)at - 24, 0);
	}
	address(&t, 1, maps[0], 0);
	number(&t, 2, size);
	address(&t, 3, maps[1], 0);
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_X, 4, 10, 0, 0);
	emit(&t, BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, -24);
	number(&t, 5, (__u64)bytes);
	emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_snprintf);
	run_noted(ask, &t);
	BPF(ask, BPF_MAP_LOOKUP_ELEM, .map_fd = (__u32)maps[0], .key = PTR(&key),
	    .value = PTR(after));
	for (int i = 0; i < OUT / 8; i++)
		note(ask, call->format, (long long)after[i]);
	for (int i = 0; i < 3; i++)
		close(maps[i]);
}

#define N(number)               \
	{                       \
		.value = number \
	}
#define T(string)              \
	{                      \
		.text = string \
	}

static const struct call calls[] = {
	{ "", 0, { N(0) } },
	{ "plain", 0, { N(0) } },
	{ "100%%", 0, { N(0) } },
	{ "%d %i %u", 3, { N(-1ull), N(1ull << 31), N(-1ull) } },
	{ "%x %X %x", 3, { N(0xabcdef), N(0xabcdef), N(-1ull) } },
	{ "%ld %lu %lx", 3, { N(-5ull), N(-5ull), N(-5ull) } },
	{ "%lld %llu %llx", 3, { N(1ull << 63), N(-1ull), N(-1ull) } },
	{ "%li %lli %lX", 3, { N(-7ull), N(-7ull), N(-7ull) } },
	{ "%hd %hhd %hu", 3, { N(0x18000), N(0x180), N(0x1ffff) } },
	{ "[%5d][%-5d][%05d]", 3, { N(42), N(42), N(42) } },
	{ "[%5d][%-5d][%05d]", 3, { N(-42ull), N(-42ull), N(-42ull) } },
	{ "[%+d][% d][%#x]", 3, { N(42), N(42), N(42) } },
	{ "[%+5d][%- 5d][%#08x]", 3, { N(42), N(42), N(42) } },
	{ "[%010lld][%-20lluX]", 2, { N(-12ull), N(99) } },
	{ "[%3d][%1d][%0d]", 3, { N(123456), N(123456), N(0) } },
	{ "[%-+5d][%+-5d][%0-5d]", 3, { N(1), N(1), N(1) } },
	{ "%99d", 1, { N(1) } },
	{ "%200d", 1, { N(1) } },
	{ "%.3d", 1, { N(1) } },
	{ "%*d", 2, { N(5), N(1) } },
	{ "%o", 1, { N(8) } },
	{ "[%c][%5c][%-3c]", 3, { N('a'), N('b'), N('c') } },
	{ "[%c]", 1, { N(0) } },
	{ "[%c]", 1, { N(0x1ff) } },
	{ "%lc", 1, { N('a') } },
	{ "[%s][%10s][%-10s]", 3, { T("one"), T("two"), T("three") } },
	{ "[%2s]", 1, { T("longer") } },
	{ "[%.2s]", 1, { T("longer") } },
	{ "[%s]", 1, { T("") } },
	{ "[%s]", 1, { N(0) } },
	{ "[%s]", 1, { N(0x10) } },
	{ "[%pks]", 1, { T("kernel") } },
	{ "[%10pks]", 1, { T("kernel") } },
	{ "[%-10pks|%d]", 2, { T("kernel"), N(3) } },
	{ "[%pus]", 1, { N(0) } },
	{ "[%px]", 1, { N(0x1234) } },
	{ "[%px][%20px]", 2, { N(0), N(-1ull) } },
	{ "[%-20px]", 1, { N(0xffff) } },
	{ "[%pi4][%pI4]", 2, { T("\x7f\1\2\3"), T("\xff\1\xfe\3") } },
	{ "[%pi6]", 1, { T("\x20\1\x0d\xb8zzzzyyyyxxxx") } },
	{ "[%pI6]", 1, { T("\x20\1\x0d\xb8zzzzyyyyxxxx") } },
	{ "[%pI6c]", 1, { T("\x20\1\x0d\xb8zzzzyyyyxxxx") } },
	{ "[%pi4h]", 1, { T("\x7f\1\2\3") } },
	{ "[%20pi4]", 1, { T("\x7f\1\2\3") } },
	{ "[%pI4]", 1, { N(0) } },
	{ "[%pi5]", 1, { T("\x7f\1\2\3") } },
	{ "[%pi]", 1, { T("\x7f\1\2\3") } },
	{ "[%px12z]", 1, { N(0x1234) } },
	{ "[%pi4x%d]", 2, { T("\x7f\1\2\3"), N(5) } },
	{ "[%pks%%]", 1, { T("a") } },
	{ "[%pE]", 1, { T("abc") } },
	{ "[%pks%s]", 2, { T("a"), T("b") } },
	{ "[%s%d]", 2, { T("a"), N(5) } },
	{ "[%d%d%d]", 3, { N(1), N(2), N(3) } },
	{ "%d%%%d", 2, { N(1), N(2) } },
	{ "%", 0, { N(0) } },
	{ "a%", 0, { N(0) } },
	{ "%5", 0, { N(0) } },
	{ "%l", 1, { N(0) } },
	{ "%ll", 1, { N(0) } },
	{ "%llld", 1, { N(7) } },
	{ "%h", 1, { N(0) } },
	{ "%hhhd", 1, { N(7) } },
	{ "%zd", 1, { N(7) } },
	{ "%td", 1, { N(7) } },
	{ "%jd", 1, { N(7) } },
	{ "%Ld", 1, { N(7) } },
	{ "%n", 1, { N(0) } },
	{ "%e", 1, { N(0) } },
	{ "%f", 1, { N(0) } },
	{ "%y", 1, { N(0) } },
	{ "%5%", 0, { N(0) } },
	{ "%-%", 0, { N(0) } },
	{ "% %", 0, { N(0) } },
	{ "%l%", 0, { N(0) } },
	{ "%0", 1, { N(0) } },
	{ "tab\tnewline\n", 0, { N(0) } },
	{ "\x01%d", 1, { N(1) } },
	{ "\x7f", 0, { N(0) } },
	{ "\x80", 0, { N(0) } },
	{ "%d\xff", 1, { N(1) } },
	{ "%ls", 1, { T("wide") } },
	{ "%lp", 1, { N(1) } },
	{ "%hs", 1, { T("x") } },
	{ "%pB", 1, { N(0) } },
	{ "%ps", 1, { N(0) } },
	{ "%pS", 1, { N(0x10) } },
};

static void formats(struct ask *ask)
{
	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		ask->key = (long)i;
		print(ask, &calls[i], OUT, 8 * calls[i].count);
	}
}

static void lengths(struct ask *ask)
{
	static const char *const texts[] = { "plain text", "%d and %s!", "%px", "%llx%pI4",
					     "%%%c" };

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (unsigned int j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			static const struct arg args[][3] = {
				{ N(0) },	 { N(12345), T("string") },
				{ N(0xabcdef) }, { N(-1ull), T("\1\2\3\4") },
				{ N('c') },
			};
			static const int counts[] = { 0, 2, 1, 2, 1 };
			struct call call = { .format = texts[j], .count = counts[j] };

			if (i > 24)
				return;
			memcpy(call.args, args[j], sizeof(call.args));
			ask->key = (long)i;
			print(ask, &call, i, 8 * call.count);
		}
}

static void arguments(struct ask *ask)
{
	static const struct call two = { "%d %d", 3, { N(1), N(2), N(3) } };
	static const int bytes[] = { 0, 8, 16, 24, 4, 12, 17, 104 };

	for (unsigned int i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		ask->key = bytes[i];
		print(ask, &two, OUT, bytes[i]);
	}
	for (unsigned int size = OUT; size < OUT + 2; size++)
		print(ask, &two, size, 16);
}

/* strncmp(s1 on the stack, size, s2 constant) */
static void compare(struct ask *ask, const char *one, unsigned int len, unsigned int size,
		    const char *two)
{
	char constant[32] = "", bytes[16] = "";
	struct text t = { .count = 0 };
	__u64 word;
	int map;

	strcpy(constant, two);
	memcpy(bytes, one, len);
	map = filled(ask, constant, sizeof(constant), 1);
	for (int i = 0; i < 2; i++) {
		memcpy(&word, bytes + 8 * i, 8);
		number(&t, 1, word);
		emit(&t, BPF_STX | BPF_MEM | BPF_DW, 10, 1, 8 * i - 16, 0);
	}
	emit(&t, BPF_ALU64 | BPF_MOV | BPF_X, 1, 10, 0, 0);
	emit(&t, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, -16);
	number(&t, 2, size);
	address(&t, 3, map, 0);
	emit(&t, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_strncmp);
	run_noted(ask, &t);
	close(map);
}

static void comparisons(struct ask *ask)
{
	static const struct {
		const char *text;
		unsigned int len;
	} texts[] = { { "", 0 },     { "a", 1 },	{ "ab", 2 },
		      { "abc", 3 },  { "abd", 3 },	{ "ab\0c", 4 },
		      { "\xff", 1 }, { "\x7f\x80", 2 }, { "abcdefghijklmno", 15 },
		      { "B", 1 } };
	static const unsigned int sizes[] = { 0, 1, 2, 3, 4, 8, 16, 17 };

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (unsigned int j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
			for (unsigned int k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
				ask->key = (long)(i * 1000 + j * 100 + sizes[k]);
				compare(ask, texts[i].text, texts[i].len, sizes[k], texts[j].text);
			}
}

int main(void)
{
	both("snprintf: formats", formats);
	both("snprintf: cut at every length", lengths);
	both("snprintf: counts of arguments", arguments);
	both("strncmp", comparisons);
	return done();
}
