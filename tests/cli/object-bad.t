#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Objects that cannot be run: each gets its own clear message and exit 125, and the command does not run.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
cd "$T"
try() { # NAME REGEX FILE
	run "$skep" run "$3" -- /bin/echo ran
	is "$status" 125 "$1: exit 125"
	like "$err" "$2" "$1: told"
	is "$out" "" "$1: nothing ran"
}
"$skep" build "$root/examples/hello.c" -o good.o
: >empty.o
try "an empty file" "not an object file" empty.o
head -c 4000 /dev/urandom | sed 's/^./x/' >random.o
try "random bytes" "not an object file" random.o
head -c 40 good.o >cut.o
try "cut inside the header" "cut off inside its ELF header" cut.o
head -c 900 good.o >cut.o
try "cut before the sections" "cut off: 900 bytes" cut.o
try "a program of this machine" "compiled for .*, not for BPF" "$skep"
try "a folder" "not a file" .
for n in 1 2 3 4 5 6; do
	# sizes and offsets of section headers overwritten
	{ cat good.o; } >bent.o
	at=$(($(stat -c %s good.o) - 64 * n * 3 + 24))
	printf '\377\377\377\377\377\377\377\177' | dd of=bent.o bs=1 seek=$at conv=notrunc 2>/dev/null
	run "$skep" run bent.o -- /bin/echo ran
	[ "$status" = 125 ] || { [ "$status" = 0 ] && [[ $out == *ran* ]]; }
	ok $? "a bent section header ($n): refused, or of no consequence"
done

cat >unknown.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("frobnicate") int f(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
END
try "an unknown section" "in section 'frobnicate', which names no kind of program" unknown.bpf.c
cat >nolicence.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("kprobe/__x64_sys_execve") int f(void *ctx) { bpf_printk("x"); return 0; }
END
try "no licence and a GPL-only helper" "GPL" nolicence.bpf.c
cat >maptype.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct {
	__uint(type, BPF_MAP_TYPE_STRUCT_OPS);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
} odd SEC(".maps");
SEC("kprobe/__x64_sys_execve") int f(void *ctx) { int k = 0; return bpf_map_lookup_elem(&odd, &k) != 0; }
char LICENSE[] SEC("license") = "GPL";
END
try "a map type not there yet" "map 'odd': type struct_ops .* is not there yet" maptype.bpf.c
sed 's/BPF_MAP_TYPE_STRUCT_OPS/33/' maptype.bpf.c >newer.bpf.c
try "a map type newer than libbpf" "map 'odd': type arena \(33\) is not there yet" newer.bpf.c
sed 's/frobnicate/kprobe/' unknown.bpf.c >bare.bpf.c
try "a section that names no place" "names no place for it: --attach f=KIND:TARGET" bare.bpf.c
cat >rejected.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("kprobe/__x64_sys_execve") int f(void *ctx) { return *(volatile int *)0; }
char LICENSE[] SEC("license") = "GPL";
END
try "a program that the verifier rejects" "R[0-9] invalid mem access 'scalar'" rejected.bpf.c
echo 'char _l[] __attribute__((section("license"))) = "GPL";' >noprog.bpf.c
try "no program" "has no program in it" noprog.bpf.c
done_testing
