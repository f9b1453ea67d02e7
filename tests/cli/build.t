#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep build: an object beside the source or where -o says, that runs where there is no compiler.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
cd "$T"
cp "$root"/examples/hello.c "$root"/examples/hello.bpf.c "$root"/examples/xdp-drop.bpf.c .

run "$skep" build hello.c
is "$status$err" 0 "hello.c builds"
[ -s hello.bpf.o ]
ok $? "to hello.bpf.o"
mkdir empty
PATH=$T/empty run "$skep" run hello.bpf.o -- /bin/true
like "$out" "Hello World!" "the object runs without a compiler"
run "$skep" build xdp-drop.bpf.c
[ -s xdp-drop.bpf.o ]
ok $? "x.bpf.c gives x.bpf.o"
"$skep" build hello.bpf.c -o - >piped
is "$(head -c 4 piped | tail -c 3)" ELF "-o - is standard output"
run "$skep" build hello.bpf.c -o none/x.o
is "$status" 1 "a folder that is not there: 1"
like "$err" "none/x.o: No such file" "named"
run "$skep" build none.c
is "$status" 1 "no source: 1"
run "$skep" build
is "$status" 2 "no argument: 2"
run "$skep" build a.c b.c
is "$status" 2 "two sources: 2"
done_testing
