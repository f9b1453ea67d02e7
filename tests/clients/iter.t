#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Iterators write the same here as in Linux: over maps, programs, links and elements, in pieces, again, too long.
. "$(dirname "$0")/lib.sh"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this machine has no kernel BTF, so there are no iterators"
take_trace_pipe	# no other such test's maps, programs and links
build_client iter
build_object iter || done_testing

on_skep iter iter "the client runs"
like "$ours" 'it_hash: type 1, key 4, value 8, entries 100' "maps are shown"
as_linux iter iter "as with Linux"

# The same as a file: bpftool pins the iterator, cat reads it.
if ! bpftool version >/dev/null 2>&1; then
	skip "a pinned iterator is read as a file" "no bpftool"
	skip "as Linux's" "no bpftool"
	done_testing
	exit
fi
pin='bpftool map create "$1-map" type hash key 4 value 8 entries 100 name it_pinned && bpftool iter pin "$0" "$1" 2>/dev/null &&
	cat "$1" "$1" | grep -v "^the end"; rm -f "$1" "$1-map"'
run "$SKEP" exec -- bash -c "$pin" "$T/iter.bpf.o" /sys/fs/bpf/pinned
ours=$out
like "$ours" 'it_pinned: type 1, key 4, value 8, entries 100' "a pinned iterator is read as a file"
# Linux lets go of what the client had a while after it has ended
gone() { ! bpftool map list 2>/dev/null | grep -q ' name it_'; }
await gone
run bash -c "$pin" "$T/iter.bpf.o" "/sys/fs/bpf/skep-test-$$"
if ! bpftool prog list >/dev/null 2>&1 || [ ! -w /sys/fs/bpf ]; then
	skip "as Linux's" "bpf(2) or bpffs is not permitted here"
else
	is "$ours" "$out" "as Linux's"
fi
done_testing
