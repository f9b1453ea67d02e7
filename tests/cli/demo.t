#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `make demo` shows: every execve of the tree, the counter's map, every packet; and the variant's dropped ones.
. "$(dirname "$0")/lib.sh"
command -v "${CC:-cc}" >/dev/null || skip_all "no C compiler"
command -v clang >/dev/null || skip_all "no clang"
export SKEP

run "$root/examples/demo.sh"
is "$status" 0 "the demo ends well" || { tail -20 "$T/err" | sed 's/^/# /'; tail -5 "$T/out" | sed 's/^/# /'; }
trace='^ *[^ ]+-[0-9]+ +\[[0-9]{3}\] [^ ]+ +[0-9]+\.[0-9]{6}: bpf_trace_printk: '

# Part one: what is between its title and the next one's.
part() { sed -n "/^$1 of 3:/,/^$(($1 + 1)) of 3:\|^…/p" "$T/out"; }
is "$(part 1 | grep -cE "${trace}Hello World!")" 4 "hello: the script, true, the static program, the execve that fails"
like "$(part 1)" 'hello from a static program' "hello: the static program ran"
is "$(part 1 | grep -E "$trace" | sed -E 's/^ *([^ ]+)-[0-9]+ .*/\1/' | sort | uniq -c | awk '$2 == "tree.sh" { print $1 }')" 3 \
	"hello: three of them under the old name, the script's"
like "$(part 2)" 'counter_table' "hello-map: the map's name"
like "$(part 2)" "$(id -u)" "hello-map: the user"
is "$(sed -n '/^3 of 3/,/^…/p' "$T/out" | grep -oE "${trace}Hello World [0-9]+" | sed 's/.* //' | tr '\n' ' ')" \
	"0 1 2 3 4 5 6 7 8 9 10 11 " "hello XDP: one line a packet, the counter increasing"
like "$out" 'in.pcap and out.pcap are the same' "hello XDP: what passes is what came"
is "$(sed -n '/^…/,$p' "$T/out" | grep -cE "${trace}dropped a packet of protocol 1$")" 6 "the variant drops the pings"
like "$out" 'in.pcap has 816 bytes, kept.pcap 420' "… and keeps the others"
done_testing
