// SPDX-License-Identifier: BSD-2-Clause
/* The version, as the Makefile states it. */
#include "skep.h"

SKEP_API const char *skep_version(void)
{
	return SKEP_VERSION;
}
