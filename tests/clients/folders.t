#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The virtual bpffs can be gone into: cd, getcwd, relative paths of files and of pins, in the shell and in its children.
. "$(dirname "$0")/../cli/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "on this machine such a cd is EACCES"
PATH=$PATH:/usr/sbin:/sbin
command -v bpftool >/dev/null || skip_all "no bpftool"
run "$SKEP" build "$root/examples/hello.bpf.c" -o "$T/hello.bpf.o"
[ "$status" = 0 ] || skip_all "no clang: $(head -1 <<<"$err")"

# bash and env itself are everywhere; /bin/pwd asks getcwd(2)
in_hive() { run "$SKEP" exec -- bash -c "cd /sys/fs/bpf && $1"; }
in_hive 'pwd; /bin/pwd; (cd / && cd - >/dev/null && /bin/pwd); /bin/pwd | cat'
is "$status $out$err" "0 /sys/fs/bpf
/sys/fs/bpf
/sys/fs/bpf
/sys/fs/bpf" "cd: where one is, in children and subshells, too"
in_hive "bpftool prog load '$T/hello.bpf.o' hello && ls; bpftool prog show pinned ./hello | grep -c 'name hello'; test -e hello && test -f ./hello && stat -c %F hello .
	mkdir -p sub/deeper && cd sub && bpftool prog pin name hello ./two && ls . .. && cd deeper && /bin/pwd && cd ../.. && /bin/pwd && find . | sort; rm hello; rm -r sub; ls -A; bpftool prog list"
is "$status $out$err" "0 hello
1
regular empty file
directory
.:
deeper
two

..:
hello
sub
/sys/fs/bpf/sub/deeper
/sys/fs/bpf
.
./hello
./sub
./sub/deeper
./sub/two" "relative paths of pins and files"
in_hive 'cd none; cd /sys/kernel/tracing/available_events; /bin/pwd; cd /sys/kernel/debug/tracing/events/sched && cat sched_process_exec/id | grep -c . ; /bin/pwd'
is "$out" "/sys/fs/bpf
1
/sys/kernel/debug/tracing/events/sched" "a cd that fails changes nothing; tracefs likewise"
like "$err" 'none: No such file or directory.*available_events: Not a directory' "and says why"

if python3 -c '' 2>/dev/null; then
	run "$SKEP" exec -- python3 -c '
import os, signal, threading
os.mkdir("/sys/fs/bpf/sub")
before = sorted(os.listdir("/proc/self/fd"))
signal.signal(signal.SIGALRM, lambda *a: None)
signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for i in range(50):
    os.chdir("/sys/fs/bpf/sub")
    assert os.getcwd() == "/sys/fs/bpf/sub", i
    os.chdir("..")
    assert os.getcwd() == "/sys/fs/bpf", i
    os.chdir("..")
    assert os.getcwd() == "/sys/fs", i
    os.chdir("bpf") if i % 2 else os.chdir("./bpf/sub/..")
    assert os.getcwd() == "/sys/fs/bpf", i
signal.setitimer(signal.ITIMER_REAL, 0, 0)
fd = os.open("/sys/fs/bpf/sub", os.O_RDONLY)
os.fchdir(fd)
os.close(fd)
print(os.getcwd(), os.stat(".").st_ino == os.stat("/sys/fs/bpf/sub").st_ino)
seen = []
t = threading.Thread(target=lambda: seen.append(os.getcwd()))
t.start(); t.join()
print(seen[0], sorted(os.listdir("/proc/self/fd")) == before)
'
	is "$status $out$err" "0 /sys/fs/bpf/sub True
/sys/fs/bpf/sub True" "raw calls, by name and by fd, among signals and threads; no fd is left over"
else
	skip "raw calls" "no python3"
fi
done_testing
