/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a tree is stopped at before anybody is attached to it: a list of words for a person to
 * write. System calls go by their own name or by that of their function in the kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "event/life.h"
#include "event/names.h"

static const struct call {
	const char *name, *function;
} calls[SYSCALL_MAX] = {
#define SYSCALL(nr, name, function) [nr] = { #name, #function },
#include "event/syscall.def"
#undef SYSCALL
};

/* Process life, opening of files, connections, prctl and set*id: what the default watches. */
static const char *const usual[] = {
	"execve",     "execveat",  "clone",	"clone3",  "fork",   "vfork",
	"exit_group", "open",	   "openat",	"openat2", "creat",  "connect",
	"accept",     "accept4",   "prctl",	"setuid",  "setgid", "setreuid",
	"setregid",   "setresuid", "setresgid", "kill",
};

static s32 find(const char *name)
{
	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		if (calls[nr].name &&
		    (!strcmp(calls[nr].name, name) || !strcmp(calls[nr].function, name)))
			return nr;
	return -ENOENT;
}

static int unknown(struct log *log, const char *word)
{
	const char *names[SYSCALL_MAX];

	for (s32 nr = 0; nr < SYSCALL_MAX; nr++)
		names[nr] = calls[nr].name;
	say(log, "watch: no system call %s", word);
	names_suggest(log, word, "", names, SYSCALL_MAX);
	return fail(log, -EINVAL, "%s", "");
}

static void add_all(struct syscall_set *set)
{
	for (u32 nr = 0; nr < SYSCALL_MAX; nr++)
		syscall_set_add(set, nr);
}

static int add_word(struct watch *watch, const char *word, struct log *log)
{
	bool leaves = !strncmp(word, "exit:", 5);
	struct syscall_set *set = leaves ? &watch->calls.leave : &watch->calls.enter;
	const char *name = leaves ? word + 5 : word;
	s32 nr;

	if (!strcmp(word, "life")) {
		watch->lives = (1u << LIVES) - 1;
		return 0;
	}
	if (!strcmp(name, "all")) {
		add_all(set);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(usual) && !strcmp(name, "default"); i++) {
		nr = find(usual[i]);
		if (nr >= 0)
			syscall_set_add(set, (u32)nr);
	}
	if (!strcmp(name, "default"))
		return 0;
	nr = find(name);
	if (nr < 0)
		return unknown(log, name);
	syscall_set_add(set, (u32)nr);
	return 0;
}

int watch_parse(struct watch *watch, const char *list, struct log *log)
{
	char word[64];

	*watch = (struct watch){ .lives = 0 };
	while (*list) {
		size_t len = strcspn(list, ",");
		int err;

		snprintf(word, sizeof(word), "%.*s", (int)min(len, sizeof(word)), list);
		err = len ? add_word(watch, word, log) : 0;
		if (err)
			return err;
		list += len + (list[len] == ',');
	}
	return 0;
}
