#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Maps of a program: printed at the end, chosen with --maps, and while the command runs with --every.
. "$(dirname "$0")/lib.sh"
uid=$(id -u)

run "$SKEP" run "$root/examples/hello-map.c" -- /bin/sh -c '/bin/true; /bin/true; exec /bin/true'
is "$out" "counter_table[$uid]: 4" "the counter per uid at the end"
run "$SKEP" run --maps none "$root/examples/hello-map.c" -- /bin/true
is "$out" "" "--maps none"
run "$SKEP" run --maps counter_table "$root/examples/hello-map.c" -- /bin/true
is "$out" "counter_table[$uid]: 1" "--maps with names"

# The command goes on when it has seen a line printed while it ran, so no time is measured.
mkfifo "$T/go"
"$SKEP" run --every 0.05 "$root/examples/hello-map.c" -- /bin/sh -c "read x <'$T/go'; exit 0" >"$T/lines" 2>/dev/null &
pid=$!
exec 9>"$T/go"
printed() { [ "$(grep -c "counter_table" "$T/lines")" -ge 2 ]; }
await printed
is "$(sort -u "$T/lines")" "counter_table[$uid]: 1" "--every prints while the command runs"
echo >&9
exec 9>&-
wait "$pid"
is $? 0 "the command ended well"

cat >"$T/types.c" <<'END'
struct key_t { u32 a; char comm[8]; };
enum color { RED, GREEN };
struct value_t { s32 small; u64 big; enum color color; u16 list[3]; u32 low : 4, high : 4; };
BPF_HASH(by_struct, struct key_t, struct value_t);
BPF_ARRAY(numbers, s32, 8);
BPF_HASH(sorted, u32, s8);
int hello(void *ctx)
{
	struct key_t key = { 7, "ab\"c" };
	struct value_t value = { -3, 1ull << 40, GREEN, { 1, 2, 3 }, 5, 6 };
	int at = 3;
	s32 minus = -1;
	u32 k;
	s8 v = -8;

	by_struct.update(&key, &value);
	numbers.update(&at, &minus);
	k = 300, sorted.update(&k, &v);
	k = 20, sorted.update(&k, &v);
	return 0;
}
END
run "$SKEP" run "$T/types.c" -- /bin/true
is "$out" 'by_struct[{ .a = 7, .comm = "ab\"c" }]: { .small = -3, .big = 1099511627776, .color = GREEN, .list = [ 1, 2, 3 ], .low = 5, .high = 6 }
numbers[3]: -1
sorted[20]: -8
sorted[300]: -8' "entries are written by their types, sorted by key; zero array elements are left out"
done_testing
