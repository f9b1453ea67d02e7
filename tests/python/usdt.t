#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# USDT probes: found in files and processes, their arguments read by programs (on Linux; skep has no uprobes), semaphores.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "the probes' arguments are written for x86-64"

# Notes as sys/sdt.h leaves them, without it. The second probe has two places.
cat >"$T/target.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#define PROBE(provider, name, semaphore, args, ...)                                                \
	__asm__ volatile("990:	nop\n"                                                                   \
			 "	.pushsection .note.stapsdt,\"?\",\"note\"\n"                                  \
			 "	.balign 4\n"                                                               \
			 "	.4byte 992f-991f, 994f-993f, 3\n"                                          \
			 "991:	.asciz \"stapsdt\"\n"                                                      \
			 "992:	.balign 4\n"                                                               \
			 "993:	.8byte 990b, _.stapsdt.base, " #semaphore "\n"                            \
			 "	.asciz \"" #provider "\"\n"                                                \
			 "	.asciz \"" #name "\"\n"                                                    \
			 "	.asciz \"" args "\"\n"                                                     \
			 "994:	.balign 4\n"                                                               \
			 "	.popsection\n"                                                             \
			 "	.ifndef _.stapsdt.base\n"                                                  \
			 "	.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"     \
			 "	.weak _.stapsdt.base\n"                                                    \
			 "	.hidden _.stapsdt.base\n"                                                  \
			 "_.stapsdt.base:	.space 1\n"                                               \
			 "	.size _.stapsdt.base, 1\n"                                                 \
			 "	.popsection\n"                                                             \
			 "	.endif\n" ::__VA_ARGS__)
unsigned short raised __attribute__((section(".probes")));
long table[4] = { 10, 20, 30, 40 };
static __attribute__((noinline)) void first(int small, const char *text, long *at)
{
	PROBE(test, args, 0, "-4@%%edi 8@%%rsi 8@8(%%rdx) -1@$-7 8@table+16(%%rip) 2@%%dx 8@(%%rdx,%%rcx,8) 8f@%%xmm0",
	      "D"(small), "S"(text), "d"(at), "c"(3l), "m"(table));
}
static __attribute__((noinline)) void second(int which)
{
	if (which)
		PROBE(test, two, 0, "4@%0", "r"(which));
	else
		PROBE(test, two, 0, "8@$99", "r"(which));
}
static __attribute__((noinline)) void third(void)
{
	PROBE(other, guarded, raised, "4@%%eax", "a"(raised));
}
int main(int argc, char **argv)
{
	char line[8];

	for (int round = 0; read(0, line, 1) == 1; round++) {
		first(-5, "a text", table);
		second(7);
		second(0);
		if (raised)
			third();
		printf("%d\n", raised);
		fflush(stdout);
	}
	return 0;
}
END
${CC:-cc} -O1 -o "$T/target" "$T/target.c" 2>"$T/err" || skip_all "the target does not build: $(head -1 "$T/err")"

cat >"$T/list.py" <<END
from bcc import USDT
u = USDT(path="$T/target")
for p in u.enumerate_probes():
    places = [p.get_location(i) for i in range(p.num_locations)]
    print(p.short_name(), p.semaphore != 0, [[str(l.get_argument(i)) for i in range(p.num_arguments) if l.get_argument(i).size] for l in places])
print(u.get_probe_arg_ctype("args", 0), u.get_probe_arg_ctype("test:two", 0))
for wrong in (lambda: u.enable_probe("arg", "f"), lambda: u.enable_probe("none:args", "f"), lambda: u.enable_probe("guarded", "f"),
              lambda: USDT(path="/no/such/file"), lambda: USDT(pid=999999999)):
    try:
        wrong()
    except Exception as e:
        print(type(e).__name__, str(e).split(":")[0].split(chr(10))[0])
