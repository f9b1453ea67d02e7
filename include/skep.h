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
struct skep; /* one instance: objects, ids, pins, event sources; no global state */

/* Where the library's words for a person go: len bytes of text, not NUL-terminated. */
typedef void (*skep_log_fn)(void *arg, const char *text, size_t len);

/* What runs programs: machine code where it can be made, else the interpreter; or one of them. */
enum skep_engine { SKEP_AUTO, SKEP_INTERP, SKEP_JIT };

struct skep_opts {
	size_t sz;
	skep_log_fn log; /* diagnostics; NULL: none */
	void *log_arg;
	unsigned int nr_cpus; /* CPU slots; 0: the machine's possible CPUs */
	const char *btf;      /* kernel BTF; NULL: /sys/kernel/btf/vmlinux */
	enum skep_engine
		engine; /* of programs that are loaded; SKEP_JIT fails where there is none */
	unsigned long long
		max_memory; /* bytes that maps, programs, BTF and pins may hold: more is -ENOMEM; 0: no limit */
};

SKEP_API int skep_new(struct skep **out, const struct skep_opts *opts);
SKEP_API void skep_free(struct skep *skep);
/* The kernel's BTF is there and is BTF: 0, or -EINVAL after words to the log. Else it is read when it is first wanted. */
SKEP_API int skep_check_btf(struct skep *skep);

/* bpf(2) for the calling process, answered by skep: cmd, attr and size as there; >= 0 or -errno. */
SKEP_API int skep_bpf(struct skep *skep, int cmd, union bpf_attr *attr, unsigned int size);

/*
 * A virtual machine for programs that nobody verified: every access is tested, only the program's stack and
 * the memory given to a run can be touched, and it ends after so many instructions. No maps. One run at a time.
 */
enum skep_vm_engine { SKEP_VM_AUTO, SKEP_VM_INTERP, SKEP_VM_JIT };

/* A helper: r1..r5 of the program; what it returns is r0. It must check what it is passed. */
typedef uint64_t (*skep_vm_helper)(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
				   void *run);

struct skep_vm_opts {
	size_t sz;
	enum skep_vm_engine engine;
	uint64_t budget; /* instructions a run may execute; 0: 1,000,000,000 */
	skep_vm_helper (*helper)(uint32_t number); /* NULL, or NULL for a number: there is none */
	skep_log_fn log; /* why a program is refused; NULL: nobody listens */
	void *log_arg;
};
struct skep_vm;

/* insns: size bytes of instructions, copied. opts may be NULL. 0, -EINVAL, -E2BIG, -ENOMEM, -EOPNOTSUPP (no JIT). */
SKEP_API int skep_vm_new(struct skep_vm **out, const void *insns, size_t size,
			 const struct skep_vm_opts *opts);
SKEP_API void skep_vm_free(struct skep_vm *vm);

/* Runs with r1 = mem, r2 = len, all other registers and the stack zero. 0 and *r0; or -EFAULT (access outside),
 * -ETIME (budget spent), -ELOOP (a ninth call frame), -ENOSYS (callx to an unknown helper). */
SKEP_API int skep_vm_run(struct skep_vm *vm, void *mem, size_t len, uint64_t *r0);

/* ---- process trees: events from a command and everything it starts ---- */

/* One more file descriptor that skep_spawn() watches: ready() is called when it is readable or hung up. */
struct skep_poll {
	int fd;
	int (*ready)(void *arg, int fd); /* < 0: stop watching this fd */
	void *arg;
};

struct skep_spawn_opts {
	size_t sz;
	char *const *argv; /* the command; argv[0] is looked up in PATH as execvp(3) does */
	char *const *envp; /* NULL: this process's */
	int trace_fd; /* the trace pipe's lines are written here as they come, lost ones counted; -1: left in the pipe */
	unsigned int tick_ms;	/* > 0: tick() is called this often while the command runs */
	int (*tick)(void *arg); /* < 0: no more ticks */
	void *arg;
	const struct skep_poll *polls;
	unsigned int nr_polls;
	int client;  /* the tree's bpf(2) and what belongs to it is answered by skep, too */
	int as_root; /* with client: the tree believes it is root; programs see the true uid */
	/*
	 * With client: what the tree is stopped at, so that programs that it attaches see it: comma-separated names of system
	 * calls, "all", "default" (execve, clone, openat, connect and their like; NULL), "exit:NAME" for when one leaves,
	 * "life" for processes' forks, execs and exits. -EINVAL: no such call.
	 */
	const char *watch;
	/*
	 * A program (argv as above) whose BPF programs watch the command, or NULL. It starts first, in a tree of its own; with
	 * client, its bpf(2) is skep's, else Linux's, and the command's never is. The command starts when it has attached and
	 * waits, and its events are the command's only. When the command has ended, it gets SIGINT.
	 */
	char *const *observer;
	char *const *observer_envp; /* NULL: as envp */
};

