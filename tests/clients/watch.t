#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What programs that a client attaches see of its tree: everything, and what --watch names without slowing it down.
. "$(dirname "$0")/../cli/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "the program's symbols are those of x86-64"
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"
cat >"$T/seen.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { int enter, leave, exec, forked, connects, kretprobe; } n = {};
const volatile int target = 0;
#define COUNT(what) return bpf_get_current_pid_tgid() >> 32 == target ? __sync_fetch_and_add(&n.what, 1) && 0 : 0
SEC("tracepoint/syscalls/sys_enter_getppid") int on_enter(void *ctx) { COUNT(enter); }
SEC("tracepoint/syscalls/sys_exit_getppid") int on_exit(void *ctx) { COUNT(leave); }
SEC("kretprobe/__x64_sys_getppid") int on_return(void *ctx) { COUNT(kretprobe); }
SEC("tracepoint/syscalls/sys_enter_connect") int on_connect(void *ctx) { COUNT(connects); }
SEC("tracepoint/sched/sched_process_fork") int on_fork(void *ctx) { COUNT(forked); }
SEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx) { __sync_fetch_and_add(&n.exec, 1); return 0; }
char LICENSE[] SEC("license") = "GPL";
END
"$clang" -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -g -O2 -c "$T/seen.bpf.c" -o "$T/seen.bpf.o" 2>"$T/err" || skip_all "no headers to build a program with"
cat >"$T/client.c" <<'END'
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct bpf_object *object = bpf_object__open_file(argv[argc - 1], NULL);
	struct bpf_program *program;
	size_t size;
	pid_t pid;
	int data[8], key = 0;
	*(int *)bpf_map__initial_value(bpf_object__find_map_by_name(object, ".rodata"), &size) = getpid();
	if (bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(program, object)
		if (!bpf_program__attach(program))
			return 2;
	for (int i = 0; i < 5; i++)
		syscall(SYS_getppid);
	connect(-1, NULL, 0);
	pid = fork();
	if (!pid)
		execl("/bin/true", "true", NULL);
	waitpid(pid, NULL, 0);
	if (bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, "seen.bss"), &key, data))
		return 3;
	printf("enter %d exit %d exec %d fork %d connect %d return %d\n", data[0], data[1], data[2], data[3], data[4], data[5]);
	return 0;
}
END
${CC:-cc} -o "$T/client" "$T/client.c" -lbpf 2>"$T/err" || skip_all "no libbpf to build a client with"
# seen LIST WANT
seen() {
	run "$SKEP" exec --watch "$1" -- "$T/client" "$T/seen.bpf.o"
	is "$status $out" "0 $2" "--watch $1" || sed 's/^/# /' <<<"$err"
}
everything="enter 5 exit 5 exec 1 fork 1 connect 1 return 5"
slow='note: .* is attached while the command runs.* ptrace.*--watch'
seen default "$everything"
like "$err" "$slow" "what was not named is seen, too, but slow: told"
is "$(grep -c ptrace <<<"$err")" 1 "once"
seen getppid "$everything"
like "$err" "$slow" "a call is named, others are not"
seen all,exit:all "$everything"
is "$err" "" "all are named: nothing is told"
seen default,life,getppid,exit:getppid "$everything"
is "$err" "" "what is attached to is named: nothing is told"
run "$SKEP" exec --watch getpid,getpidd -- true
is "$status" 125 "no such call: 125"
like "$err" "no system call getpidd; nearest: .*getpid" "and the nearest name"
done_testing
