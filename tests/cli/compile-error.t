#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A program that does not compile: clang's message with the user's own file, line and column; exit 125.
. "$(dirname "$0")/lib.sh"

printf '// one\nBPF_HASH(counts);\n\nint hello(void *ctx)\n{\n\treturn counts.lookup(&nothing) != 0;\n}\n' >"$T/bad.c"
cd "$T"
run "$SKEP" run bad.c -- /bin/echo ran
is "$status" 125 "BCC's dialect: exit 125"
like "$err" "^bad.c:6:24: error: use of undeclared identifier 'nothing'" "file, line and column are the user's"
is "$out" "" "the command did not run"
printf '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\nSEC("xdp") int f(struct xdp_md *ctx)\n{\n\treturn x;\n}\n' >"$T/bad.bpf.c"
run "$SKEP" build bad.bpf.c
is "$status" 1 "libbpf style: build says 1"
like "$err" "bad.bpf.c:5:9: error:" "its line, too"
[ ! -e bad.bpf.o ]
ok $? "no object is left"
printf 'int hello(void *ctx)\n{\n\tstruct { int a[200]; } *p = ctx, s[2] = { *p };\n\t\treturn missing(s);\n' >"$T/open.c"
run "$SKEP" build open.c
is "$status" 1 "a body that is not closed"
like "$err" "open.c:4:" "is told on its line"
printf 'int hello(void *ctx)\n{\n\treturn nowhere(1);\n}\n' >"$T/nowhere.c"
run "$SKEP" run nowhere.c -- /bin/echo ran
is "$status" 125 "a function that is nowhere"
like "$err" "^nowhere.c:3:9: error: implicit declaration of function 'nowhere'" "is told by its line, not by the loader"
CLANG=/nonexistent/clang run "$SKEP" build bad.c
like "$err" "CLANG is '/nonexistent/clang'" "a wrong \$CLANG is named"
printf 'int hello(void *ctx) { return 0; }\n' >good.c
PATH=$T run "$SKEP" run good.c -- /bin/true
is "$status" 125 "no compiler: exit 125"
like "$err" "no clang 14 or later in PATH" "and what to do"
done_testing