END
observe "$T/list.py" -- /bin/true
is "$out" "$(cat <<END
test:args False [['4 signed   bytes @ di', '8 unsigned bytes @ si', '8 unsigned bytes @ *(dx + 8)', '1 signed   bytes @ -7', '8 unsigned bytes @ unrecognized argument format, flags 14', '2 unsigned bytes @ dx', '8 unsigned bytes @ *(dx + 0 + cx * 8)']]
test:two False [['4 unsigned bytes @ di'], ['8 unsigned bytes @ 99']]
other:guarded True [['4 unsigned bytes @ ax']]
int32_t uint64_t
USDTException Failed to enable USDT probe 'arg'
USDTException Failed to enable USDT probe 'none
USDTException Failed to enable USDT probe 'guarded'
USDTException USDT failed to instrument path /no/such/file
USDTException USDT failed to instrument PID 999999999
END
)" "the probes of a file, their places and arguments; what is not there"
like "$err" "no probe arg in $T/target; nearest: args.*guarded has a semaphore: say which process" "and why"

cat >"$T/none.py" <<'END'
from bcc import BPF
BPF(text="int f(struct pt_regs *ctx) { u64 v = 0; bpf_usdt_readarg(1, ctx, &v); return v; }")
END
observe "$T/none.py" -- /bin/true
like "$err" "no USDT probe that has it is enabled for this function" "an argument without a probe: said by the compiler"

cat >"$T/read.py" <<'END'
import ctypes as ct
import subprocess
import sys
from bcc import BPF, USDT
target = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def line():
    target.stdin.write(b"x")
    target.stdin.flush()
    return target.stdout.readline().decode().strip()
print("not raised", line())
u = USDT(pid=target.pid)
u.enable_probe("args", "on_args")
u.enable_probe("test:two", "on_two")
u.enable_probe("other:guarded", "on_guarded")
b = BPF(text=r"""
struct seen { int small; char text[8]; u64 second, table, indexed; s8 constant; u16 low; int ret; };
BPF_ARRAY(args, struct seen, 1);
BPF_HASH(two, u64);
BPF_HASH(guarded, u32);
int on_args(struct pt_regs *ctx) {
    struct seen s = {};
    int zero = 0;
    u64 wrong;
    bpf_usdt_readarg(1, ctx, &s.small);
    bpf_usdt_readarg_p(2, ctx, &s.text, 7);
    bpf_usdt_readarg(3, ctx, &s.second);
    bpf_usdt_readarg(4, ctx, &s.constant);
    bpf_usdt_readarg(5, ctx, &s.table);
    bpf_usdt_readarg(6, ctx, &s.low);
    bpf_usdt_readarg(7, ctx, &s.indexed);
    s.ret = bpf_usdt_readarg(1, ctx, &wrong) + bpf_usdt_readarg(8, ctx, &wrong);
    args.update(&zero, &s);
    return 0;
}
int on_two(struct pt_regs *ctx) {
    u64 v = 0;
    bpf_usdt_readarg(1, ctx, &v);
    two.increment(v);
    return 0;
}
int on_guarded(struct pt_regs *ctx) {
    u32 v = 0;
    bpf_usdt_readarg(1, ctx, &v);
    guarded.increment(v);
    return 0;
}
""", usdt_contexts=[u])
print("raised", line())
s = b["args"][0]
print(s.small, s.text, s.second, s.constant[0] - 256, s.table, s.indexed, s.ret)
print(sorted((k.value, v.value) for k, v in b["two"].items()), [(k.value, v.value) for k, v in b["guarded"].items()])
b.cleanup()
del u
print("let go", line())
target.stdin.close()
target.wait()
END
if [ "$(id -u)" = 0 ] && [ -e /sys/bus/event_source/devices/uprobe/type ] &&
	echo 'int hello(void *ctx) { return 0; }' >"$T/null.c" && "$SKEP" run --kernel -a raw_tp:sys_enter "$T/null.c" -- /bin/true 2>/dev/null; then
	run "$SKEP" run --kernel "$T/read.py" "$T/target"
	is "$out" "not raised 0
raised 1
-5 b'a text' 20 -7 30 40 -2
[(7, 1), (99, 1)] [(1, 1)]
let go 0" "on Linux: each kind of argument, several places, a semaphore" || sed 's/^/# /' <<<"$err"
else
	skip "arguments read by programs" "Linux does not attach uprobes here"
fi
run "$SKEP" run "$T/read.py" "$T/target" -- /bin/true
like "$err" "bpf: uprobe:.*: .*skep run --kernel" "on skep: there are no uprobes, and who has them"
done_testing
