/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine a running program sees: what engines (interpreter, JIT) and helper bodies share.
 *
 * One struct run is one CPU slot's state. It is handed to the entry of a program and to every helper
 * as a sixth argument, so there is no global and no thread-local state. The BPF stack is memory of
 * its own, never the native stack: a program can be shown its stack without being shown ours.
 */
#ifndef DEF_RUN_H
#define DEF_RUN_H

#include "util/types.h"

struct run;
struct map;
struct packet;
struct current;
struct timers;
struct watch;
struct bpf_stack_build_id;

/* A helper body. r1..r5 as the program left them; returns r0. */
typedef u64 (*helper_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run);

/* A program's (or callback's) native or interpreted entry: r1 = ctx; returns r0. */
typedef u64 (*entry_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run *run);

enum {
	RUN_STACK_SIZE =
		16384, /* bytes: 33 tail calls from subprograms keep up to 256 each, callbacks below them */
	RUN_TAIL_CALLS = 33,	/* MAX_TAIL_CALL_CNT */
	RUN_FRAMES = 8,		/* MAX_CALL_FRAMES */
	RUN_MAY_GOTO = 8 << 20, /* BPF_MAX_LOOPS: may_goto falls through so often in a run */
};

/* The process that triggered the event: what "current" is in the kernel. Fields are read lazily by ops. */
struct task {
	const struct task_ops *ops;
	u32 pid;  /* thread id */
	u32 tgid; /* process id */
	/* Its user-space registers at the event, as far as they are known: TASK_* bits. */
	u32 known;
	u64 ip, sp, bp;
	struct task *child; /* sched_process_fork: the thread that this one made */
	u32 exit_code;	    /* sched_process_exit: its status, as wait(2) has it */
};

enum { TASK_IP = 1, TASK_SP = 2, TASK_BP = 4 };

struct task_origin {
	u32 parent; /* process id of the parent */
	char parent_comm[16];
	u64 start_ns; /* since boot */
};

struct task_ops {
	void (*comm)(struct task *task, char comm[16]);
	void (*creds)(struct task *task, u32 *uid, u32 *gid);
	/* Reads len bytes of the task's user memory; 0 or -EFAULT, dst untouched or partly written then. */
	int (*read)(struct task *task, void *dst, u64 addr, size_t len);
	/* Writes likewise (bpf_probe_write_user); may be NULL. */
	int (*write)(struct task *task, u64 addr, const void *src, size_t len);
	/* Its parent and age; fields that are not known stay zero. May be NULL. */
	void (*origin)(struct task *task, struct task_origin *out);
	/* Return addresses of its user stack, innermost first: how many, at most max, or -errno. May be NULL. */
	int (*stack)(struct task *task, u64 *ips, u32 max);
	/* Makes of an id's ip the build id and the offset in the file that is mapped there, or leaves it an address
	 * (BPF_STACK_BUILD_ID_IP). May be NULL. */
	void (*build_id)(struct task *task, struct bpf_stack_build_id *id);
};

/* A region of memory that bpf_probe_read_kernel may read besides stack and maps (ctx, packet, fabricated pt_regs). */
struct run_region {
	u64 addr; /* as the program sees it */
	const void *mem;
	u32 len;
};

/* What a checked program may touch besides its stack, and how long it may run (vm/code.h, code_spec.checked). */
struct run_guard {
	u64 mem, mem_len; /* the caller's memory */
	s64 budget;	  /* instructions left */
	void *exit_sp;	  /* engines': where a faulting program's native frames end */
	u32 frames;	  /* engines': calls deep */
	int error;	  /* 0, or why the run was cut short: -EFAULT, -ETIME, -ELOOP, -ENOSYS */
};

/* A ring buffer record a program holds between reserve and submit. */
struct run_record {
	void *sample;
	struct map *ring;
	u32 len;
};

/* Where the program of an iterator writes, as the kernel's seq_file: text that did not fit leaves count == size. */
struct run_seq {
	char *buf;
	u32 size, count;
};

/* An element that a callback is shown, innermost first: where its key is. */
struct run_visit {
	const void *key;
	const struct run_visit *up;
	u32 depth;
};

enum { RUN_RECORDS = 32 }; /* held at once; one more is not given */

struct run {
	u8 *stack_top; /* r10 of the first frame: one past the highest byte */
	u8 *stack_low; /* lowest usable byte */
	u8 *stack_cur; /* where the next entry's or callback's first frame starts; engines keep it before helper calls */
	u32 tail_calls; /* done so far in this run */
	u32 may_goto;	/* loop iterations may_goto still grants */
	u32 cpu;	/* the slot's number: smp_processor_id */
	const struct run_ops *ops;
	void *ctx;	   /* what r1 was at entry, in our own layout (after context conversion) */
	struct task *task; /* never NULL */
	struct hive *hive;
	const struct code *code; /* the program entered last, for tail calls */
	struct run_guard guard;	 /* checked programs only */
	struct run_region regions[4];
	u32 nr_regions;
	u64 random;    /* state of bpf_get_prandom_u32, seeded on first use from 0 */
	u32 prog_type; /* of the program entered, for helpers that differ by it */
	struct packet
		*packet; /* the packet behind ctx (ctx_layout.h), NULL for other program types */
	u32 redirect_ifindex;  /* where bpf_redirect sends what is no XDP packet */
	struct timers *timers; /* the hive's (helper/timers.h); NULL: no timers */
	void *prog;	       /* core's object of the program entered last */
	struct current *
		current; /* objects of bpf_get_current_task (helper/current.h), NULL until the first call */
	bool current_filled; /* they are this run's */
	struct run_record records[RUN_RECORDS];
	u32 nr_records; /* 0 before a run */
	u64 func_ip,
		cookie; /* what bpf_get_func_ip and bpf_get_attach_cookie say; 0 where there is none */
	struct run_seq *seq;	       /* iterators; else NULL */
	struct watch *watch;	       /* vm/watch.h, ORACLE builds only */
	const struct run_visit *visit; /* NULL: none */
	u32 array_keys[RUN_FRAMES]; /* of arrays, by depth: a program may keep the pointer until its end */
	struct map_space *
		space; /* where values of this hive's maps live (map/space.h); NULL: no map may be read blindly */
};

/* What engines need from above them. */
struct run_ops {
	/* The program at prog_array[index]: its code, or NULL (out of range, empty, incompatible). */
	const struct code *(*tail_target)(struct run *run, struct map *prog_array, u32 index);
	/* Makes run->current, if there is kernel BTF to lay it out by; NULL: bpf_get_current_task gives 0. */
	struct current *(*current)(struct run *run);
	/* One finished line of the trace pipe, newline included (bpf_trace_printk); NULL: thrown away. */
	void (*trace)(struct run *run, const char *line, size_t len);
	/* LD_ABS and LD_IND: size (1, 2, 4) bytes at off of the packet behind run->ctx, in host order; negative:
	 * outside, and the program ends with 0. off may be one of SKF_NET_OFF's kind. NULL: always outside. */
	s64 (*load_packet)(struct run *run, s32 off, u32 size);
};

#endif
