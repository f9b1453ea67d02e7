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

/*
 * A virtual machine for programs that nobody verified: every access is tested, only the program's stack and
 * the memory given to a run can be touched, and it ends after so many instructions. No maps. One run at a time.
 */
enum skep_vm_engine { SKEP_VM_AUTO, SKEP_VM_INTERP, SKEP_VM_JIT };

/* A helper: r1..r5 of the program; what it returns is r0. It must check what it is passed. */
typedef uint64_t (*skep_vm_helper)(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, void *run);

struct skep_vm_opts {
	size_t sz;
	enum skep_vm_engine engine;
	uint64_t budget;	/* instructions a run may execute; 0: 1,000,000,000 */
	skep_vm_helper (*helper)(uint32_t number);	/* NULL, or NULL for a number: there is none */
	skep_log_fn log;	/* why a program is refused; NULL: nobody listens */
	void *log_arg;
};
struct skep_vm;

/* insns: size bytes of instructions, copied. opts may be NULL. 0, -EINVAL, -E2BIG, -ENOMEM, -EOPNOTSUPP (no JIT). */
SKEP_API int skep_vm_new(struct skep_vm **out, const void *insns, size_t size, const struct skep_vm_opts *opts);
SKEP_API void skep_vm_free(struct skep_vm *vm);

/* Runs with r1 = mem, r2 = len, all other registers and the stack zero. 0 and *r0; or -EFAULT (access outside),
 * -ETIME (budget spent), -ELOOP (a ninth call frame), -ENOSYS (callx to an unknown helper). */
SKEP_API int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *r0);

SKEP_API const char *skep_version(void);

#ifdef __cplusplus
}
#endif
#endif
