/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of addresses: the kernel's (symbols.c) and those of processes and files (process.c). */
#ifndef LIBBCC_SYMBOLS_H
#define LIBBCC_SYMBOLS_H

#include "util/types.h"

/* As bcc's libbcc.py declares it. Strings live as long as the cache that gave them. */
struct bcc_symbol {
	const char *name, *demangled, *module;
	u64 offset; /* from the symbol's start; where there is no name, in the module */
};

/* The symbol at or before an address: 0, or -1. */
int kernel_resolve(u64 address, struct bcc_symbol *out);
int kernel_resolve_name(const char *name, u64 *address);

/* A process's functions by the files it has mapped. NULL: no memory; a process that is gone resolves nothing. */
struct process;
struct process *process_open(int pid);
void process_close(struct process *process);
void process_refresh(struct process *process);
int process_resolve(struct process *process, u64 address,
		    struct bcc_symbol *out); /* 0, or -1 and what is known of the module */
int process_resolve_name(struct process *process, const char *module, const char *name,
			 u64 *address);

/* A library or program by its name ("c", "python3", a path): malloc'd, or NULL. */
char *find_file(const char *name);

#endif
