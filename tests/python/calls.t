#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Functions of the library that few call: keys and leaves as text, maps and programs by number, iterators, regular
# expressions for kprobes, symbols and mappings.
. "$(dirname "$0")/lib.sh"

cat >"$T/text.py" <<'END'
import ctypes as ct
from bcc import BPF
b = BPF(text=r"""
struct in { u16 a, b; };
enum color { RED, GREEN };
struct leaf { u64 a; u64 b : 36, c : 28; struct in in[2]; char name[8]; u8 bytes[3]; int minus; enum color color; void *at; };
BPF_HASH(stats, int, struct leaf);
BPF_PROG_ARRAY(programs, 4);
""")
t = b["stats"]
leaf = t.leaf_scanf(b'{ 2 0xabcdef012 77 [ { 1 2 } { 3 4 } ] "skep" [ 7 8 9 ] -5 1 0xffff }')
print(leaf.a, hex(leaf.b), leaf.c, leaf.name, leaf.minus, leaf.color)
print(t.key_sprintf(t.Key(2)).decode(), t.leaf_sprintf(leaf).decode())
back = t.leaf_scanf(t.leaf_sprintf(leaf))
print(ct.string_at(ct.byref(back), ct.sizeof(back)) == ct.string_at(ct.byref(leaf), ct.sizeof(leaf)), t.key_scanf(b" -1").value)
print(b["programs"].key_sprintf(b["programs"].Key(3)).decode())
for wrong in (b"", b"{ 1 }", b"{ 2 3 4 [ { 1 2 } { 3 4 } ] skep [ 7 8 9 ] -5 1 0 }"):
    try:
        t.leaf_scanf(wrong)
    except Exception as e:
        print(e)
END
observe "$T/text.py" -- /bin/true
is "$out" '2 0xabcdef012 77 b'"'skep'"' -5 1
0x2 { 0x2 0xabcdef012 0x4d [ { 0x1 0x2 } { 0x3 0x4 } ] "skep" [ 0x7 0x8 0x9 ] 0xfffffffb 0x1 0xffff }
True -1
0x3
Could not scanf leaf
Could not scanf leaf
Could not scanf leaf' "keys and leaves as text and back"
like "$err" 'not a leaf of table stats: "\{ 1 \}", from: "\}"' "what is no leaf, and where it is not"

cat >"$T/raw.py" <<'END'
import ctypes as ct
import os
from bcc import BPF
from bcc.libbcc import lib
u64 = ct.c_ulonglong
fd = lib.bcc_create_map(1, b"by_number", 4, 8, 16, 0)
key, value = ct.c_uint(3), u64(9)
lib.bpf_update_elem(fd, ct.byref(key), ct.byref(value), 0)
value.value = 0
lib.bpf_lookup_elem(fd, ct.byref(key), ct.byref(value))
print("map", fd > 2, value.value, lib.bcc_create_map(1, b"none", 0, 8, 16, 0))
insns = (u64 * 2)(0xb7 | 5 << 32, 0x95)
lib.bcc_prog_load.argtypes = [ct.c_int, ct.c_char_p, ct.c_void_p, ct.c_int, ct.c_char_p, ct.c_uint, ct.c_int, ct.c_char_p, ct.c_uint]
print("program", lib.bcc_prog_load(1, b"five", insns, 16, b"GPL", 0, 0, None, 0) > 2,
      lib.bcc_prog_load(1, b"five", insns, 8, b"GPL", 0, 0, None, 0))

b = BPF(text=r"""
#include <linux/sched.h>
BPF_ITER(bpf_map) {
    char text[] = "a map\n";
    if (ctx->map)
        bpf_seq_write(ctx->meta->seq, text, sizeof(text) - 1);
    return 0;
}
""")
link = lib.bcc_iter_attach(b.load_func("bpf_iter__bpf_map", 26).fd, None, 0)
it = lib.bcc_iter_create(link)
print("iterator", b"a map\n" in os.read(it, 4096), lib.bcc_iter_create(-1))

found = []
CB = ct.CFUNCTYPE(None, ct.c_char_p, ct.c_char_p, u64, ct.c_void_p)
lib.bcc_procutils_each_ksym(CB(lambda name, module, address, arg: found.append(name) if name == b"__x64_sys_execve" or name == b"__arm64_sys_execve" else None), None)
print("symbols", len(found) >= 1)
class Module(ct.Structure):
    _fields_ = [("name", ct.c_char_p), ("start", u64), ("end", u64), ("offset", u64), ("major", u64), ("minor", u64), ("inode", u64)]
modules = []
MCB = ct.CFUNCTYPE(ct.c_int, ct.POINTER(Module), ct.c_int, ct.c_void_p)
def each(m, inside, arg):
    modules.append((m.contents.name, m.contents.start, m.contents.offset))
    return 0
lib.bcc_procutils_each_module(os.getpid(), MCB(each), None)
ours = [m for m in modules if b"libbcc.so.0" in m[0]]
where = u64()
lib.bcc_resolve_global_addr.argtypes = [ct.c_int, ct.c_char_p, u64, ct.c_ubyte, ct.POINTER(u64)]
r = lib.bcc_resolve_global_addr(os.getpid(), ours[0][0], ours[0][2], 0, ct.byref(where))
print("mappings", len(ours), r, where.value == ours[0][1], lib.bcc_resolve_global_addr(os.getpid(), b"/no/such", 0, 0, ct.byref(where)))
print("none", lib.bcc_buildsymcache_add_module(None, b"/bin/true"))
END
want='map True 9 -1
program True -1
iterator True -1
symbols True
mappings 1 0 True -1
none -1'
observe "$T/raw.py" -- /bin/true
is "$out" "$want" "maps, programs and iterators by number; symbols and mappings" || sed 's/^/# /' <<<"$err"
like "$err" "has no bcc_buildsymcache_add_module\(\): BPF_STACK_TRACE keeps addresses" "what is not there says what there is"
if [ "$(id -u)" = 0 ]; then
	observe --kernel "$T/raw.py" -- /bin/true
	if grep -q "Operation not permitted" <<<"$err"; then skip "on Linux" "not permitted"; else is "$out" "$want" "on Linux" || sed 's/^/# /' <<<"$err"; fi
fi

cat >"$T/expression.py" <<'END'
import time
from bcc import BPF
b = BPF(text="BPF_HASH(h, u32, u64); int hello(void *ctx) { h.increment(1); return 0; }")
b.attach_kprobe(event_re="^__(x64|arm64)_sys_(execve|reboot)$", fn_name="hello")
print(b.num_open_kprobes())
try:
    time.sleep(99)
except KeyboardInterrupt:
    print([v.value for v in b["h"].values()])
END
observe "$T/expression.py" -- /bin/sh -c '/bin/true; exec /bin/true'
is "$out" "2
[3]" "kprobes by a regular expression" || sed 's/^/# /' <<<"$err"
done_testing
