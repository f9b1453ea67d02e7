#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# BCC's own tools, as Debian ships them (bpfcc-tools), unmodified and without privilege, over the events of a command.
. "$(dirname "$0")/lib.sh"
tools=/usr/sbin
[ -e $tools/execsnoop-bpfcc ] || skip_all "no bpfcc-tools"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
[ "$(uname -m)" = x86_64 ] || skip_all "some of the tools name x86-64's functions"

cat >"$T/work.sh" <<'END'
#!/bin/sh
/bin/true one two
/bin/cat /etc/hostname >/dev/null
/bin/cat /no/such/file 2>/dev/null
/bin/sh -c 'kill -0 $$; exit 5'
sync
exit 3
END
chmod +x "$T/work.sh"
# tool NAME [ARG...] -- CMD...: its output in $out; the status is the command's
tool() { observe --as-root "$tools/$1-bpfcc" "${@:2}"; }
# said REGEX WHAT: a line of the output
said() {
	grep -qE -- "$1" <<<"$out"
	ok $? "$2" || { echo "# got:"; sed 's/^/#   /' <<<"$out"; sed 's/^/# err: /' <<<"$err"; }
}

tool execsnoop -- "$T/work.sh"
is "$status" 3 "execsnoop: the command's status"
said '^true +[0-9]+ +[0-9]+ +0 /bin/true one two$' "execsnoop: names, arguments, results"
tool opensnoop -- "$T/work.sh"
said '^[0-9]+ +cat +[0-9]+ +0 /etc/hostname$' "opensnoop: a file that is there"
said '^[0-9]+ +cat +-1 +2 /no/such/file$' "opensnoop: one that is not, and why"
tool opensnoop -x -n cat -- "$T/work.sh"
is "$(grep -vcE '^PID| -1 ' <<<"$out")" 0 "opensnoop -x: failures only"
tool exitsnoop -- "$T/work.sh"
said '^sh +[0-9]+ +[0-9]+ +[0-9]+ +[0-9.]+ +code 5$' "exitsnoop: exits with their codes"
said '^work.sh +.* code 3$' "exitsnoop: the command's own"
tool exitsnoop -- /bin/sh -c '/bin/sh -c "kill -9 \$\$"; exit 2'
said '^sh +.* signal 9 \(KILL\)$' "exitsnoop: a process that was killed"
said '^sh +.* code 2$' "exitsnoop: and who waited for it"
tool killsnoop -- "$T/work.sh"
said '^[0-9:]+ +([0-9]+) +sh +0 +\1 +0$' "killsnoop: who sent what to whom"
tool syncsnoop -- "$T/work.sh"
said '^[0-9.]+ +sync\(\)$' "syncsnoop"
tool statsnoop -- /usr/bin/stat -f /
said '^[0-9]+ +stat +0 +0 ' "statsnoop: results"
tool syscount -- "$T/work.sh"
said '^openat +[0-9]+$' "syscount: numbers"
tool syscount -P -L -- "$T/work.sh"
said '^[0-9]+ +[^ ]+ +[0-9]+ +[0-9.]+$' "syscount -P -L: times by process"
tool trace '__x64_sys_openat "%s", arg2@user' -- "$T/work.sh"
said '^[0-9]+ +[0-9]+ +cat +__x64_sys_openat /etc/hostname$' "trace: an argument of a system call's"
tool trace 'r::__x64_sys_openat ((int)retval < 0) "%d", retval' -- "$T/work.sh"
said '^[0-9]+ +[0-9]+ +cat +__x64_sys_openat -2$' "trace: a result, where a condition holds"
tool argdist -C 't:raw_syscalls:sys_enter():int:args->id' -- "$T/work.sh"
said '^	[0-9]+ +args->id = 162$' "argdist: values of a tracepoint's field"
tool funccount '__x64_sys_sync' -- "$T/work.sh"
said '^__x64_sys_sync +1$' "funccount: functions by a pattern"
tool funclatency __x64_sys_openat -- "$T/work.sh"
said '^ +[0-9]+ -> [0-9]+ +: [1-9][0-9]* ' "funclatency: a histogram"
tool tplist 'syscalls:sys_enter_execve' -- /bin/true
is "$out" "syscalls:sys_enter_execve" "tplist: tracepoints"
if command -v ipcmk >/dev/null; then
	tool shmsnoop -- /bin/sh -c 'ipcmk -M 4096 >/dev/null'
	said '^[0-9]+ +ipcmk +SHMGET +[0-9a-f]+ key: 0x[0-9a-f]+, size: 4096' "shmsnoop"
fi
if unshare -Urm true 2>/dev/null; then
	tool mountsnoop -- unshare -Urm mount -t tmpfs nothing /mnt
	said '^mount +[0-9]+ +[0-9]+ +[0-9]+ +mount\("nothing", "/mnt", "tmpfs", ' "mountsnoop"
fi
tool pidpersec -- /bin/true
like "$err" "kprobe:sched_fork: .*other functions of the kernel are there with --kernel" "a tool for a function of the kernel's own: who has it"
done_testing
