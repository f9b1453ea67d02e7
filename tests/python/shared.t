#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tables of several programs: public and extern ones, pinned ones, maps of maps.
. "$(dirname "$0")/lib.sh"

cat >"$T/shared.py" <<'END'
import ctypes as ct
import os
from bcc import BPF

a = BPF(text=r"""
BPF_TABLE_PUBLIC("hash", u32, u64, counts, 16);
BPF_TABLE_SHARED("array", int, u64, also, 4);
int on_a(void *ctx) { counts.increment(1); return 0; }
""")
b = BPF(text=r"""
BPF_TABLE("extern", u32, u64, counts, 0);
BPF_TABLE("extern", int, u64, also, 0);
int on_b(void *ctx) { counts.increment(2, 10); also.increment(3, 7); return 0; }
""")
try:
    BPF(text='BPF_TABLE("extern", u32, u64, count, 0); int f(void *ctx) { return 0; }')
except Exception as e:
    print("unknown:", e)

# the pin of another program's that is there already, and with one that has other keys
text = 'BPF_TABLE_PINNED("hash", u32, u64, kept, 16, "%s"); int f(void *ctx) { kept.increment(5); return 0; }'
pin = os.environ["PIN"]
c = BPF(text=text % pin)
d = BPF(text=text % pin)
c["kept"][ct.c_uint(1)] = ct.c_ulonglong(11)
print("pinned", [(k.value, v.value) for k, v in d["kept"].items()])
try:
    BPF(text='BPF_TABLE_PINNED("hash", u64, u64, kept, 16, "%s"); int f(void *ctx) { return 0; }' % pin)
except Exception as e:
    print("other keys:", e)
os.unlink(pin)

m = BPF(text=r"""
BPF_ARRAY(one, u64, 2);
BPF_ARRAY(two, u64, 2);
BPF_ARRAY_OF_MAPS(both, "one", 2);
BPF_HASH_OF_MAPS(named, u32, "one", 4);
BPF_TABLE("hash_of_maps$one", u32, int, third, 4);
int on_m(void *ctx) {
    int which = 1, at = 0;
    u32 name = 77;
    u64 *n;
    void *inner = both.lookup(&which);
    if (inner && (n = bpf_map_lookup_elem(inner, &at)))
        *n += 5;
    inner = named.lookup(&name);
    if (inner && (n = bpf_map_lookup_elem(inner, &at)))
        *n += 100;
    return third.lookup(&name) != 0;
}
""")
m["both"][ct.c_int(0)] = ct.c_int(m["one"].get_fd())
m["both"][ct.c_int(1)] = ct.c_int(m["two"].get_fd())
m["named"][ct.c_uint(77)] = ct.c_int(m["one"].get_fd())
print(type(m["both"]).__name__, type(m["named"]).__name__)

execve = a.get_syscall_fnname("execve")
for x, name in ((a, "on_a"), (b, "on_b"), (m, "on_m")):
    x.attach_kprobe(event=execve, fn_name=name)
try:
    import time
    time.sleep(99)
except KeyboardInterrupt:
    print("shared", sorted((k.value, v.value) for k, v in a["counts"].items()), a["also"][3].value)
    print("inner", m["one"][0].value, m["two"][0].value)
END
want='unknown: Failed to compile BPF module <text>
pinned [(1, 11)]
other keys: Failed to compile BPF module <text>
MapInMapArray MapInMapHash
shared [(1, 1), (2, 10)] 7
inner 100 5'
PIN=/sys/fs/bpf/skep-$$ observe "$T/shared.py" -- /bin/true
is "$out" "$want" "on skep"
like "$err" "table 'count' is extern, and no BPF object of this process has it public; nearest: counts" "a table nobody has"
like "$err" "couldn't reuse pinned map at '/sys/fs/bpf/skep-$$': parameter mismatch" "a pin of another table"

if [ "$(id -u)" = 0 ] && [ "$(stat -fc %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] &&
	PIN=/sys/fs/bpf/skep-$$ observe --kernel "$T/shared.py" -- /bin/true && ! grep -q "cannot be created" <<<"$err"; then
	# others execute things, too: counts are of the whole machine
	is "$(grep -v '^shared\|^inner' <<<"$out")" "$(grep -v '^shared\|^inner' <<<"$want")" "on Linux"
	like "$out" 'shared \[\(1, [1-9][0-9]*\), \(2, [1-9][0-9]*\)\] [1-9].*inner [1-9][0-9]*00 [1-9]' "and its programs shared them"
else
	skip "on Linux" "no bpffs, or not permitted"
fi
rm -f "/sys/fs/bpf/skep-$$" 2>/dev/null
done_testing
