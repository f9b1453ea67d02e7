#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep build X.S: assembly becomes an object without any compiler, and dump, verify and run take it.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
cd "$T"
mkdir empty
export CLANG=/nowhere

cat >my-pass.S <<'S'
# everybody passes
	.text
	.section xdp,"ax",@progbits
	.globl pass
pass:
	r2 = *(u32 *)(r1 + 4); r1 = *(u32 *)(r1 + 0)	/* two lines
	.of comment */
	r0 = 2
	if r1 != r2 goto .Lout
	r3 = 0x123456789 ll
	w0 += 0
.Lout:
	exit
	.section license,"aw",@progbits
	.globl _license
_license:
	.asciz "Dual BSD/GPL"
	.size _license, 13
	.addrsig
	.addrsig_sym _license
S
PATH=$T/empty run "$skep" build my-pass.S
is "$status$err" 0 "builds without a compiler"
"$skep" dump my-pass.bpf.o >dumped
like "$(<dumped)" "section xdp:"$'\n\n'"0+ <pass>:" "section and function are the directives'"
like "$(tail -n 1 dumped)" "exit$" "up to its last instruction"
if objdump=$(type -P llvm-objdump-19); then
	is "$(<dumped)" "$("$objdump" -d --mcpu=v4 my-pass.bpf.o)" "dump is llvm-objdump's"
else
	skip "dump is llvm-objdump's" "no llvm-objdump-19"
fi
grep -qa "Dual BSD/GPL" my-pass.bpf.o
ok $? "the license is the one given"

printf 'r0 = 0\nexit\n' >a-b.S
run "$skep" build a-b.S -o out.o
"$skep" dump out.o >dumped
like "$(<dumped)" "section socket:"$'\n\n'"0+ <a_b>:" "without directives: socket, and the file's stem"
grep -qa GPL out.o
ok $? "and GPL"
"$skep" dump a-b.S | sed 's/^a-b.S:/out.o:/' | cmp -s - dumped
ok $? "dump takes the source"
run "$skep" verify my-pass.S
is "$status" 0 "verify takes the source" || sed 's/^/# /' <<<"$err"
printf '.section tracepoint/syscalls/sys_enter_execve\nr0 = 0\nexit\n' >exec.S
run "$skep" run exec.S -- true
is "$status" 0 "run takes the source" || sed 's/^/# /' <<<"$err"

# refused TEXT MESSAGE: exit status 1 and the message after the file's name
refused() {
	printf "$1" >bad.S
	rm -f bad.bpf.o
	run "$skep" build bad.S
	is "$status $(head -n 1 <<<"$err")" "1 bad.S:$2" "${3:-$2}"
	[ ! -e bad.bpf.o ] || ok 1 "no object is left"
}
refused 'r0 = 0\n.section xdp\nr99 = 1\nexit\n' '3: "r99" is not an instruction'
refused 'r0 = 0\ngoto nowhere\nexit\n' '2: no label "nowhere"'
refused '.section xdp\nexit\n.section tc\n' '3: section "tc" after "xdp": one program in one section is all there can be'
refused 'exit\n.long 3\n' '2: ".long" is not a directive that skep knows'
refused 'exit\n.section\n' '2: name expected'
refused 'exit\n.asciz "GPL"\n' '2: data outside section license'
refused '.section license\nexit\n' '2: instruction in section license'
refused '# nothing\n' '1: no instructions'
refused "exit\n.globl $(printf 'x%.0s' {1..200})\n" '2: name longer than 127 bytes'
refused 'call f\nexit\nf: exit\n' ' instruction 0 calls a function of the program: an object of assembly holds one function'
refused 'exit\0\n' ' not text (it has NUL bytes)'
done_testing
