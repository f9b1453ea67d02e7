/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process tree under a seccomp listener: who is there and what they share.
 *
 *   supervisor   receives notifications into shared slots, runs programs, answers (spawn.c)
 *   keeper       its child; starts the command, holds the listener too. When the supervisor is gone,
 *                however it went, the keeper answers the ids left in the slots and lets every later
 *                call continue (keeper.c)
 *   tracer       only where exits of calls or the life of processes are watched: a child like the
 *                keeper that follows the tree by ptrace(2), tells the supervisor of each stop and
 *                waits for it; when the supervisor is gone it lets everything run on (tracer.c)
 *   command      the keeper's clone, but the supervisor's child (CLONE_PARENT)
 *
 * The keeper is there before the command, so there is no moment at which the supervisor's death
 * could leave a call unanswered.
 */
#ifndef SUPERVISE_TREE_H
#define SUPERVISE_TREE_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/resource.h>

#include "supervise/tracer.h"

enum {
	TREE_SLOTS = 64,  /* calls received and not yet answered */
	NOTIF_ROOM = 256, /* bytes kept for the kernel's struct seccomp_notif, which may grow */
	TREE_TIDS = 1024,
	KEEPER_STACK = 64 << 10,
};

/* Memory that supervisor, keeper and (until its exec) command share. */
struct tree_shared {
	/* Notifications received; id != 0: not yet answered, or answered a moment ago. */
	union tree_slot {
		struct seccomp_notif notif;
		u8 room[NOTIF_ROOM];
	} slots[TREE_SLOTS];
	s32 exec_errno;	       /* why the command could not be executed */
	volatile s32 to_seize; /* the command, which waits for the tracer */
	volatile s32 seized;   /* 1: it need not wait any more, or -errno */
	struct trace_wants wants;
	/* Threads to be seized or to stop once, so that this holds for them: asked != done. */
	volatile u32 asked, done, nr_tids;
	volatile s32 tids[TREE_TIDS];
	volatile bool again;   /* those that are the tracer's stop, too */
	volatile bool refused; /* no thread could be seized */
};

struct tree {
	struct tree_shared *shared;
	int listener; /* -1: none */
	int channel;  /* to the keeper: its closing tells the keeper that we are gone; -1: none */
	int trace;    /* to the tracer, likewise; -1: none */
	s32 keeper;   /* 0: none */
	s32 tracer;   /* 0: none */
	s32 child;    /* the command; 0: none */
	int pidfd;    /* of the command, -1 */
	bool no_new_privs;    /* was set for the tree */
	bool ignored_sigchld; /* by this process before; the command ignores it, too */
};

/* What a tree stops at. */
struct tree_calls {
	struct syscall_set set;	    /* all of it */
	struct syscall_set watched; /* of it, what is wanted for events and for ourselves */
	struct syscall_set traced;  /* of watched, what the tracer sees in place of the listener */
};

struct tree_spec {
	const char *path; /* the file to execute */
	char *const *argv, *const *envp;
	const struct tree_calls *calls;
	const struct trace_wants *wants; /* NULL: no tracer */
	int signal;			 /* interrupts the tracer's wait, see tracer_live() */
	const sigset_t *mask;		 /* the command's signal mask */
	const struct rlimit *files;	 /* and its limit of open files; NULL: ours */
	int death_signal;		 /* the command gets it when we die, and does not ignore it; 0: none */
};

/*
 * Starts the tree: on return the command is executing path, or stopped in that call if it is in
 * the set. 0, or -errno after words to log: -EBUSY there is a listener already, -ENOSYS or
 * -EINVAL the kernel has none, -EACCES it is not allowed.
 */
int tree_start(struct tree *tree, const struct tree_spec *spec, struct log *log);
/*
 * From now on the tree that runs has a tracer: -errno. tree_stop() tells it whom to seize.
 */
int tree_trace(struct tree *tree, const struct trace_wants *wants, int signal);
/*
 * The tracer seizes the threads of the tree that it has not, and with wants.all stops each of them once;
 * again: also those it has.
 * The number of threads, -EPERM: none, -ESRCH: the tracer is gone.
 */
int tree_stop(struct tree *tree, int signal, bool again);

/*
 * Lets go: the keeper lets what is left of the tree continue. Waits for the keeper where nothing
 * is left.
 */
void tree_end(struct tree *tree);

/* A slot that holds no call; NULL: workers have them all. */
union tree_slot *tree_free_slot(struct tree *tree);
/* The next notification, in slot: 0, -EAGAIN (none is there any more), or -errno. */
int tree_receive(struct tree *tree, union tree_slot *slot);
/* Lets the call in slot continue and frees the slot. */
void tree_continue(struct tree *tree, union tree_slot *slot);
/* Ends it with a result in Linux's stead: >= 0, or -errno. The slot is free again. */
void tree_answer(struct tree *tree, union tree_slot *slot, s64 result);

/*
 * The filter that notifies for the set on the native ABI, stops for the tracer where traced has the
 * call, and allows all else; of calls that are not in watched perhaps only those with arguments that a
 * client's answer cares for (filter.c). Free filter->filter. 0 or -ENOMEM.
 */
int filter_build(struct sock_fprog *filter, const struct tree_calls *calls);
/* Of calls->set, those that always stop. */
struct syscall_set filter_whole(const struct tree_calls *calls);
/* Bytes of a netlink request that is looked at. */
enum { REQUEST_MIN = 32, REQUEST_MAX = 256 };

/*
 * keeper.c: the keeper's life after the start. Never returns; given may lie in memory that it
 * unmaps.
 */
struct keeper {
	int listener, channel;
	struct tree_shared *shared;
	volatile s32 *in_use; /* non-zero while the command still uses the keeper's memory */
	void *stack;	      /* the keeper's, KEEPER_STACK bytes */
	void *rseq;	      /* the area libc registered, NULL if none */
};
_Noreturn void keeper_live(struct keeper *keeper);

#endif
