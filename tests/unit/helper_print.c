/* SPDX-License-Identifier: BSD-2-Clause */
/* Formats: texts and results are what Linux 6.18's bpf_trace_printk gave for the same calls. */
#include "run.h"
#include "tap.h"

static const char plain[] = "plain", address[] = "d=%d u=%u x=%lx|";

struct want {
	const char *format;
	u64 args[3];
	s64 result;
	const char *text; /* NULL: nothing printed */
};

#define A(p) ((u64)(uintptr_t)(p))

static const struct want wants[] = {
	{ "plain", { 0 }, 5, "plain" },
	{ "nl\n", { 0 }, 3, "nl\n" },
	{ "", { 0 }, 0, "" },
	{ "d=%d u=%u x=%lx|", { -5ull, 7, -1ull }, 28, "d=-5 u=7 x=ffffffffffffffff|" },
	{ "%px|%p|", { 0x1234, 0 }, 34, "0000000000001234|0000000000000000|" },
	{ "%05d|%-6x|%+d|", { 42, 43, 44 }, 17, "00042|2b    |+44|" },
	{ "%c%c%c|", { 'a', 'b', 'c' }, 4, "abc|" },
	{ "%n", { 0 }, -EINVAL, NULL },
	{ "%%|%ld|%llu|%hd", { 0 }, -EINVAL, NULL },
	{ "%%|%ld|%llu|% d", { -3ull, -4ull, -5ull }, 28, "%|-3|18446744073709551612|-5" },
	{ "\xc3\xa9 utf8 %d", { -3ull }, 10, "\xc3\xa9 utf8 -3" },
	{ "%s|%s|%ps", { 0, 8, 16 }, 6, "||0x10" },
	{ "%X %i %lX", { 0xabc, -8ull, 0xabc }, 10, "ABC -8 ABC" },
	{ "%pS|%pB", { 0x456, 0x789 }, 11, "0x456|0x789" },
	{ "%d %d %d %d", { 0 }, -EINVAL, NULL },
	{ "\t\v\x01", { 0 }, -EINVAL, NULL },
	{ "\x7f", { 0 }, -EINVAL, NULL },
	{ "%-20p|%20px", { 0, 7 }, 41, "0                   |                   7" },
	{ "%", { 0 }, -EINVAL, NULL },
	{ "%-+5d|%+-5d|%0 5d", { 5, 6, 7 }, 17, "+5   |+6   | 0007" },
	{ "%d\xa0", { 1 }, 2, "1\xa0" },
	{ "%s\xff", { 0 }, -EINVAL, NULL },
	{ "%s\xb5", { 0 }, 1, "\xb5" },
	{ "%5c|", { 'q' }, 6, "    q|" },
	{ "%x %u", { -1ull, -1ull }, 19, "ffffffff 4294967295" },
};

static void check(const struct want *want, const u64 args[3])
{
	const char *tail;
	s64 got;
	char expected[256];

	run_traced[0] = 0;
	got = CALL5(BPF_FUNC_trace_printk, want->format, strlen(want->format) + 1, args[0], args[1],
		    args[2]);
	is(got, want->result, "%.40s", want->format[0] < 32 ? "(control)" : want->format);
	if (!want->text) {
		is(run_traced[0], 0, "nothing is printed");
		return;
	}
	snprintf(expected, sizeof(expected), ": bpf_trace_printk: %s\n", want->text);
	tail = strstr(run_traced, ": bpf_trace_printk: ");
	if (!ok(tail && !strcmp(tail, expected), "text"))
		printf("# got %s# want %s", tail ? tail : "(none)\n", expected);
}

static void line(void)
{
	unsigned long secs, micros;
	int used = 0;

	CALL(BPF_FUNC_trace_printk, plain, sizeof(plain), 0);
	ok(!strncmp(run_traced, "            bees-43      [000] ..... ", 36), "line: %.36s",
	   run_traced);
	is(sscanf(run_traced + 36, "%lu.%6lu: bpf_trace_printk: plain%n", &secs, &micros, &used), 2,
	   "line: time");
	ok(used && !strcmp(run_traced + 36 + used, "\n"), "line: text and end");
}

static void limits(void)
{
	static char big[600];
	s64 args[2] = { 5, 7 };
	char out[8] = "zzzzzzz";
	const char *text;

	memset(big, 'x', sizeof(big) - 1);
	run_slot.regions[0] = (struct run_region){ A(big), big, sizeof(big) };
	run_slot.nr_regions = 1;
	is(CALL5(BPF_FUNC_trace_printk, "%s", 3, big, 0, 0), 511, "a string is cut to 511");
	is(CALL5(BPF_FUNC_trace_printk, "%s|%d", 6, big, 1, 0), -ENOSPC,
	   "and leaves no room for more");
	is(CALL5(BPF_FUNC_trace_printk, "%1000d|", 8, 5, 0, 0), 1001, "a wide number");
	is(CALL5(BPF_FUNC_trace_printk, "%2000d|%1200d", 14, 5, 6, 0), 3201,
	   "the length is of the whole text");
	text = strstr(run_traced, "printk: ");
	is(text ? strlen(text) - 9 : 0, 1023, "but 1023 bytes are shown");
	is(CALL5(BPF_FUNC_trace_printk, "%9999999d", 10, 1, 0, 0), 8388607, "width is limited");
	is(CALL5(BPF_FUNC_trace_printk, "%d", 2, 1, 0, 0), -EINVAL, "a format without its NUL");
	is(CALL5(BPF_FUNC_snprintf, out, 4, "ab%d", args, 8), 4, "snprintf counts the NUL");
	ok(!memcmp(out, "ab5\0zzz", 8), "… and fits");
	is(CALL5(BPF_FUNC_snprintf, out, 3, "ab%d", args, 8), 4, "snprintf that does not fit");
	ok(!memcmp(out, "ab\0\0zzz", 8), "… is cut");
	is(CALL5(BPF_FUNC_snprintf, 0, 0, "ab%d", args, 8), 4, "snprintf into nothing");
	is(CALL5(BPF_FUNC_trace_vprintk, "%d %d", 6, args, 16, 0), 3, "vprintk");
	is(CALL5(BPF_FUNC_trace_vprintk, "%d %d", 6, args, 12, 0), -EINVAL,
	   "vprintk: bytes of arguments");
}

int main(void)
{
	struct want ip4 = {
		"%pI4|%pi4|%pI6",
		{ 0 },
		70,
		"112.108.97.105|112.108.097.105|643d:2564:2075:3d25:7520:783d:256c:787c"
	};
	struct want ip6 = { "%pi6|", { 0 }, 33, "643d256420753d257520783d256c787c|" };
	struct want strings = { "%10s|%-10s|%5c", { 0 }, 27, "     plain|plain     |    q" };
	struct want kinds = { "%pks|%pus|%s", { 0 }, 12, "plain|plain|" };

	run_slot.regions[0] = (struct run_region){ A(plain), plain, sizeof(plain) };
	run_slot.regions[1] = (struct run_region){ A(address), address, sizeof(address) };
	run_slot.nr_regions = 2;
	for (u32 i = 0; i < ARRAY_SIZE(wants); i++)
		check(&wants[i], wants[i].args);
	check(&ip4, (u64[]){ A(plain), A(plain), A(address) });
	check(&ip6, (u64[]){ A(address), 0, 0 });
	check(&strings, (u64[]){ A(plain), A(plain), 'q' });
	check(&kinds, (u64[]){ A(plain), A(plain), 8 });
	line();
	limits();
	return done();
}
