#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# BCC's map macros and their methods, compiled and run: what each leaves in its map.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"

cat >hash.c <<'END'
struct pair { u32 a, b; };
BPF_HASH(one);
BPF_HASH(two, u32);
BPF_HASH(three, u32, struct pair);
BPF_HASH(four, u32, u8, 7);
BPF_TABLE("hash", int, u16, table, 10);
int hello(void *ctx)
{
	u64 key = 5, value = 50, *p;
	u32 k = 1;
	struct pair pair = { 3, 4 }, *q;
	int ret;

	one.update(&key, &value);
	p = one.lookup(&key);
	if (p)
		(*p)++;
	key = 6;
	ret = one.insert(&key, &value);
	if (ret == 0 && one.insert(&key, &value) != 0)
		two.increment(100);		/* the second insert must fail */
	key = 7;
	one.update(&key, &value);
	one.delete(&key);
	two.increment(k);
	two.increment(k, 9);
	two.atomic_increment(k);
	two.atomic_increment(k + 1, 20);
	q = three.lookup_or_try_init(&k, &pair);
	if (q)
		q->a += 10;
	q = three.lookup_or_init(&k, &pair);
	q->b += 10;
	four.increment(k, 255);
	four.increment(k);			/* wraps at the leaf's own width */
	table.increment(-2, 300);
	return 0;
}
END
run "$SKEP" run -a kprobe:execve hash.c -- /bin/true
is "$out" 'one[5]: 51
one[6]: 50
two[1]: 11
two[2]: 20
two[100]: 1
three[1]: { .a = 13, .b = 14 }
four[1]: 0
table[-2]: 300' "hashes: lookup, update, insert, delete, increment, lookup_or_(try_)init, BPF_TABLE"

cat >array.c <<'END'
enum where { FIRST, SECOND };
struct key { u32 slot; };
BPF_ARRAY(numbers, u64, 4);
BPF_ARRAY(small, u16, 4);
BPF_ARRAY(plain);
BPF_HISTOGRAM(dist);
BPF_HISTOGRAM(by_key, struct key);
int hello(void *ctx)
{
	int i = SECOND;
	u64 v = 9;
	struct key key = { 3 };

	numbers.update(&i, &v);
	numbers.increment(i);
	small.increment(2);
	plain.increment(10239);
	dist.increment(bpf_log2l(1));
	dist.increment(bpf_log2l(1000));
	dist.atomic_increment(bpf_log2l(1ull << 40));
	by_key.increment(key);
	return 0;
}
END
run "$SKEP" run -a kprobe:execve array.c -- /bin/true
is "$out" 'numbers[1]: 10
small[2]: 1
plain[10239]: 1
dist[1]: 1
dist[10]: 1
dist[41]: 1
by_key[{ .slot = 3 }]: 1' "arrays and histograms"

cat >full.c <<'END'
BPF_HASH(tiny, u32, u64, 1);
BPF_ARRAY(after, u64, 1);
int hello(void *ctx)
{
	u32 a = 1, b = 2;
	u64 zero = 0;

	tiny.lookup_or_init(&a, &zero);
	tiny.lookup_or_init(&b, &zero);		/* no room: the program ends here, with 0 */
	after.increment(0);
	return 1;
}
END
run "$SKEP" run -a kprobe:execve full.c -- /bin/true
is "$out" 'tiny[1]: 0' "lookup_or_init ends the program where there is no room, as in BCC"

cat >per_cpu.c <<'END'
BPF_PERCPU_ARRAY(counts, u64, 2);
BPF_PERCPU_HASH(hash, u32, u32);
int hello(void *ctx)
{
	counts.increment(1);
	hash.increment(4, 2);
	return 0;
}
END
run "$SKEP" run -a kprobe:execve per_cpu.c -- /bin/true
sum() { grep -F "$1" <<<"$out" | sed 's/.*: //; s/|/+/g' | bc 2>/dev/null || grep -F "$1" <<<"$out" | sed 's/.*: //' | tr -d ' ' | tr '|' '\n' | awk '{ s += $1 } END { print s }'; }
is "$(sum 'counts[1]') $(sum 'hash[4]')" "1 2" "per-CPU maps, a value a CPU"

cat >wrong.c <<'END'
struct pair { u32 a, b, c; };
BPF_HASH(pairs, u32, struct pair);
int hello(void *ctx) { pairs.increment(1); return 0; }
END
run "$SKEP" build wrong.c
like "$status $err" "^1 .*increment\(\) of a value that is no integer" "increment of a struct does not compile"
done_testing
