#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# <bcc/proto.h>: fields of packets' headers read and written through cursors, checksums; on skep, and the same on Linux.
. "$(dirname "$0")/lib.sh"

cat >"$T/packet.py" <<'END'
import ctypes as ct
import platform
import struct
from bcc import BPF

b = BPF(text=r"""
#include <bcc/proto.h>
struct mine_t { uint16_t id; u8 low : 3, high : 5; char letter; u32 wide : 24, last : 8; } BPF_PACKET_HEADER;
struct seen { u64 dst, src, type, ver, hlen, df, mf, foffset, ttl, from, to, sport, id, low, high, letter, wide, last, bytes; };
BPF_ARRAY(seen, struct seen, 1);
static int skip_ip(struct __sk_buff *skb, struct ip_t *ip)
{
    return ip->hlen * 4 - sizeof(*ip);
}
int read(struct __sk_buff *packet)
{
    u8 *cursor = 0;
    struct seen s = {};
    int zero = 0;

    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    s.dst = ethernet->dst, s.src = ethernet->src;
    s.type = ethernet->type;
    switch (ethernet->type) {
    case ETH_P_IP: goto ip;
    default: return 0;
    }
ip: {
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    s.ver = ip->ver, s.hlen = ip->hlen, s.df = ip->df, s.mf = ip->mf, s.foffset = ip->foffset;
    s.ttl = ip->ttl;
    s.from = ip->src, s.to = ip->dst;
    if (ip->nextp != 17 && ip->nextp == ip->nextp)
        return 1;
    cursor_advance(cursor, skip_ip(packet, ip));
    struct udp_t *udp = cursor_advance(cursor, sizeof(*udp));
    s.sport = udp->sport;
    struct mine_t *mine = cursor_advance(cursor, sizeof(*mine));
    s.id = mine->id, s.low = mine->low, s.high = mine->high, s.letter = mine->letter, s.wide = mine->wide, s.last = mine->last;
    s.bytes = load_byte(packet, 0) + load_half(packet, 12) + load_dword(packet, 0);
    seen.update(&zero, &s);
    return 7;
}
}
int change(struct __sk_buff *skb)
{
    u8 *cursor = 0;
    struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    u32 old = ip->dst, new = 0x0a0b0c0d;
    u16 old_ttl = ip->ttl << 8 | ip->nextp, new_ttl;

    ethernet->src = ethernet->dst;
    ip->ttl = ip->ttl - 1;
    new_ttl = ip->ttl << 8 | ip->nextp;
    ip->df = 0, ip->foffset = 5;
    ip->dst = new;
    incr_cksum_l3(&ip->hchecksum, old, new);
    incr_cksum_l3(&ip->hchecksum, old_ttl, new_ttl);
    bpf_store_half(skb, 12, 0x86dd);
    return 0;
}
int none(struct __sk_buff *skb)
{
    u8 *cursor = (u8 *)9999;
    struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
    return ip->ttl + 5;		/* beyond the packet: ends with 0 */
}
""")

def run(fn, packet):
    data = ct.create_string_buffer(packet, len(packet))
    out = ct.create_string_buffer(256)
    attr = (ct.c_char * 80)()
    struct.pack_into("=IIIIQQ", attr, 0, fn.fd, 0, len(packet), 256, ct.addressof(data), ct.addressof(out))
    r = ct.CDLL(None, use_errno=True).syscall(280 if platform.machine() == "aarch64" else 321, 10, ct.byref(attr), 80)
    if r:
        raise OSError(ct.get_errno(), "test run")
    _, ret, _, size = struct.unpack_from("=IIII", attr, 0)
    return ret, out.raw[:size]

packet = bytes.fromhex("112233445566" "a1a2a3a4a5a6" "0800" "46001234abcd4123" "4011" "beef" "c0a80001" "08080404" "01010101"
                       "1f900035001000" "00" "cafe" "ad" "5a" "01020304") + bytes(40)
print(run(b.load_func("read", BPF.SCHED_CLS), packet)[0])
s = b["seen"][0]
print(" ".join("%s=%x" % (n, getattr(s, n) if isinstance(getattr(s, n), int) else ord(getattr(s, n))) for n, *_ in s._fields_))
ret, out = run(b.load_func("change", BPF.SCHED_CLS), packet)
print(ret, out[:38].hex())
print(run(b.load_func("none", BPF.SCHED_CLS), packet)[0])
END
want='7
dst=112233445566 src=a1a2a3a4a5a6 type=800 ver=4 hlen=6 df=1 mf=0 foffset=123 ttl=40 from=c0a80001 to=8080404 sport=1f90 id=cafe low=5 high=d letter=5a wide=10203 last=4 bytes=112233445566a9b3
0 11223344556611223344556686dd46001234abcd00053f11b5e3c0a800010a0b0c0d01010101
0'
observe "$T/packet.py" -- /bin/true
is "$out" "$want" "on skep: fields read, written, checksums, the end of the packet" || sed 's/^/# /' <<<"$err"
observe --kernel "$T/packet.py" -- /bin/true
if grep -q "Operation not permitted\|super-user" <<<"$err"; then skip "on Linux" "not permitted"; else
	is "$out" "$want" "on Linux" || sed 's/^/# /' <<<"$err"
fi

cat >"$T/wrong.py" <<'END'
from bcc import BPF
BPF(text="#include <bcc/proto.h>\nint f(struct __sk_buff *skb) {\n u8 *cursor = 0;\n"
         " struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));\n return ip->tlt;\n}")
END
observe "$T/wrong.py" -- /bin/true
like "$err" "/virtual/main.c:5:13: error: no member named 'tlt'" "a field that is not there: named, in the user's line"
done_testing
