// SPDX-License-Identifier: BSD-2-Clause
/* A statically linked command: nothing can be preloaded into it, and skep sees it all the same. */
#include <unistd.h>

int main(void)
{
	return write(1, "hello from a static program\n", 28) != 28;
}