struct skep_spawn_result {
	size_t sz;
	int status; /* as wait(2) gives it; 127 << 8 or 126 << 8 where the command could not be run */
	uint64_t events;     /* system calls that were looked at */
	uint64_t lost;	     /* trace lines dropped because their reader was slow */
	int observer_status; /* as wait(2) gives it */
	int observed; /* the observer waited, so the command was run; status says nothing otherwise */
	int trace_errno; /* why trace lines could not be written, 0: they were */
};

/*
 * Runs the command with the programs that are attached to skep's events, until it ends; what it leaves running
 * in the background runs on, unwatched. Attach first: the set of system calls is fixed when the command starts.
 * Meanwhile SIGINT and SIGQUIT from the terminal are left to the command, and SIGINT, SIGTERM and SIGHUP sent to
 * this process are passed on to it. Call it from one thread at a time; words to the log may come from a second one. Returns 0 and *result, or -errno where
 * nothing was run: -EBUSY a seccomp listener is there already, -ENOSYS or -EINVAL none can be had.
 */
SKEP_API int skep_spawn(struct skep *skep, const struct skep_spawn_opts *opts,
			struct skep_spawn_result *result);

/* What a shell would say: the exit code of a wait status, 128 + n after signal n. */
SKEP_API int skep_exit_code(int status);

/* ---- packets: XDP programs over capture files ---- */

struct skep_pcap_opts {
	size_t sz;
	const char *in; /* pcap file, "-": standard input */
	const char *
		out; /* passed packets go here, as the input had them or as the program changed them; NULL: nowhere */
	const char *interface; /* which attachments run: "xdp:NAME"; NULL: all */
	int trace_fd;	       /* as in skep_spawn_opts */
	const struct skep_poll *
		polls; /* their ready() is called after every packet, whether fd is readable or not */
	unsigned int nr_polls;
};

struct skep_pcap_result {
	size_t sz;
	uint64_t packets, aborted, dropped, passed, tx, redirected,
		invalid; /* invalid: any other verdict, dropped */
	uint64_t lost;	 /* trace lines */
	int trace_errno; /* why trace lines could not be written, 0: they were */
};

/*
 * Runs the attached XDP program on every packet of a file; several run one after the other while they pass.
 * Returns 0 and *result, or -errno after words to the log: -ENOENT and so on for the files, -EINVAL for what is
 * no pcap file, -EIO for a truncated one (*result then counts what came before).
 */
SKEP_API int skep_pcap(struct skep *skep, const struct skep_pcap_opts *opts,
		       struct skep_pcap_result *result);

/* ---- packets: XDP programs between two interfaces ---- */

struct skep_bridge;

struct skep_bridge_opts {
	size_t sz;
	const char *a, *b; /* Ethernet interfaces, up, of this process's network namespace */
	int trace_fd;	   /* the trace pipe's lines go here meanwhile; -1: left in the pipe */
};

/* What became of the packets that arrived on one side. */
struct skep_bridge_side {
	uint64_t packets, aborted, dropped, passed, tx, redirected, invalid;
	uint64_t unreachable; /* redirected to where nothing can be sent */
	uint64_t too_long;    /* longer than 120 KiB, dropped */
	uint64_t lost;	      /* never seen: they came faster than they could be looked at */
	uint64_t unsent; /* of those to be sent on this side: too long for it, or it took no more */
};

struct skep_bridge_result {
	size_t sz;
	struct skep_bridge_side side[2]; /* a's, b's */
	uint64_t unsent_elsewhere;	 /* on interfaces that were redirected to */
	uint64_t trace_lost;
	uint64_t busy_ns; /* CPU time spent on packets, outside of system calls */
	int trace_errno;  /* why trace lines could not be written, 0: they were */
};

/*
 * Opens both interfaces; from now on what arrives waits. Needs CAP_NET_RAW (-EPERM), which there is without privilege
 * in network namespaces of one's own. -ENODEV, -ENETDOWN, -EINVAL (the same twice, no Ethernet) after words to the log.
 */
SKEP_API int skep_bridge_open(struct skep_bridge **out, struct skep *skep,
			      const struct skep_bridge_opts *opts);
