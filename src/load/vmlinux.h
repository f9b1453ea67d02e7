/* SPDX-License-Identifier: BSD-2-Clause */
/* The running kernel's types as C, from its BTF: what stands for its header files. */
#ifndef LOAD_VMLINUX_H
#define LOAD_VMLINUX_H

#include "load/cache.h"
#include "util/log.h"

enum { VMLINUX_ID_MAX = 256 };

/* What tells this kernel's types from another's, without reading them: its build id or its version. */
void vmlinux_id(char id[VMLINUX_ID_MAX]);

/*
 * Every type of /sys/kernel/btf/vmlinux as C text (about 3 MB, malloc'd, with NUL), records with the attribute
 * that has clang write CO-RE relocations. taken: names, a line each, that the program makes itself: those
 * types are called NAME___kernel here, which CO-RE takes for NAME. -ENOENT and so on where the kernel has no BTF, told in the log.
 */
int vmlinux_text(const char *taken, char **text, size_t *len, struct log *log);

/*
 * The folder of a vmlinux.h of the running kernel, for programs that bring none: in the cache, whether there is a cache or not.
 * 0, or -errno where it cannot be (no home folder).
 */
int vmlinux_folder(char folder[CACHE_PATH]);
/* Writes that vmlinux.h if it is not there yet. 0 or -errno, not told: a program that needs it hears from the compiler. */
int vmlinux_write(const char *folder);

#endif
