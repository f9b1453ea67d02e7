#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The book's way to an object file: its Makefile rule, `file`, `llvm-objdump -S`; and skep takes what came out.
. "$(dirname "$0")/../cli/lib.sh"
command -v clang >/dev/null || skip_all "no clang"
command -v make >/dev/null || skip_all "no make"
[ -e /usr/include/bpf/bpf_helpers.h ] || skip_all "no libbpf headers"
SKEP=$(realpath "$SKEP")
cp "$root/examples/hello.bpf.c" "$T"
${CC:-cc} -o "$T/packets" "$root/examples/xdp/packets.c" || skip_all "no C compiler"
cd "$T" || exit 1
"$T/packets" >in.pcap

printf '%s\n' 'hello.bpf.o: %.o: %.c' '	clang \' '	-target bpf \' '	-I/usr/include/$(shell uname -m)-linux-gnu \' \
	'	-g \' '	-O2 -c $< -o $@' >Makefile
run env -u MAKEFLAGS -u MAKELEVEL make
is "$status" 0 "make builds hello.bpf.o" || sed "s/^/# /" "$T/err"
if command -v file >/dev/null; then
	like "$(file hello.bpf.o)" 'hello.bpf.o: ELF 64-bit LSB relocatable, eBPF, version 1 \(SYSV\), with debug_info, not stripped' \
		"file tells what it is"
else
	skip "file" "no file(1)"
fi
found=
for objdump in llvm-objdump-14 llvm-objdump-19 llvm-objdump; do
	command -v $objdump >/dev/null || continue
	found=1
	run $objdump -S hello.bpf.o
	like "$out" 'hello.bpf.o:	file format elf64-bpf' "$objdump -S: the format"
	like "$out" 'Disassembly of section xdp:.*0000000000000000 <hello>:.*;     counter\+\+;.*;     return XDP_PASS;.*exit' \
		"$objdump -S: section, function, lines, instructions"
done
[ -n "$found" ] || skip "llvm-objdump -S" "no llvm-objdump"
run "$SKEP" dump -S hello.bpf.o
like "$out" '0000000000000000 <hello>:.*;     counter\+\+;.*;     return XDP_PASS;.*exit' "skep dump -S shows the same"
run "$SKEP" run hello.bpf.o --pcap in.pcap
is "$(grep -o 'Hello World [0-9]*$' <<<"$out" | tail -1)" "Hello World 11" "skep run runs it"
done_testing