/*
 * Makes the XDP programs that are attached to the two the path between them, on a thread of its own: what arrives on a
 * and passes leaves on b, and the other way round; XDP_TX leaves where it came from, XDP_REDIRECT where the program
 * says. Packets of an interface without a program pass.
 */
SKEP_API int skep_bridge_start(struct skep_bridge *bridge);
SKEP_API int
skep_bridge_fd(const struct skep_bridge *bridge); /* readable when it has ended by itself */
/* What has arrived by now is still served, if it was started. Frees the bridge. 0, or why it ended by itself: -ENODEV. */
SKEP_API int skep_bridge_stop(struct skep_bridge *bridge, struct skep_bridge_result *result);

/* ---- instructions in words ---- */

/*
 * Tells the first instruction of insns (size bytes, 8 or 16 of them are used) byte by byte: opcode and its parts,
 * registers, offset, immediate, and what it does. Several lines into buf; returns as snprintf(3) the length a large
 * enough buf had needed, 0 if size is below 8.
 */
SKEP_API size_t skep_explain(const void *insns, size_t size, char *buf, size_t len);

/* ---- from C to BPF ---- */

struct skep_compile_opts {
	size_t sz;
	skep_log_fn log; /* the compiler's messages, and ours */
	void *log_arg;
	int color;		 /* messages with colour */
	int fresh;		 /* compile even if the cache has the object */
	void (*slow)(void *arg); /* called once when compiling takes a while; may be NULL */
	void *slow_arg;
};

/*
 * Compiles a C file in BCC's dialect or in libbpf's style (told apart by what it contains) with clang, or takes the
 * object from $XDG_CACHE_HOME/skep. *object is for free(). -ENOPKG: no clang 14 or later and not in the cache;
 * -EBADMSG: the source does not compile. X.S and X.s are BPF assembly of one program, and need neither.
 */
SKEP_API int skep_compile(const char *path, const struct skep_compile_opts *opts, void **object,
			  size_t *size);

/* ---- object files ---- */

struct skep_object_opts {
	size_t sz;
	const char *name; /* what messages call it */
	skep_log_fn log;
	void *log_arg;
	int capture; /* XDP programs that say no interface are for skep_pcap() */
	const char *
		interfaces; /* XDP programs that say none go to these two, "A,B", for skep_bridge_start(); -EINVAL: too long */
	int color; /* why a program is rejected, with colour */
};
struct skep_object;

/* Reads a compiled BPF object from memory (bytes are not needed afterwards). skep NULL: Linux itself answers.
 * One process uses one of the two. -EINVAL: no usable BPF object. */
SKEP_API int skep_object_open(struct skep_object **out, struct skep *skep, const void *bytes,
			      size_t size, const struct skep_object_opts *opts);

/*
 * Decides where programs go, creates the maps and loads the programs. targets are "[FN=]KIND:TARGET" (kprobe, kretprobe,
 * tracepoint, raw_tracepoint, xdp, iter) and win over section names; FN= may be left out where there is one program.
 * A lone program without any, as BCC's int f(void *ctx), goes to kprobe:execve. -errno after words to the log.
 */
SKEP_API int skep_object_load(struct skep_object *object, const char *const *targets,
			      size_t nr_targets);
/* Whether text has the form of a target; -EINVAL after words to the log. */
SKEP_API int skep_target_check(const char *text, skep_log_fn log, void *log_arg);
SKEP_API int
skep_object_attach(struct skep_object *object); /* the number of programs attached, or -errno */
SKEP_API void skep_object_close(struct skep_object *object); /* detaches; NULL is fine */

/* File descriptors for skep_bpf() that the object keeps: of a map, of a program by its function's name; or -ENOENT. */
SKEP_API int skep_object_map_fd(struct skep_object *object, const char *name);
SKEP_API int skep_object_program_fd(struct skep_object *object, const char *name);

/* Writes the entries of the object's hashes and arrays, "name[key]: value" a line, formatted by their types and sorted by
 * key; of arrays, those that are not zero. names: comma-separated, NULL for all. */
SKEP_API int skep_object_print_maps(struct skep_object *object, const char *names,
				    skep_log_fn write, void *arg);

/*
 * Iterators (sections iter/NAME) that are attached: how many; and what they write, each run anew, in the object's order:
 * 0, or the first -errno after words to the log. One over a map's elements is attached to the object's map that it can
 * go over, or to the one that a target "FN=iter:MAP" names.
 */
