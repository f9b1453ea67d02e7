#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep dump prints what llvm-objdump of LLVM 19 prints, -d and -S; loaded programs with their lines.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
cd "$T"
run "$skep" dump --explain='b7 02 00 00 0f 00 00 00'
like "$out" '^b7' "--explain=BYTES tells an instruction"
like "$out" 'r2 = 0xf' "and what it does"
run "$skep" dump --explain=b7
is "$status" 2 "--explain of less than an instruction"
run "$skep" dump --explain=zz
is "$status" 2 "--explain of what is no hex"
run "$skep" dump --prog other "$root/examples/hello.c"
is "$status" 2 "--prog of a function that is not there: exit 2"
like "$err" "no function 'other'" "named"
if [ -c /dev/full ]; then
	"$skep" dump "$root/examples/hello.c" >/dev/full 2>full
	is "$? $(<full)" "1 skep: standard output could not be written wholly" "a full disk: said, exit 1"
fi
run "$skep" dump "$T/none.o"
is "$status" 2 "no such file: exit 2"
run "$skep" dump --xlated "$root/examples/hello-map.c"
is "$status$err" 0 "--xlated loads"
like "$out" '^hello:
   0: \(85\) call bpf_get_current_uid_gid#15
.*: \(18\) r1 = map\[id:[0-9]+\]
.*: \(95\) exit$' "and shows what bpftool would"
run "$skep" dump --jited --prog hello "$root/examples/hello.c"
if [[ $err == *"has no machine code"* ]]; then skip "--jited" "no back end here"; else
	like "$status $out" '^0 hello:
   0:	[a-z]+.*ret' "--jited shows machine code"
fi
run "$skep" dump --jited --prog none "$root/examples/hello.c"
like "$status $err" "^1 .*no function 'none'" "--jited of a function that is not there"
run "$skep" dump --jited --explain "$root/examples/hello.c"
is "$status" 2 "--jited goes without --explain"

cat >lines.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int counter;

static __attribute__((noinline)) int twice(int a)
{
	return a * counter;
}

SEC("xdp")
int lines(struct xdp_md *ctx)
{
	int length = ctx->data_end - ctx->data;

	counter += 3;
	return twice(length) & 1 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
END
"$skep" build lines.c -o lines.o
"$skep" build "$root/examples/hello.c" -o hello.o
mv lines.c gone.c
run "$skep" dump --xlated -S lines.o
is "$status$err" 0 "--xlated -S"
like "$out" '^lines:
; 	int length = ctx->data_end - ctx->data;
   0: .*
; 	counter \+= 3;
 .*; 	return twice\(length\).*
 .*exit
; 	return a \* counter;
 .*exit$' "shows the lines that the object keeps before their instructions, its functions' too"
is "$(grep -v '^;' <<<"$out" | sed 's/id:[0-9]*//')" "$("$skep" dump --xlated lines.o | sed 's/id:[0-9]*//')" "and the instructions as without -S"
run "$skep" dump --jited -S lines.o
if [[ $err == *"has no machine code"* ]]; then skip "--jited -S" "no back end here"; else
	like "$status $out" '^0 lines:
; 	int length = ctx->data_end - ctx->data;
   0:	.*
; 	counter \+= 3;
 .*; 	return twice\(length\).*
; 	return a \* counter;
 .*ret' "--jited -S shows them before their machine code"
	"$skep" dump --jited -S hello.o | grep -v '^;' >with
	"$skep" dump --jited hello.o >without
	is "$(sed 's/\tcall.*//' with)" "$(sed 's/\tcall.*//' without)" "and the code as without -S"
fi
clang=$(command -v clang-19 || command -v clang-14 || command -v clang)
if [ -z "$clang" ]; then skip "--xlated -S without BTF" "no clang"; else
	echo '__attribute__((section("xdp"))) int bare(void *ctx) { return 2; }' >bare.c
	"$clang" -target bpf -O2 -c bare.c -o bare.o
	is "$("$skep" dump --xlated -S bare.o 2>&1)" "$("$skep" dump --xlated bare.o 2>&1)" "without BTF there are no lines to show"
fi

cat >calls.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
int counter;

static __attribute__((noinline)) int add(int a, int b)
{
	return a * b + counter;
}

SEC("xdp")
int first(struct xdp_md *ctx)
{
#pragma nounroll
	for (int i = 0; i < 10; i++)
		counter += add(i, ctx->data);
	if (counter > 5 &&
	    counter < 9)
		return XDP_DROP;
	return XDP_PASS;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&counter, 3);
	return add(1, 2);
}

char LICENSE[] SEC("license") = "GPL";
END
"$skep" dump --prog second -S calls.c >one 2>/dev/null
is "$(grep -c '^[0-9a-f]* <.*>:$' one)" 1 "--prog shows one function"
like "$(<one)" '; 	__sync_fetch_and_add\(&counter, 3\);' "with its source"
objdump=$(command -v llvm-objdump-19) || { skip "like llvm-objdump" "no llvm-objdump-19"; done_testing; }
for clang in clang-14 clang-19; do
	command -v $clang >/dev/null || { skip "$clang's objects" "no $clang"; continue; }
	for flags in "-mcpu=v3 -g" "-mcpu=v3 -gdwarf-4" "-mcpu=v2 -g0" "-mcpu=v1 -g"; do
		$clang -target bpf $flags -O2 -idirafter "/usr/include/$(uname -m)-linux-gnu" -c calls.c -o calls.o
		"$skep" dump calls.o >ours
		"$objdump" -d --mcpu=v4 calls.o >theirs
		is "$(diff ours theirs)" "" "$clang $flags: -d"
		"$skep" dump -S calls.o >ours
		"$objdump" -S --mcpu=v4 calls.o >theirs 2>/dev/null
		is "$(diff ours theirs)" "" "$clang $flags: -S"
	done
done
for program in hello.c hello-map.c hello.bpf.c xdp-drop.bpf.c; do
	"$skep" build "$root/examples/$program" -o example.o
	(cd "$root" && "$skep" dump -S "$T/example.o" >"$T/ours"; "$objdump" -S --mcpu=v4 "$T/example.o" >"$T/theirs" 2>/dev/null)
	is "$(diff ours theirs)" "" "$program: -S"
done
run "$skep" dump --prog nowhere example.o
like "$status $err" "^2 .*has no function 'nowhere'" "a function that is not there"
is "$out" "" "and nothing else"
run "$skep" dump --xlated --jited example.o
is "$status" 2 "--xlated and --jited: exit 2"
mv calls.c gone.c
"$skep" dump -S calls.o | grep -q '; 	return a \* b + counter;'
ok $? "without the source file, the lines that the object keeps"
done_testing
