/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One BPF object file on its way into an answer: open (the bytes are hostile), plan (which program
 * goes where), load, attach. libbpf does the work behind the seam; what it grumbles is kept and
 * shown only when a step fails.
 */
#ifndef LOAD_OBJFILE_H
#define LOAD_OBJFILE_H

#include "load/seam.h"

struct bpf_program;
struct bpf_link;

enum target_kind {		/* rows of target_kinds[] in target.c */
		   TARGET_NONE, /* loaded, not attached */
		   TARGET_AUTO, /* as the section's name says: libbpf's own attach */
		   TARGET_KPROBE,
		   TARGET_KRETPROBE,
		   TARGET_TRACEPOINT,
		   TARGET_RAW_TRACEPOINT,
		   TARGET_XDP,
		   TARGET_ITER, /* name: the map whose elements it goes over; "" where it is another iterator */
};

enum { TARGET_INTERFACES = 16 }; /* of one XDP program at most */

struct target {
	enum target_kind kind;
	char name[128]; /* "execve", "sched:sched_process_exec", "eth0", "veth0,veth1" */
};

struct objfile_prog {
	struct bpf_program *prog;
	struct bpf_link *link;
	struct bpf_link *also[TARGET_INTERFACES - 1]; /* of the other interfaces */
	size_t nr_also;
	/* A kprobe on a system call where Linux has no kprobes: the call's number + 1, and what attaching it gave. */
	int unprobed, unprobed_link, unprobed_array;
	struct target target;
	bool by_user;	 /* the target was asked for, not derived */
	bool by_default; /* nobody said: the log does when it is attached */
};

struct objfile {
	struct bpf_object *bpf;
	struct answer answer;
	struct log *log;  /* for a person; may be NULL */
	const char *name; /* in messages */
	struct objfile_prog *progs;
	size_t nr_progs;
	struct streams *streams; /* streams.c; NULL: none open */
	int xdp_ifindex;	 /* where XDP programs without a target go; 0: nowhere */
	char interfaces
		[2 *
		 16]; /* likewise, by name, with commas between; "" none. Then XDP goes to no others */
	bool color;	   /* in explanations */
	char *explanation; /* of the last program that skep's verifier rejected, NULL none */
	char *said;	   /* what libbpf said since the last step began */
	size_t said_len;
	struct log saying;
};

/* Opens an object from bytes (copied by libbpf). -EINVAL and a message for what is no BPF object. hive NULL: Linux. */
int objfile_open(struct objfile **out, struct hive *hive, const void *bytes, size_t size,
		 const char *name, struct log *log);

/*
 * Decides where each program goes: targets are [FN=]KIND:TARGET and win over section names. A lone
 * program without either, written as BCC's int f(void *ctx), goes to kprobe:execve, and the log says so.
 */
int objfile_plan(struct objfile *file, const char *const *targets, size_t nr);

int objfile_load(
	struct objfile
		*file); /* maps and programs into the answer; -errno and the reason in the log */
int objfile_attach(struct objfile *file); /* every planned program; the number attached or -errno */
void objfile_close(struct objfile *file); /* detaches and lets go; NULL is fine */

/* Gives a program whose section libbpf is too old for its type, attach type and flags: 0 (also where nobody knows it) or -errno. */
int section_apply(struct bpf_program *prog);

/* One step of libbpf's stands between these two: objfile_end(…, 0 or -errno, "what") shows why it failed. */
void objfile_begin(struct objfile *file);
int objfile_end(struct objfile *file, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Parses [FN=]KIND:TARGET or FN=none (TARGET_NONE). *fn and *fn_len are the name before '=', or NULL and 0. -EINVAL with a message. */
int target_parse(const char *text, const char **fn, size_t *fn_len, struct target *out,
		 struct log *log);
/* Attaches p to its target: 0, or -errno and the reason in the log. */
int target_attach(struct objfile *file, struct objfile_prog *p);
/* Whether skep has the packets of an XDP target that was asked for by text: 0, or -errno and the reason in the log. */
int target_check_xdp(struct objfile *file, const char *text, const struct target *target);
/* A kprobe on a system call for Linux, by whatever name: where it has no kprobes, makes it a program of a raw tracepoint.
 * 0 (also where nothing is to be done) or -errno. */
int target_settle_kprobe(struct objfile *file, struct objfile_prog *p);
/* Whether a program is an iterator; where it goes, by what its section says and the map that p->target names ("": nobody
 * said); the attaching of it, NULL and errno. */
bool iterator_is(const struct bpf_program *prog);
int iterator_plan(struct objfile *file, struct objfile_prog *p);
struct bpf_link *iterator_attach(struct objfile *file, struct objfile_prog *p);
/* The program type (BPF_PROG_TYPE_*) that a kind needs. */
u32 target_prog_type(enum target_kind kind);

/* Refuses bytes that are not a well-formed relocatable object for BPF: -EINVAL and a message naming it. */
int elf_check(const void *bytes, size_t size, const char *name, struct log *log);

/* Whether the open object was compiled from BCC's dialect. */
bool objfile_is_dialect(const struct objfile *file);

/* Whether raw BTF from an object can be handed to libbpf: 0, -EINVAL, -ENOMEM. */
int btf_check(const void *bytes, size_t size);

/*
 * Writes the entries of the maps that a program's author declared, one line each, "name[key]: value",
 * formatted by BTF, sorted by key. names: comma-separated, NULL for all that can be listed.
 */
/* Whether every one of names (commas between) is a map whose entries can be printed; words and -ENOENT if not. */
int objfile_check_maps(struct objfile *file, const char *names);
int objfile_print_maps(struct objfile *file, const char *names, struct log *out);

/* The attached iterators: how many; and their text, each run anew. 0, or the first -errno and the reason in the log. */
int objfile_count_iterators(const struct objfile *file);
int objfile_print_iterators(struct objfile *file, struct log *out);

/*
 * Opens the object's perf and ring buffers: a file descriptor that is readable when one has records, which
 * objfile_read_streams() then writes to out, a line each. -ENOENT: it has none. out must live as long as the object.
 */
int objfile_open_streams(struct objfile *file, struct log *out);
void objfile_read_streams(struct objfile *file);
void objfile_close_streams(struct objfile *file); /* objfile_close() does */

/*
 * Writes the programs (or the one of that name) as loaded: instructions after fix-ups, or machine code; source: with the
 * source lines that BTF keeps. -ENODATA: none.
 */
int objfile_print_loaded(struct objfile *file, const char *name, bool jited, bool source,
			 struct log *out);

#endif
