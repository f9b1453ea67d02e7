/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asks skep and, where permitted, the running kernel the same thing, and compares. A case is a
 * function that gets one answer (`ask`) and leaves numbers behind with note(); it runs once for each
 * answer, and both lists must be the same. Where bpf(2) is refused, skep's list is compared with the
 * one the case states itself, if it does (want()).
 */
#ifndef TESTS_BPF_BOTH_H
#define TESTS_BPF_BOTH_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "def/uapi.h"
#include "linux_bpf.h"
#include "skep.h"
#include "tap.h"

enum { ASK_NOTES = 16384 };
struct ask {
	struct skep *skep; /* NULL: the kernel */
	long long notes[ASK_NOTES];
	const char *names[ASK_NOTES];
	long keys[ASK_NOTES];
	long key; /* set by a loop of a case: shown where answers differ */
	int count;
};

static int ask_bpf(struct ask *ask, int cmd, union bpf_attr *attr, unsigned int size)
{
	return ask->skep ? skep_bpf(ask->skep, cmd, attr, size) : linux_bpf(cmd, attr, size);
}

/* Remembers a value under a name. An fd or id is noted as what matters of it: that there is one. */
__attribute__((unused)) static long long note(struct ask *ask, const char *name, long long value)
{
	if (ask->count < ASK_NOTES) {
		ask->names[ask->count] = name;
		ask->keys[ask->count] = ask->key;
		ask->notes[ask->count++] = value;
	}
	return value;
}
__attribute__((unused)) static int note_fd(struct ask *ask, const char *name, int fd)
{
	note(ask, name, fd < 0 ? fd : 1);
	return fd;
}

#define BPF(ask, cmd, ...)                                      \
	({                                                      \
		union bpf_attr bpf_attr = { __VA_ARGS__ };      \
		ask_bpf(ask, cmd, &bpf_attr, sizeof(bpf_attr)); \
	})
#define PTR(x) ((__u64)(unsigned long)(x))

__attribute__((unused)) static int make_map(struct ask *ask, unsigned int type, unsigned int key,
					    unsigned int value, unsigned int entries)
{
	return BPF(ask, BPF_MAP_CREATE, .map_type = type, .key_size = key, .value_size = value,
		   .max_entries = entries);
}

/* r0 = 0; exit, of any type that takes it. */
__attribute__((unused)) static int make_prog(struct ask *ask, unsigned int type, int r0)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = r0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return BPF(ask, BPF_PROG_LOAD, .prog_type = type, .insn_cnt = 2, .insns = PTR(insns),
		   .license = PTR("GPL"));
}

__attribute__((unused)) static int kernel_permits(void)
{
	struct ask kernel = { 0 };
	int fd = make_prog(&kernel, BPF_PROG_TYPE_XDP, 2);

	if (fd < 0)
		return 0;
	close(fd);
	return 1;
}

/* Runs a case on both and says where they differ. */
__attribute__((unused)) static void both(const char *what, void (*run)(struct ask *ask))
{
	static struct ask ours, theirs;
	int bad = 0;

	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));
	if (skep_new(&ours.skep, NULL)) {
		ok(0, "%s: no hive", what);
		return;
	}
	run(&ours);
	skep_free(ours.skep);
	if (!kernel_permits()) {
		skip("bpf(2) is not permitted here: nothing to compare with");
		return;
	}
	run(&theirs);
	for (int i = 0; i < ours.count || i < theirs.count; i++)
		if (i >= ours.count || i >= theirs.count || ours.notes[i] != theirs.notes[i])
			bad++;
	ok(!bad, "%s: %d answers as the kernel's", what, ours.count);
	for (int i = 0; i < ours.count || i < theirs.count; i++) {
		const char *name = i < ours.count ? ours.names[i] : theirs.names[i];

		if (i >= ours.count || i >= theirs.count)
			printf("# %s: only one side came here\n", name);
		else if (ours.notes[i] != theirs.notes[i])
			printf("# %s (%ld): skep %lld, kernel %lld\n", name, ours.keys[i],
			       ours.notes[i], theirs.notes[i]);
	}
}

#endif
