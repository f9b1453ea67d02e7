#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same workload under one program, on skep and on Linux: the same maps. It counts system calls and what they return,
# names that are opened, and processes as they fork, execute and exit; of processes named skepw… only, for Linux shows it
# the whole machine.
. "$(dirname "$0")/lib.sh"
take_trace_pipe
[ "$(id -u)" = 0 ] || skip_all "loading into the kernel takes root"
if [ "$1" != inside ]; then
	unshare -m true 2>/dev/null || skip_all "no private mounts"
	rm -rf "$T" # an exec runs no trap
	exec unshare -m "$BASH" -c "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec '$BASH' '$0' inside"
fi
[ -e /sys/kernel/tracing/events/syscalls/sys_enter_openat ] || skip_all "no syscall tracepoints"

cat >"$T/all.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct name { char text[32]; };
#define COUNTS(map, type_of_key)                                                                                       \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                       \
		__uint(max_entries, 1024);                                                                             \
		__type(key, type_of_key);                                                                              \
		__type(value, __u64);                                                                                  \
	} map SEC(".maps")
COUNTS(calls, __u64);
COUNTS(returns, __s64);
COUNTS(opened, struct name);
COUNTS(lives, struct name);
COUNTS(restarted, __u64);

static __attribute__((always_inline)) int is_ours(struct name *name, char letter)
{
	__builtin_memset(name, 0, sizeof(*name));
	name->text[0] = letter;
	name->text[1] = ' ';
	bpf_get_current_comm(name->text + 2, 16);
	return name->text[2] == 's' && name->text[3] == 'k' && name->text[4] == 'e' && name->text[5] == 'p' &&
	       name->text[6] == 'w';
}

static __attribute__((always_inline)) void count(void *map, const void *key)
{
	__u64 one = 1, *n = bpf_map_lookup_elem(map, key);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(map, key, &one, BPF_NOEXIST);
}

SEC("raw_tp/sys_enter") int enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct name name;
	__u64 nr = ctx->args[1], task = bpf_get_current_pid_tgid();

	if (is_ours(&name, 'c') && bpf_map_delete_elem(&restarted, &task))
		count(&calls, &nr);
	return 0;
}

/* of getppid 110, openat 257, mkdir 83, rmdir 84, access 21: which pids there are is chance, but not whether it is an error */
SEC("raw_tp/sys_exit") int leave(struct bpf_raw_tracepoint_args *ctx)
{
	struct name name;
	__u64 task = bpf_get_current_pid_tgid(), one = 1;
	__s64 got = ctx->args[1];

	if (!is_ours(&name, 'r') || got > 0)
		return 0;
	got = -got;
	if (got >= 512 && got <= 516) /* stopped and continued in a call, which Linux now makes once more: one call */
		bpf_map_update_elem(&restarted, &task, &one, BPF_ANY);
	else
		count(&returns, &got);
	return 0;
}

struct open { __u64 common; __s64 nr, dir; const char *path; };
SEC("tp/syscalls/sys_enter_openat") int open(struct open *ctx)
{
	struct name name;

	if (!is_ours(&name, 'o'))
		return 0;
	__builtin_memset(&name, 0, sizeof(name));
	bpf_probe_read_user_str(name.text, sizeof(name.text), ctx->path);
	count(&opened, &name);
	return 0;
}

#define LIFE(what, letter)                                                                                             \
	SEC("tp/sched/sched_process_" #what) int on_##what(void *ctx)                                                       \
	{                                                                                                              \
		struct name name;                                                                                      \
		if (is_ours(&name, letter))                                                                            \
			count(&lives, &name);                                                                          \
		return 0;                                                                                              \
	}
LIFE(fork, 'f')
LIFE(exec, 'x')
LIFE(exit, 'e')
char LICENSE[] SEC("license") = "GPL";
END
# opens, calls, forks, executes; all strings on the stack, where the kernel finds them without a fault
cat >"$T/work.c" <<'END'
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(char *self, int depth)
{
	char path[256], *argv[] = { path, NULL };

	strcpy(path, self);
	strcpy(strrchr(path, '/') + 1, depth ? "skepw-two" : "skepw-three");
	if (!fork()) {
		execv(path, argv);
		_exit(1);
	}
	wait(NULL);
}

int main(int argc, char **argv)
{
	char dev[] = "/dev/null", none[] = "/no/such/file", dir[] = "/no/such/dir";

	(void)argc;
	for (int i = 0; i < 7; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < 3; i++)
		close(syscall(SYS_openat, AT_FDCWD, dev, O_RDONLY));
	syscall(SYS_openat, AT_FDCWD, none, O_RDONLY);
	syscall(SYS_mkdirat, AT_FDCWD, dir, 0700);
	syscall(SYS_close, -1);
	if (strstr(argv[0], "skepw-one"))
		for (int i = 0; i < 10; i++)
			child(argv[0], i % 2);
	if (strstr(argv[0], "skepw-two"))
		child(argv[0], 0);
	return 0;
}
END
for name in one two three; do
	$CC -O1 -static -o "$T/skepw-$name" "$T/work.c" 2>/dev/null || skip_all "no C compiler for static programs"
done
"$SKEP" build "$T/all.bpf.c" -o "$T/all.bpf.o" 2>"$T/err" || { cat "$T/err"; skip_all "no clang for it"; }
run "$SKEP" run --kernel "$T/all.bpf.o" -- sh -c "$T/skepw-one; true"
[ "$status" = 0 ] || skip_all "this kernel does not load it: $(head -1 "$T/err")"
kernel=$out
run "$SKEP" run "$T/all.bpf.o" -- sh -c "$T/skepw-one; true"
is "$status" 0 "the program runs on skep"
entries() { grep "^$1" <<<"$2"; }
for map in calls returns opened lives; do
	is "$(entries $map "$out")" "$(entries $map "$kernel")" "the same $map ($(entries $map "$kernel" | wc -l))"
done
like "$kernel" 'lives\[\{ .text = "x skepw-two" \}\]: 5' "what is compared is the workload's"
like "$kernel" 'opened\[\{ .text = "/dev/null" \}\]: 48' "all of it"
done_testing
