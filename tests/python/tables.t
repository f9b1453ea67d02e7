#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tables from Python: every class, keys and leaves of all kinds of types, batches, histograms.
. "$(dirname "$0")/lib.sh"
py() {
	cat >"$T/t.py"
	observe "$T/t.py"
}

py <<'END'
import ctypes as ct
from bcc import BPF
b = BPF(text=r"""
struct inner { u8 a; u16 b; };
enum kind { ONE = 1, TWO };
struct leaf { char name[8]; struct inner in; u64 big; union { u32 x; u8 bytes[4]; }; s16 two[2][3]; enum kind kind; void *ptr;
              u32 low : 3, high : 5; bool yes; } ;
struct tight { u8 a; u32 b; u64 c; } __attribute__((packed));
struct wide { u8 a; u64 b __attribute__((aligned(16))); };
BPF_HASH(plain);
BPF_HASH(leaves, u32, struct leaf);
BPF_HASH(tights, struct tight, struct tight);
BPF_HASH(wides, u32, struct wide);
BPF_ARRAY(array, u32, 4);
BPF_PERCPU_ARRAY(percpu, u64, 2);
BPF_PERCPU_HASH(perhash, u32, u64);
BPF_LPM_TRIE(trie, u64, u32, 8);
BPF_QUEUE(queue, u32, 3);
BPF_STACK(stack, u32, 3);
BPF_STACK_TRACE(traces, 64);
BPF_HISTOGRAM(dist);
int hello(void *ctx) { return 0; }
""")
def show(*words): print(*words)

p = b["plain"]
for i in range(5): p[ct.c_ulonglong(i)] = ct.c_ulonglong(i * i)
show("hash", len(p), sorted((k.value, v.value) for k, v in p.items()), p[p.Key(3)].value, p.Key(9) in p)
del p[p.Key(4)]
p.zero()
show("zero", sorted((k.value, v.value) for k, v in p.items()))
p.clear()
show("clear", len(p))
keys, values = (p.Key * 3)(1, 2, 3), (p.Leaf * 3)(10, 20, 30)
p.items_update_batch(keys, values)
show("batch", sorted((k.value, v.value) for k, v in (( ct.c_ulonglong(k), ct.c_ulonglong(v)) for k, v in p.items_lookup_batch())))
show("taken", sorted(v for k, v in p.items_lookup_and_delete_batch()), len(p))

l = b["leaves"]
leaf = l.Leaf()
leaf.name, leaf.__setattr__
leaf.name = b"skep"
getattr(leaf, "in").b = 77
leaf.big, leaf.x, leaf.kind, leaf.low, leaf.high, leaf.yes = 1 << 40, 0x01020304, 2, 5, 17, True
leaf.two[5] = -3
l[l.Key(1)] = leaf
back = l[l.Key(1)]
show("struct", back.name, getattr(back, "in").b, back.big, list(back.bytes), back.two[5], back.kind, back.low, back.high, back.yes)
t = b["tights"]
show("packed", ct.sizeof(t.Key), t.Key.c.offset)
t[t.Key(1, 2, 3)] = t.Leaf(4, 5, 6)
show("packed", [(k.a, k.b, k.c, v.a, v.b, v.c) for k, v in t.items()])
w = b["wides"]
show("aligned", ct.sizeof(w.Leaf), w.Leaf.b.offset)

a = b["array"]
a[1] = a.Leaf(7)
a[-1] = a.Leaf(9)
show("array", len(a), [v.value for v in a.values()])
del a[1]
show("array", [v.value for v in a.values()])
c = b["percpu"]
n = len(c[0])
c[1] = (ct.c_ulonglong * n)(*range(1, n + 1))
show("percpu", c.sum(1).value == n * (n + 1) // 2, c.max(1).value == n)
h = b["perhash"]
h[h.Key(5)] = (ct.c_ulonglong * n)(*[2] * n)
show("perhash", h.sum(h.Key(5)).value == 2 * n)
q = b["queue"]
for i in (1, 2, 3): q.push(q.Leaf(i))
show("queue", q.peek().value, [v.value for v in q.values()])
s = b["stack"]
for i in (1, 2, 3): s.push(s.Leaf(i))
show("stack", s.peek().value, [v.value for v in s.values()])
show("traces", ct.sizeof(b["traces"].Leaf), type(b["traces"]).__name__)
d = b["dist"]
for i, v in ((1, 2), (2, 4), (4, 1)): d[d.Key(i)] = d.Leaf(v)
d.print_log2_hist("us")
show("classes", [type(b[x]).__name__ for x in ("trie", "queue", "percpu", "array", "plain")])
END
is "$out" "$(cat <<'END'
hash 5 [(0, 0), (1, 1), (2, 4), (3, 9), (4, 16)] 9 False
zero [(0, 0), (1, 0), (2, 0), (3, 0)]
clear 0
batch [(1, 10), (2, 20), (3, 30)]
taken [10, 20, 30] 0
struct b'skep' 77 1099511627776 [4, 3, 2, 1] -3 2 5 17 True
packed 13 5
packed [(1, 2, 3, 4, 5, 6)]
aligned 32 16
array 4 [0, 7, 0, 9]
array [0, 0, 0, 9]
percpu True True
perhash True
queue 1 [1, 2, 3]
stack 3 [3, 2, 1]
traces 1016 StackTrace
     us                  : count     distribution
         0 -> 1          : 2        |********************                    |
         2 -> 3          : 4        |****************************************|
         4 -> 7          : 0        |                                        |
         8 -> 15         : 1        |**********                              |
classes ['LpmTrie', 'QueueStack', 'PerCpuArray', 'Array', 'HashTable']
END
)" "tables"
grep -v 'was not run' <<<"$err" | sed 's/^/# /'

# Records whose fields BCC cannot tell of keep the layout for those that follow
cat >"$T/work.py" <<'END'
import os
os.getppid()
END
py <<END
from bcc import BPF
b = BPF(text=r"""
struct pair { u32 a, b; };
struct event { u8 kind; struct pair pair; u64 when; char name[5]; u8 mac[6]; s16 small; void *ptr; u32 last; };
BPF_PERF_OUTPUT(out);
int on_call(void *ctx) {
    struct event e = { .kind = 3, .pair = { 1, 2 }, .when = 77, .name = "abcd", .small = -5, .last = 99 };
    e.mac[5] = 0xee;
    out.perf_submit(ctx, &e, sizeof(e));
    return 0;
}
""")
def on_event(cpu, data, size):
    e = b["out"].event(data)
    print(e.kind, list(e.pair), e.when, e.name, e.mac[5], e.small, e.ptr, e.last)
b["out"].open_perf_buffer(on_event)
b.attach_kprobe(event=b.get_syscall_fnname("getppid"), fn_name="on_call")
while True:
    b.perf_buffer_poll()
END
observe "$T/t.py" -- /usr/bin/python3 "$T/work.py"
is "$out" "3 [1, 2] 77 b'abcd' 238 -5 None 99" "a record with nested, padded and odd fields"
done_testing
