#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep verify: table, exit status, --prog, --log, --json, and files that are none.
. "$(dirname "$0")/lib.sh"
skep=$(realpath "$SKEP")
cd "$T"

cat >two.bpf.c <<'END'
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, long);
} counts SEC(".maps");

SEC("xdp")
int good(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int bad(struct xdp_md *ctx)
{
	int key = 0;
	long *count = bpf_map_lookup_elem(&counts, &key);

	return *count;
}

char LICENSE[] SEC("license") = "GPL";
END

run "$skep" verify
is "$status" 2 "no file: exit 2"
run "$skep" verify --log 9 two.bpf.c
is "$status" 2 "a log level that is none: exit 2"
run "$skep" verify none.bpf.o
is "$status" 2 "no such file: exit 2"
printf 'not an object' >text.o
run "$skep" verify text.o
is "$status" 2 "no object: exit 2"
like "$err" "text.o" "and it is named"

run "$skep" verify two.bpf.c
if [[ $err == *clang* && $status = 2 ]]; then skip_all "no clang"; fi
is "$status" 1 "one program is rejected: exit 1"
like "$out" 'good +xdp +accepted' "the good one is accepted"
like "$out" 'bad +xdp +rejected' "the bad one is not"
like "$out" 'error: `count` may be NULL here' "and why"
like "$out" 'two.bpf.c:23:9' "and where"

run "$skep" verify --prog good two.bpf.c
is "$status" 0 "--prog: only that one, accepted: exit 0"
[[ $out != *bad* ]]
ok $? "nothing is said of the other"
run "$skep" verify --prog other two.bpf.c
is "$status" 2 "--prog of a program that is not there: exit 2"
like "$err" "no program 'other'" "named"

run "$skep" verify --log 1 --prog bad two.bpf.c
like "$out" "R0 invalid mem access 'map_value_or_null'" "--log 1: the verifier's log"
like "$out" "processed [0-9]+ insns \(limit 1000000\)" "with its last line"
run "$skep" verify --json two.bpf.c
is "$status" 1 "--json: the same exit status"
like "$out" '"accepted": true' "--json: a verdict"
like "$out" '"kind": "null_deref"' "a kind"
like "$out" '"line": 23' "a place"
if command -v python3 >/dev/null; then
	python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$T/out"
	ok $? "it is JSON"
else
	skip "it is JSON" "no python3"
fi
run "$skep" verify "$root/examples/hello.c"
is "$status" 0 "a program in BCC's dialect is judged as what it would be attached to"
like "$out" 'hello +kprobe +accepted' "a kprobe"
run "$skep" run "$root/examples/count-opens.bpf.c" -- true
is "$status" 125 "skep run of a program that is rejected"
like "$err" 'error: `event` may be NULL here' "tells it the same way"
run "$skep" verify --btf "$T/none" two.bpf.c
is "$status" 2 "--btf of a file that is not there: exit 2"
run "$skep" verify --btf "$root/README.md" two.bpf.c
is "$status" 2 "--btf of a file that is no BTF: exit 2"
like "$err" "README.md: cannot be read as BTF" "and told"
is "$out" "" "nothing is judged"
done_testing
