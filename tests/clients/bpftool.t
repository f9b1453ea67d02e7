#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The distribution's bpftool, unmodified and unprivileged, does under skep exec what the book does with it.
. "$(dirname "$0")/../cli/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
command -v bpftool >/dev/null || skip_all "no bpftool"
clang=$(command -v clang || command -v clang-14 || command -v clang-19) || skip_all "no clang"
cat >"$T/hello.bpf.c" <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int counter = 0;

SEC("xdp")
int hello(struct xdp_md *ctx) {
    bpf_printk("Hello World %d", counter);
    counter++;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
END
"$clang" -target bpf -I"/usr/include/$(uname -m)-linux-gnu" -g -O2 -c "$T/hello.bpf.c" -o "$T/hello.bpf.o" 2>/dev/null ||
	skip_all "no headers to build a program with"

# in_hive SCRIPT: with the program loaded and pinned, in one skep exec
in_hive() { run "$SKEP" exec -- bash -c "cd '$T' && bpftool prog load hello.bpf.o /sys/fs/bpf/hello && { $1"$'\n'"}"; }

in_hive 'ls /sys/fs/bpf; bpftool prog list'
is "$status$err" 0 "prog load"
like "$out" '^hello'$'\n''[0-9]+: xdp  name hello  tag [0-9a-f]{16}  gpl' "prog list shows it, ls the pin"
like "$out" 'xlated [0-9]+B  (not )?jited.*  memlock 4096B  map_ids [0-9]+,[0-9]+' "with its sizes and maps"
like "$out" 'btf_id [0-9]+' "and its BTF"

in_hive '
id=$(bpftool prog list | sed -n "s/: xdp.*//p") tag=$(bpftool prog list | sed -n "s/.*tag \([0-9a-f]*\).*/\1/p")
for how in "id $id" "name hello" "tag $tag" "pinned /sys/fs/bpf/hello"; do bpftool prog show $how --pretty | grep -c "\"name\": \"hello\""; done'
is "$status $out" "0 1
1
1
1" "prog show by id, name, tag and pin"
in_hive 'bpftool prog show name hello --pretty'
for key in '"id": [0-9]+,' '"type": "xdp",' '"tag": "[0-9a-f]{16}",' '"gpl_compatible": true,' '"bytes_xlated": [0-9]+,' \
	"\"uid\": $(id -u)," '"map_ids": \[[0-9]+,[0-9]+'; do
	like "$out" "$key" "pretty: $key"
done
in_hive 'bpftool prog dump xlated name hello'
like "$out" '^int hello\(struct xdp_md \* ?ctx\):'$'\n''; bpf_printk' "dump xlated: with the function and its source lines"
like "$out" 'call bpf_trace_printk#[0-9]+' "helpers by name"
like "$out" 'r[0-9] = map\[id:[0-9]+\]\[0\]\+0' "maps by id"
in_hive 'bpftool prog dump jited name hello'
if [[ $err =~ "No libbfd support" ]]; then
	skip "dump jited" "this bpftool was built without"
else
	like "$out" 'ret' "dump jited"
fi
in_hive 'bpftool map list'
like "$out" '[0-9]+: array  name hello.bss  flags 0x400'$'\n\t''key 4B  value 4B  max_entries 1' "map list: .bss"
like "$out" '[0-9]+: array  name hello.rodata  flags 0x480' "map list: .rodata, read-only"
in_hive 'bpftool map dump name hello.bss; bpftool map dump name hello.rodata'
like "$out" '"counter": 0' "map dump .bss, by its BTF"
like "$out" '"hello.____fmt": "Hello World %d"' "map dump .rodata"
in_hive 'bpftool map update name hello.bss key 0 0 0 0 value 7 0 0 0; bpftool map lookup name hello.bss key 0 0 0 0'
like "$out" '"counter": 7' "map update and lookup"

# what trace_pipe says is read while the program runs
in_hive '
head -c 100 /dev/zero >packet
for reader in "cat /sys/kernel/debug/tracing/trace_pipe" "cat /sys/kernel/tracing/trace_pipe" "bpftool prog tracelog"; do
	$reader >lines & reader=$!
	bpftool prog run pinned /sys/fs/bpf/hello data_in packet repeat 3 >>ran
	for i in $(seq 12000); do [ "$(wc -l <lines)" -lt 3 ] || break; sleep 0.01; done
	kill $reader; wait $reader 2>/dev/null
	cat lines
done; bpftool map dump name hello.bss'
is "$status" 0 "the trace pipe's readers"
is "$(grep -c '^ *bpftool-[0-9]* *\[[0-9]*\].*: bpf_trace_printk: Hello World [0-8]$' <<<"$out")" 9 "each line once, from who ran the program"
like "$out" '"counter": 9' "the counter counted"

in_hive 'rm /sys/fs/bpf/hello; bpftool prog list; bpftool map list; ls -A /sys/fs/bpf'
is "$status$out$err" 0 "rm of the pin: all is gone"
in_hive 'rm /sys/fs/bpf/none; rmdir /sys/fs/bpf; touch /sys/fs/bpf/file; mkdir /sys/fs/bpf/d && mv /sys/fs/bpf/hello /tmp; cat /sys/fs/bpf/hello; true'
like "$err" "'/sys/fs/bpf/none': No such file" "rm of nothing"
like "$err" "'/sys/fs/bpf': Device or resource busy" "rmdir of the root"
like "$err" "'/sys/fs/bpf/file': Permission denied" "no other file can be made"
in_hive 'mkdir -p /sys/fs/bpf/a/b; bpftool prog pin name hello /sys/fs/bpf/a/b/c; cd /sys/fs; find bpf | sort; stat -c %F bpf/a bpf/a/b/c; stat -f -c %T bpf /sys/kernel/tracing; rm -r bpf/a; ls bpf'
is "$out" "bpf
bpf/a
bpf/a/b
bpf/a/b/c
bpf/hello
directory
regular empty file
bpf_fs
tracefs
hello" "folders: find, stat, rm -r" || sed 's/^/# /' <<<"$err"
[ ! -e /sys/fs/bpf/hello ]
ok $? "nothing of it is in Linux's bpffs"
in_hive 'cat /sys/bus/event_source/devices/kprobe/type /sys/kernel/tracing/events/raw_syscalls/sys_enter/id; ls /sys/kernel/debug/tracing/events'
like "$out" '^[0-9]+'$'\n''[0-9]+'$'\n''raw_syscalls'$'\n''sched'$'\n''syscalls$' "event_source and tracefs"
run "$SKEP" exec -- bpftool prog list
is "$status$out$err" 0 "another hive has none of it"
run "$SKEP" exec --as-root -- bpftool feature probe kernel
is "$status" 0 "feature probe"
like "$out" 'eBPF program_type xdp is available' "says what there is"
run "$SKEP" exec --as-root -- bash -c 'id -u; id -g; id -G | grep -c .; bpftool prog list'
like "$out" '^0'$'\n''0' "--as-root: root and nobody else"
done_testing
