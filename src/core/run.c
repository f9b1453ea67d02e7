/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU slots and the programs that run on them. A slot is held by one thread at a time; while it is,
 * its epoch slot is entered, so that a program, a map or an attachment that is unlinked meanwhile
 * stays until the slot is left. A thread that meets its own slot again (an event inside a program)
 * does not wait for itself: the run is counted as a miss and skipped, as the kernel does.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/link.h"
#include "core/prog.h"
#include "core/test_run.h"
#include "def/ctx_layout.h"
#include "helper/current.h"
#include "helper/timers.h"
#include "map/space.h"
#include "util/proc.h"

struct slot {
	pthread_mutex_t lock;
	u64 owner; /* atomic: the thread that holds it, 0 none */
	u8 *stack;
	struct run run;
} __attribute__((aligned(64)));

/* The thread that calls, as a task: what "current" is in a test run. */

static void self_comm(struct task *task, char comm[16])
{
	(void)task;
	memset(comm, 0, 16);
	pthread_getname_np(pthread_self(), comm, 16);
}

static void self_creds(struct task *task, u32 *uid, u32 *gid)
{
	(void)task;
	*uid = getuid();
	*gid = getgid();
}

static struct caller self_caller(void)
{
	return (struct caller){ .ops = &caller_self_ops, .tgid = (u32)getpid() };
}

static int self_read(struct task *task, void *dst, u64 addr, size_t len)
{
	struct caller self = self_caller();

	(void)task;
	return caller_self_ops.read(&self, dst, addr, len);
}

static int self_write(struct task *task, u64 addr, const void *src, size_t len)
{
	struct caller self = self_caller();

	(void)task;
	return caller_self_ops.write(&self, addr, src, len);
}

static void self_origin(struct task *task, struct task_origin *out)
{
	proc_origin(task->pid, &out->parent, out->parent_comm, &out->start_ns);
}

static const struct task_ops self_task_ops = {
	.origin = self_origin,
	.comm = self_comm,
	.creds = self_creds,
	.read = self_read,
	.write = self_write,
};

/* What engines ask. */

static const struct code *tail_target(struct run *run, struct map *prog_array, u32 index)
{
	struct object *object;

	if (index >= prog_array->spec.max_entries || !prog_array->ops->object)
		return NULL;
	object = prog_array->ops->object(prog_array, &index);
	if (!object)
		return NULL;
	run->prog = to_prog(object);
	return to_prog(object)->code;
}

static void trace_line(struct run *run, const char *line, size_t len)
{
	core_trace_write(run->hive, line, len);
}

/* Once a slot; NULL where there is no kernel BTF. */
static struct current *make_current(struct run *run)
{
	const struct btf *vmlinux = hive_vmlinux(run->hive);
	struct current *current = NULL;

	return vmlinux && !current_new(&current, vmlinux) ? current : NULL;
}

static const struct run_ops run_ops = {
	.current = make_current,
	.tail_target = tail_target,
	.trace = trace_line,
	.load_packet = packet_load,
};

/* Timers. */

static void hold_prog(void *prog)
{
	object_get(&((struct prog *)prog)->object);
}

static void put_held(void *prog)
{
	put_prog(prog);
}

/* A callback is entered like a program of its own, for the thread that fires it. */
static void fire_timer(void *arg, void *entered, u64 callback, struct map *map, void *key,
		       void *value)
{
	struct hive *hive = arg;
	u32 cpu = slot_here(hive);
	struct run *run = &hive->slots[cpu].run;
	struct task self = { .ops = &self_task_ops, .pid = (u32)gettid(), .tgid = (u32)getpid() };
	struct prog *prog = entered;

	if (!slot_enter(hive, cpu, prog))
		return;
	if (!timers_begin(hive->timers)) {
		slot_leave(hive, cpu);
		return;
	}
	run->task = &self;
	run->ctx = NULL;
	run->packet = NULL;
	run->prog_type = prog->type;
	run->prog = prog;
	run->code = prog->code;
	run->nr_records = run->nr_regions = run->tail_calls = 0;
	run->may_goto = RUN_MAY_GOTO;
	run->stack_cur = run->stack_top;
	code_callback(run, callback, (u64)(uintptr_t)map, (u64)(uintptr_t)key,
		      (u64)(uintptr_t)value, 0, 0);
	slot_leave(hive, cpu);
}

static const struct timers_ops hive_timers_ops = { .hold = hold_prog,
						   .put = put_held,
						   .fire = fire_timer };

/* Slots. */

int slots_new(struct hive *hive)
{
	if (epoch_init(&hive->epoch, hive->nr_cpus) || space_new(&hive->space) ||
	    timers_new(&hive->timers, &hive_timers_ops, hive))
		return -ENOMEM;
	hive->slots = aligned_alloc(64, hive->nr_cpus * sizeof(struct slot));
	if (!hive->slots)
		return -ENOMEM;
	memset(hive->slots, 0, hive->nr_cpus * sizeof(struct slot));
	for (u32 cpu = 0; cpu < hive->nr_cpus; cpu++) {
		struct slot *slot = &hive->slots[cpu];

		pthread_mutex_init(&slot->lock, NULL);
		slot->stack = aligned_alloc(64, RUN_STACK_SIZE);
		if (!slot->stack)
			return -ENOMEM;
		memset(slot->stack, 0, RUN_STACK_SIZE);
		slot->run = (struct run){
			.stack_top = slot->stack + RUN_STACK_SIZE,
			.stack_low = slot->stack,
			.stack_cur = slot->stack + RUN_STACK_SIZE,
			.cpu = cpu,
			.ops = &run_ops,
			.hive = hive,
			.space = hive->space,
			.timers = hive->timers,
		};
	}
	return 0;
}

