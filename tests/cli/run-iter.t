#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Iterators under skep run: their text is printed, at once or when the command has ended; as with Linux.
. "$(dirname "$0")/lib.sh"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this machine has no kernel BTF, so there are no iterators"
[ -e /usr/include/bpf/bpf_helpers.h ] || skip_all "no libbpf headers"

cat >"$T/maps.bpf.c" <<'END'
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
char LICENSE[] SEC("license") = "GPL";
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } it_array SEC(".maps");
SEC("iter/bpf_map") int maps(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map && map->name[0] == 'i' && map->name[1] == 't' && map->name[2] == '_')
		BPF_SEQ_PRINTF(ctx->meta->seq, "map %s of %u\n", map->name, map->max_entries);
	return 0;
}
SEC("iter/bpf_map_elem") int elements(struct bpf_iter__bpf_map_elem *ctx)
{
	u32 *key = ctx->key;
	u64 *value = ctx->value;

	if (key && value) {
		BPF_SEQ_PRINTF(ctx->meta->seq, "%u: %llu\n", *key, *value);
		*value += 10;
	}
	return 0;
}
END
text='map it_array of 3
0: 0
1: 0
2: 0'
after='it_array[0]: 10
it_array[1]: 10
it_array[2]: 10'
run "$SKEP" run --maps none "$T/maps.bpf.c" </dev/null
is "$status:$out" "0:$text" "iterators alone are run at once; vmlinux.h need not be brought"
is "$err" "" "without a word"
run "$SKEP" run "$T/maps.bpf.c" -- sh -c 'echo first; exit 3'
is "$status:$out" "3:first
$text
$after" "with a command: when it has ended, before the maps"
if [ "$(id -u)" = 0 ] && "$SKEP" run --kernel --maps none "$T/maps.bpf.c" >"$T/kernel" 2>/dev/null; then
	is "$(grep -Ev 'map it_' "$T/kernel")" "$(grep -v 'map it_' <<<"$text")" "as with Linux"
else
	skip "as with Linux" "bpf(2) is not permitted here"
fi

# With two maps, somebody has to say which.
sed 's/ it_array SEC.*/&\nstruct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 3); __type(key, u32); __type(value, u64); } it_hash SEC(".maps");/' \
	"$T/maps.bpf.c" >"$T/two.bpf.c"
run "$SKEP" run "$T/two.bpf.c" -- true
is "$status" 125 "two maps, and none is named"
like "$err" "program 'elements' goes over a map's elements: say --attach elements=iter:MAP; maps that have some: it_array, it_hash" \
	"which are told"
run "$SKEP" run --maps none -a elements=iter:it_hash "$T/two.bpf.c"
is "$status:$(sort <<<"$out")" "0:map it_array of 3
map it_hash of 3" "one is named"
run "$SKEP" run -a elements=iter:nothing "$T/two.bpf.c"
like "$status:$err" "125:.*maps that have some: it_array, it_hash" "a map that is none"
run "$SKEP" run -a maps=iter:it_hash "$T/two.bpf.c"
like "$status:$err" "125:.*'maps' goes over no map's elements" "a map for an iterator that takes none"
run "$SKEP" run -a iter:counter_table "$root/examples/hello-map.c"
like "$status:$err" "125:.*program 'hello' is no iterator" "a program that is none"

# Too long for one element: the text up to there, and why.
cat >"$T/long.bpf.c" <<'END'
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct value { char bytes[40000]; };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, struct value); } it_long SEC(".maps");
SEC("iter/bpf_map_elem") int elements(struct bpf_iter__bpf_map_elem *ctx)
{
	void *value = ctx->value;

	if (value)
		bpf_seq_write(ctx->meta->seq, value, 40000);
	return 0;
}
END
run "$SKEP" run "$T/long.bpf.c"
like "$status:$err" "125:.*iterator 'elements' ended early: Argument list too long" "an element whose text is too long"

# What there is no iterator of.
sed 's/struct value.*//; s/^struct {.*//; s,iter/bpf_map_elem,iter/task,; s/bpf_iter__bpf_map_elem/bpf_iter__task/; s/ctx->value/ctx->task/; s/void \*value/struct task_struct *value/; s/value, 40000/value->comm, 4/' \
	"$T/long.bpf.c" >"$T/task.bpf.c"
run "$SKEP" run "$T/task.bpf.c"
like "$status:$err" "125:program elements: there is no iterator task here.*as its section 'iter/task' says: Operation not supported" \
	"an iterator that skep has not"

# Where none can be made, it is said why.
: >"$T/no-folder"
run env XDG_CACHE_HOME="$T/no-folder" "$SKEP" run --maps none "$T/maps.bpf.c"
like "$status:$err" "125:note: .*maps.bpf.c: a vmlinux.h of this kernel cannot be made .*: Not a directory" "no place for a vmlinux.h"

# A vmlinux.h of one's own is the one that counts.
echo '#error "mine"' >"$T/vmlinux.h"
run "$SKEP" run --maps none "$T/maps.bpf.c"
like "$status:$err" '125:.*"mine"' "a vmlinux.h beside the program wins"
done_testing
