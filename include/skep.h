/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep: Linux's eBPF subsystem as an ordinary library.
 *
 * Every function returns 0 or a count, or a negative errno; nothing is printed, nothing exits.
 * Structures that may grow begin with size_t sz = sizeof(the struct).
 */
#ifndef SKEP_H
#define SKEP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_API __attribute__((visibility("default")))

union bpf_attr;
struct skep;	/* one instance: objects, ids, pins, event sources; no global state */

/* Where the library's words for a person go: len bytes of text, not NUL-terminated. */
typedef void (*skep_log_fn)(void *arg, const char *text, size_t len);

struct skep_opts {
	size_t sz;
	skep_log_fn log;	/* diagnostics; NULL: none */
	void *log_arg;
	unsigned int nr_cpus;	/* CPU slots; 0: the machine's possible CPUs */
	const char *btf;	/* kernel BTF; NULL: /sys/kernel/btf/vmlinux */
};

SKEP_API int skep_new(struct skep **out, const struct skep_opts *opts);
SKEP_API void skep_free(struct skep *skep);

/* bpf(2) for the calling process, answered by skep: cmd, attr and size as there; >= 0 or -errno. */
SKEP_API int skep_bpf(struct skep *skep, int cmd, union bpf_attr *attr, unsigned int size);

SKEP_API const char *skep_version(void);

#ifdef __cplusplus
}
#endif
#endif
