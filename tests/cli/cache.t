#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The object cache: a second run needs no compiler; what changed is compiled again; damage does no harm.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
mkdir "$T/empty"
cd "$T"
printf '#define N 1\n' >head.h
printf '#include "head.h"\nint hello(void *ctx) { return N; }\n' >prog.c
without() { PATH=$T/empty run "$skep" build prog.c -o "$1"; }

run "$skep" build prog.c -o one.o
is "$status" 0 "compiled"
entry=$(echo cache/skep/*.bpf.o)
[ -f "$entry" ]
ok $? "an entry is in \$XDG_CACHE_HOME/skep"
is "$(stat -c %a cache/skep)" 700 "the folder is the user's alone"
without two.o
is "$status" 0 "again, without a compiler"
cmp -s one.o two.o
ok $? "the same object"
touch head.h
without two.o
is "$status" 0 "a header that was only touched is the same"
printf '#define N 2\n' >head.h
without two.o
is "$status" 1 "a header that changed is not"
run "$skep" build prog.c -o two.o
cmp -s one.o two.o
is $? 1 "compiled again, another object"
cp "$entry" good
damage() {
	without three.o
	is "$status" 1 "$1: not used"
	run "$skep" build prog.c -o three.o
	is "$status:$(cmp two.o three.o)" "0:" "$1: made anew"
}
head -c 300 good >"$entry"; damage "cut off"
head -c 5000 /dev/urandom >"$entry"; damage "random bytes"
: >"$entry"; damage "empty"
{ head -c -1 good; printf x; } >"$entry"; damage "one byte changed"
rm "$entry"; ln -s "$T/good" "$entry"; damage "a symbolic link"
rm "$entry"; mkdir "$entry"
run "$skep" build prog.c -o three.o
is "$status" 0 "a folder in its place does no harm"
rmdir "$entry"
chmod 500 cache/skep
run "$skep" build prog.c -o three.o
is "$status" 0 "a folder that cannot be written does no harm"
chmod 700 cache/skep
XDG_CACHE_HOME=relative run "$skep" build prog.c -o three.o
[ ! -e relative ]
ok $? "a relative \$XDG_CACHE_HOME is not used"
done_testing
