/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libbcc.so.0: the C library under Python's bcc package, with the ABI that bcc 0.26 declares in its
 * libbcc.py. A pure client of the seam: it compiles with skep's pass over BCC's dialect (clang as a
 * process, the cache), loads with libbpf and plain system calls, and does not know who answers.
 *
 * Functions of the ABI are marked ABI and listed in libbcc.map; they print what BCC prints, to
 * standard error, return -1 or NULL where BCC does, and leave errno for ctypes. All else is private.
 */
#ifndef LIBBCC_LIBBCC_H
#define LIBBCC_LIBBCC_H

#include <stdio.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "util/log.h"

#define ABI __attribute__((visibility("default")))

struct table {
	struct bpf_map *map;
	const char *name;
	char *key_desc, *leaf_desc; /* JSON, made when asked for */
	char **fields;		    /* "name#type" of a buffer's records, made when asked for */
	size_t nr_fields;
	bool fields_known;
};

/* One BPF(text=…): maps are created with it, programs are loaded from its object one by one. */
struct module {
	void *object; /* the ELF file */
	size_t size;
	struct bpf_object *bpf; /* holds the maps; its programs are never loaded */
	char *source;		/* as given */
	const char **flags;	/* the caller's compiler flags, copied; NULL at the end */
	char *license;
	struct table *tables; /* the user's own */
	size_t nr_tables;
	struct bpf_program **progs; /* in the object's order */
	size_t nr_progs;
};

/* Writes to standard error; errno stays. */
extern struct log to_stderr;

/* desc.c: malloc'd text, or NULL without memory. side: 0 key, 1 leaf. */
char *desc_json(const struct table *table, const struct btf *btf, int side);
void desc_fields(struct table *table, const struct btf *btf);

/* said.c: what libbpf says between these two is kept; "" where it said nothing. Lives until the next said_begin(). */
void said_begin(void);
const char *said_end(void);

/* prog.c: the function behind a program fd that bcc_func_load() gave out; false: not ours (any more). */
struct loaded {
	struct module *module;
	const char *name;
};
bool loaded_find(int fd, struct loaded *out);
void loaded_forget(const struct module *module);

/*
 * shared.c: tables that are pinned, or another module's, are found before the module's maps are created; those that are for
 * others are offered afterwards. 0 or -errno after words.
 */
int shared_find(const struct module *module);
int shared_offer(struct module *module);
void shared_forget(const struct module *module);

/*
 * Loads one function of an object with the maps of module: an fd, or -errno after BCC's words. opts may be left zero.
 */
struct load_opts {
	u32 type;	 /* BPF_PROG_TYPE_* */
	int attach_type; /* -1: as the section says */
	int ifindex;	 /* 0: none */
	int log_level;
};
int prog_load(struct module *module, const void *object, size_t size, const char *name,
	      const struct load_opts *opts);

/* compile.c of this folder: the module's text to an object. 0 or -errno after the compiler's words. */
int module_compile(const struct module *module, const char *const *more, void **object,
		   size_t *size);

#endif
