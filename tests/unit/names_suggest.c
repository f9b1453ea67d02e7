/* SPDX-License-Identifier: BSD-2-Clause */
/* A mistyped name is answered with the nearest ones, nearest first; nonsense with none. */
#include <string.h>

#include "event/names.h"
#include "tap.h"

static char said[256];

static void keep(void *arg, const char *text, size_t len)
{
	(void)arg;
	strncat(said, text, min(len, sizeof(said) - 1 - strlen(said)));
}

static const char *suggest(const char *name)
{
	static const char *const names[] = { "open",   NULL,	   "openat", "openat2",
					     "execve", "execveat", "read" };
	struct log log = { keep, NULL };

	said[0] = '\0';
	names_suggest(&log, name, "sys_", names, ARRAY_SIZE(names));
	return said;
}

int main(void)
{
	char longest[200];

	ok(!strcmp(suggest("execv"), "; nearest: sys_execve, sys_execveat"), "execv: %s", said);
	ok(!strcmp(suggest("opnat"), "; nearest: sys_openat, sys_openat2"), "opnat: %s", said);
	ok(!strcmp(suggest("do_sys_openat"), "; nearest: sys_openat, sys_open"),
	   "do_sys_openat: %s", said);
	ok(!strcmp(suggest("tcp_v4_connect"), ""), "nothing near: %s", said);
	ok(!strcmp(suggest(""), ""), "the empty name: %s", said);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ok(!strcmp(suggest(longest), ""), "a very long name");
	return done();
}
