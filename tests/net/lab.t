#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# examples/xdp/lab: the three programs on real traffic, without privilege, and that nothing is left behind.
. "$(dirname "$0")/../cli/lib.sh"
command -v clang >/dev/null || skip_all "no clang"
PATH=$PATH:/usr/sbin:/sbin
for tool in ip unshare nsenter setpriv "${CC:-cc}"; do command -v "$tool" >/dev/null || skip_all "no $tool"; done
unshare -Urn true 2>/dev/null || skip_all "no user namespaces: unshare -Urn is forbidden here"
unshare -Urn ip link add skept0 type veth peer name skept1 2>/dev/null || skip_all "no veth pairs in this kernel"
SKEP=$(realpath "$SKEP") TMPDIR=$T
export SKEP TMPDIR

run "$root/examples/xdp/lab"
is "$status" 0 "the lab ends well" || sed 's/^/# /' "$T/err" "$T/out"
part() { sed -n "/^$1 of 3:/,/^$(($1 + 1)) of 3:/p" "$T/out"; }
is "$(part 1 | grep -c 'answers [123]$')" 3 "hello: three answers"
is "$(part 1 | grep -o 'Hello World [0-9]*$' | head -8)" "$(seq -f 'Hello World %.0f' 0 7)" \
	"hello: the program saw address, ping and answer, each"
like "$(part 1)" "left to right: ([0-9]+) packets: ([0-9]+) passed, 0 dropped" "hello: all passed"
like "$(part 2)" "8080: connected" "ports: one is open"
like "$(part 2)" "2222: no answer" "ports: the other is not"
like "$(part 2)" 'bpf_trace_printk: no connection to port 2222' "ports: told"
like "$(part 2)" 'refused\[2222\]: [1-9]' "ports: counted"
like "$(part 2)" "left to right: [0-9]+ packets: [0-9]+ passed, [1-9][0-9]* dropped" "ports: dropped"
count() { part 3 | sed -n "s/^networks.*address = \[ $1 \] }\]: //p"; }
[ "$(count "198, 51, 100, 0")" -ge 2 ] && [ "$(count "192, 0, 2, 0")" -ge 12 ]
ok $? "addresses: both networks are counted"
is "$(part 3 | grep -c '^networks')" 2 "addresses: there are no others"

run "$root/examples/xdp/lab" sh -c 'ip -o link show left; on b ip -o -4 addr show b0; exit 3'
like "$status $out" "^3 .* left@.*inet 192\.0\.2\.2/24" "a command of one's own, in the middle"
is "$(ls "$T" | grep -c skep-lab)" 0 "nothing is left behind"
run env PATH="$T" "$BASH" "$root/examples/xdp/lab"
like "$status $err" "^1 lab: no (ip|unshare|nsenter|setpriv) here" "without the tools: named"
done_testing