SKEP_API int skep_object_count_iterators(struct skep_object *object);
SKEP_API int skep_object_print_iterators(struct skep_object *object, skep_log_fn write, void *arg);

/* Whether the object, once loaded, has maps of all these names (commas between) to print; -ENOENT after words to the log. */
SKEP_API int skep_object_check_maps(struct skep_object *object, const char *names);

/*
 * Opens the object's perf buffers and ring buffers. Returns a file descriptor (the object's) for poll(2) that is readable
 * when there are records; skep_object_read_records() then hands them to write, "name: value" a line, formatted by
 * the type that BCC's perf_submit() and ringbuf_output() are given, or the structure of the record's size that a global
 * variable points to (const struct event *unused), else as hex. -ENOENT: the object has no buffer.
 * Records that find no room are counted; the log of the object is told of it once a second while they are read, the
 * log of the handle when the buffer goes.
 */
SKEP_API int skep_object_open_records(struct skep_object *object, skep_log_fn write, void *arg);
SKEP_API void skep_object_read_records(struct skep_object *object);

enum skep_print {			       /* flags */
		  SKEP_PRINT_MACHINE_CODE = 1, /* instead of instructions */
		  SKEP_PRINT_SOURCE = 2, /* with source lines, where the object's BTF keeps them */
};

/* Writes the loaded programs (prog: the one of that name): instructions after fix-ups, as bpftool's dump xlated, or machine
 * code. -ENODATA there is none, -ENOENT no such program, -EINVAL other flags. */
SKEP_API int skep_object_print_programs(struct skep_object *object, const char *prog, int flags,
					skep_log_fn write, void *arg);

/* ---- listings ---- */

struct skep_dump_opts {
	size_t sz;
	const char *name; /* the file, for the first line and messages */
	const char *prog; /* only this function; NULL: all */
	int source;	  /* with source lines */
	int explain;	  /* every instruction told byte by byte */
	skep_log_fn log;  /* messages */
	void *log_arg;
};
/* Disassembles an object as llvm-objdump -d (source: -S) of LLVM 19 does; write gets the text. 0, -EINVAL no BPF object,
 * -ENOENT no such function. */
SKEP_API int skep_dump(const void *bytes, size_t size, const struct skep_dump_opts *opts,
		       skep_log_fn write, void *arg);

/* ---- verdicts: what Linux 6.18's verifier would say, nothing run ---- */

/* One program's verdict. Strings live until the function that got it returns. */
struct skep_verdict {
	size_t sz;
	const char *program; /* its name; "" if it has none */
	const char *type;    /* "xdp" */
	int err;	     /* 0: accepted; -errno as BPF_PROG_LOAD's */
	unsigned int insns, processed, total_states, peak_states;
	unsigned int stack_depth; /* bytes, of the deepest call chain */
	uint64_t time_ns, memory; /* of verification; memory at its peak, bytes */
	const char *log;	  /* the verifier's log, "" at level 0 */
	const char *
		explanation; /* a rejection in the developer's words: text with source excerpts; NULL if accepted */
	const char *json; /* the same as one JSON object */
};
typedef void (*skep_verdict_fn)(void *arg, const struct skep_verdict *verdict);

struct skep_verify_opts {
	size_t sz;
	const char *name; /* what messages call the object file */
	const char *prog; /* only this program; NULL: all (skep_verify_object) */
	unsigned int
		log_level; /* 1: trace, 2: with every state, 4: statistics only; 0: none (skep_verify_object) */
	int color;		 /* explanations with colour */
	skep_verdict_fn verdict; /* may be NULL */
	void *arg;
	skep_log_fn log; /* messages; NULL: none */
	void *log_arg;
};

/*
 * BPF_PROG_LOAD's attr, judged under the linux profile: every helper and program type of 6.18, whether or not skep
 * can run it. The log goes to attr's buffer. 0 or BPF_PROG_LOAD's -errno. opts may be NULL.
 */
SKEP_API int skep_verify(struct skep *skep, const union bpf_attr *attr, unsigned int size,
			 const struct skep_verify_opts *opts);

/*
 * All programs of an object, each with its verdict; maps are created, nothing is attached. Use a skep made for this
 * (it only judges from then on) in a process that loads nothing through Linux. Returns the number of programs that
 * were rejected, or -errno after words to the log: -EINVAL no usable object, -ENOENT no such program.
 */
SKEP_API int skep_verify_object(struct skep *skep, const void *bytes, size_t size,
				const struct skep_verify_opts *opts);

SKEP_API const char *skep_version(void);

#ifdef __cplusplus
}
#endif
#endif
