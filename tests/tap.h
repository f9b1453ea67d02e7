/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP for C tests: ok(condition, "what %s", …); skip("why"); return done(); */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static int tap_ok(int good, const char *file,
								int line, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!good) {
		tap_failed++;
		printf("# at %s:%d\n", file, line);
	}
	fflush(stdout);
	return good;
}
#define ok(cond, ...) tap_ok(!!(cond), __FILE__, __LINE__, __VA_ARGS__)
/* Equality of integers, both shown when they differ. */
#define is(got, want, ...)                                                                  \
	({                                                                                  \
		long long is_got = (long long)(got), is_want = (long long)(want);           \
		if (!ok(is_got == is_want, __VA_ARGS__))                                    \
			printf("# got %lld (0x%llx), want %lld (0x%llx)\n", is_got, is_got, \
			       is_want, is_want);                                           \
		is_got == is_want;                                                          \
	})
/* One test that could not run here, with the reason. */
__attribute__((unused)) static void skip(const char *why)
{
	printf("ok %d # SKIP %s\n", ++tap_count, why);
}
__attribute__((unused)) static int done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
