// SPDX-License-Identifier: BSD-2-Clause
/*
 * Under skep run: when the command has ended, the Python program gets SIGINT, as from a user's Ctrl-C. One
 * that does not catch KeyboardInterrupt then ends without the traceback.
 *
 * The interpreter is reached by name (it exports its own C interface); where it is not there nothing is done.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "libbcc/attach.h"
#include "libbcc/libbcc.h"

bool answer_is_skep(void)
{
	const char *answer = getenv("SKEP_RUN");

	return answer && !strcmp(answer, "skep");
}

static int (*run_string)(const char *text, void *flags);

/* Called by the interpreter, on its main thread, between two instructions. */
static int set_hook(void *arg)
{
	(void)arg;
	run_string(
		"(lambda s: setattr(s, 'excepthook', (lambda h: lambda t, v, b: None if t is KeyboardInterrupt "
		"else h(t, v, b))(s.excepthook)))(__import__('sys'))",
		NULL);
	return 0;
}

static __attribute__((constructor)) void under_skep(void)
{
	int (*add_call)(int (*call)(void *), void *arg);

	if (!getenv("SKEP_RUN"))
		return;
	add_call = (int (*)(int (*)(void *), void *))dlsym(RTLD_DEFAULT, "Py_AddPendingCall");
	run_string = (int (*)(const char *, void *))dlsym(RTLD_DEFAULT, "PyRun_SimpleStringFlags");
	if (add_call && run_string)
		add_call(set_hook, NULL);
}
