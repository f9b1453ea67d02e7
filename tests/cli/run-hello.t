#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# skep run with BCC's hello: a trace line for every execve of the command's tree, in trace_pipe's format, with the old comm.
. "$(dirname "$0")/lib.sh"

cat >"$T/tree.sh" <<'END'
/bin/true
(exec /bin/true)
/bin/echo out
/nonexistent/command 2>/dev/null
exit 3
END
run "$SKEP" run "$root/examples/hello.c" -- /bin/sh "$T/tree.sh"
is "$status" 3 "exit status is the command's"
traces=$(grep bpf_trace_printk <<<"$out")
is "$(wc -l <<<"$traces")" 5 "one line for every execve, the failing one too"
bad=$(grep -vE '^ *[^ ].{0,15}-[0-9]+ +\[[0-9]{3}\] [.dnNDbB]{5} +[0-9]+\.[0-9]{6}: bpf_trace_printk: Hello World!$' <<<"$traces")
is "$bad" "" "every line has trace_pipe's format"
like "$(sed -n 1p <<<"$traces")" '^ +skep-' "the first execve shows the comm from before it"
like "$(sed -n 2p <<<"$traces")" '^ +sh-' "the shell's children show the shell's"
is "$(grep -v bpf_trace_printk <<<"$out")" out "the command's own output is there"

run "$SKEP" run -a kprobe:execve "$root/examples/hello.c" -- /bin/true
like "$out" 'Hello World!' "--attach kprobe:execve"
is "$err" "" "nothing is noted when --attach says where"
run "$SKEP" run "$root/examples/hello.c" -- /bin/true
like "$err" 'hello\(\) goes to kprobe:execve' "the default target is noted"
run "$SKEP" run --attach hello=kprobe:__x64_sys_execve "$root/examples/hello.c" -- /bin/true
[ "$(uname -m)" = x86_64 ] && like "$out" 'Hello World!' "FN=kprobe: and the kernel's own name"
run "$SKEP" run --interp "$root/examples/hello.c" -- /bin/true
like "$out" 'Hello World!' "--interp"
printf '#!/bin/sh\nexit 4\n' >"$T/shell"
chmod +x "$T/shell"
SHELL=$T/shell run "$SKEP" run "$root/examples/hello.c"
is "$status" 4 "without a command \$SHELL runs"
done_testing
