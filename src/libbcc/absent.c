// SPDX-License-Identifier: BSD-2-Clause
/*
 * What of the ABI is not there: each function says its name and fails, errno ENOSYS. Below, those
 * whose honest answer is that there is nothing.
 */
#include "libbcc/libbcc.h"

#include <errno.h>

static void tell(const char *name, const char *instead)
{
	fprintf(stderr, "bpf: skep's libbcc has no %s(): %s\n", name, instead);
	errno = ENOSYS;
}

#define ABSENT(type, value, name, instead) \
	ABI type name(void);               \
	ABI type name(void)                \
	{                                  \
		tell(#name, instead);      \
		return value;              \
	}
#include "libbcc/absent.def"

/* Made when the module is imported; symbols by build id are not resolved. */
ABI void *bcc_buildsymcache_new(void)
{
	static char nothing;

	return &nothing;
}
ABI void bcc_free_buildsymcache(void *cache)
{
	(void)cache;
}

/* The compiler is a process and gone. */
ABI int bcc_free_memory(void)
{
	return 0;
}

/* Of interpreters nothing is known. */
ABI const char *bcc_procutils_language(int pid)
{
	(void)pid;
	return NULL;
}