void slots_free(struct hive *hive)
{
	for (u32 cpu = 0; hive->slots && cpu < hive->nr_cpus; cpu++) {
		free(hive->slots[cpu].stack);
		current_free(hive->slots[cpu].run.current);
		pthread_mutex_destroy(&hive->slots[cpu].lock);
	}
	free(hive->slots);
	if (hive->epoch.slots)
		epoch_destroy(&hive->epoch);
	space_free(hive->space);
}

void hive_flush(struct hive *hive)
{
	__atomic_sub_fetch(&hive->deferred, epoch_flush(&hive->epoch), __ATOMIC_RELAXED);
}

void hive_defer(struct hive *hive, struct epoch_item *item, void (*end)(struct epoch_item *item))
{
	__atomic_add_fetch(&hive->deferred, 1, __ATOMIC_RELAXED);
	epoch_defer(&hive->epoch, item, end);
	hive_flush(hive);
}

u32 slot_here(const struct hive *hive)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (u32)cpu % hive->nr_cpus;
}

bool slot_enter(struct hive *hive, u32 cpu, struct prog *prog)
{
	struct slot *slot = &hive->slots[cpu % hive->nr_cpus];
	u64 self = (u64)pthread_self();

	if (__atomic_load_n(&slot->owner, __ATOMIC_RELAXED) == self) {
		__atomic_add_fetch(&prog->stats[cpu % hive->nr_cpus].misses, 1, __ATOMIC_RELAXED);
		return false;
	}
	pthread_mutex_lock(&slot->lock);
	__atomic_store_n(&slot->owner, self, __ATOMIC_RELAXED);
	epoch_enter(&hive->epoch, cpu % hive->nr_cpus);
	return true;
}

void slot_leave(struct hive *hive, u32 cpu)
{
	struct slot *slot = &hive->slots[cpu % hive->nr_cpus];

	epoch_leave(&hive->epoch, cpu % hive->nr_cpus);
	__atomic_store_n(&slot->owner, 0, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&slot->lock);
}

static u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec;
}

/* Only the slot's holder writes its statistics; readers may see one of the two numbers older. */
static void count_run(struct prog_stats *stats, u64 since)
{
	__atomic_store_n(&stats->runs, stats->runs + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&stats->ns, stats->ns + (now_ns() - since), __ATOMIC_RELAXED);
}

/* Where the packet of a context is, for helpers; NULL for contexts without one. */
static struct packet *packet_of(u32 prog_type, void *ctx)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP: return &((struct xdp_ctx *)ctx)->packet;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL: return &((struct skb_ctx *)ctx)->packet;
	default: return NULL;
	}
}

u64 slot_run(struct hive *hive, u32 cpu, struct prog *prog, const struct run_input *input)
{
	struct run *run = &hive->slots[cpu % hive->nr_cpus].run;
	u64 since = 0, r0;

	run->task = input->task;
	run->ctx = input->ctx;
	run->packet = packet_of(prog->type, input->ctx);
	run->prog_type = prog->type;
	run->prog = prog;
	run->nr_records = 0;
	run->current_filled = false;
	run->redirect_ifindex = 0;
	run->cookie = input->cookie;
	run->func_ip = input->func_ip;
	run->seq = input->seq;
	run->nr_regions = min(input->nr_regions, (u32)ARRAY_SIZE(run->regions));
	for (u32 i = 0; i < run->nr_regions; i++)
		run->regions[i] = input->regions[i];
	if (unlikely(__atomic_load_n(&hive->stats_enabled, __ATOMIC_RELAXED)))
		since = now_ns();
	r0 = code_run(prog->code, input->ctx, run);
	if (unlikely(since))
		count_run(&prog->stats[run->cpu], since);
	return r0;
}

void task_self(struct task *task)
{
	*task = (struct task){ .ops = &self_task_ops, .pid = (u32)gettid(), .tgid = (u32)getpid() };
}

u64 core_fire(struct hive *hive, struct attachment *attachment, u32 cpu, void *ctx,
	      struct task *task, const struct run_region *regions, u32 nr_regions)
{
	struct run_input input = {
		.ctx = ctx,
		.task = task,
		.regions = regions,
		.nr_regions = nr_regions,
		.cookie = attachment->target.cookie,
	};
	struct prog *prog = __atomic_load_n(&attachment->prog, __ATOMIC_ACQUIRE);
	u64 r0 = 0;

	if (!prog || !__atomic_load_n(&attachment->enabled, __ATOMIC_RELAXED) ||
	    !slot_enter(hive, cpu, prog))
		return 0;
	/* what was there before the epoch was entered may be going: look again inside */
	prog = __atomic_load_n(&attachment->prog, __ATOMIC_ACQUIRE);
	if (prog)
		r0 = slot_run(hive, cpu, prog, &input);
	slot_leave(hive, cpu);
	return r0;
}
