#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Kinds of programs beyond system calls, and names that BCC's programs may use: compiled; what skep has no source for says so.
. "$(dirname "$0")/../cli/lib.sh"
cd "$T"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
cat >kinds.c <<'END'
#include <linux/fs.h>
BPF_HASH(seen, u32, u64);
KFUNC_PROBE(vfs_read, struct file *file, char *buf, size_t count)
{
	seen.increment(file->f_flags, count);
	return 0;
}
KRETFUNC_PROBE(vfs_read, struct file *file, char *buf, size_t count, loff_t *pos, int ret)
{
	seen.increment(ret);
	return 0;
}
KFUNC_PROBE(vfs_fsync) { return 0; }
MODULE_KFUNC_PROBE(nfs, nfs_file_read, struct kiocb *iocb) { return 0; }
MODULE_KRETFUNC_PROBE(nfs, nfs_file_read, struct kiocb *iocb, void *to, int ret) { return ret; }
KMOD_RET(security_file_open, struct file *file, int ret) { return 0; }
LSM_PROBE(file_open, struct file *file) { return file->f_flags & 1; }
BPF_ITER(task) { return ctx->task ? 0 : 1; }
int kfunc__vmlinux__vfs_write(u64 *ctx) { return 0; }
int kretfunc__vmlinux__vfs_write(u64 *ctx) { return 0; }
int lsm__file_permission(u64 *ctx) { return 0; }
END
for clang in clang-14 clang-19; do
	command -v $clang >/dev/null || { skip "$clang" "not there"; continue; }
	CLANG=$clang run "$SKEP" build kinds.c -o kinds.o
	is "$status$err" 0 "$clang: kfunc, kretfunc, modules', fmod_ret, LSM, iterators: without a warning"
done
sections=$(readelf -SW kinds.o | grep -oE ' (fentry|fexit|fmod_ret|lsm|iter)/[^ ]*' | sort | tr -d '\n')
is "$sections" " fentry/nfs:nfs_file_read fentry/vfs_fsync fentry/vfs_read fentry/vfs_write fexit/nfs:nfs_file_read fexit/vfs_read fexit/vfs_write\
 fmod_ret/security_file_open iter/task lsm/file_open lsm/file_permission" "where each goes, in libbpf's words"

sed -n '1,7p' kinds.c >one.c
run "$SKEP" run one.c -- /bin/true
like "$status $err" "^125 one.c: program 'kfunc__vmlinux__vfs_read' \(fentry/vfs_read\) is for a function of the kernel's own: skep has none, Linux has: --kernel" \
	"on skep: who has such functions"
run "$SKEP" run --kernel one.c -- /bin/cat one.c
case $status in
0) like "$out" "seen\[" "on Linux: it ran" ;;
*) skip "on Linux" "$(sed -n 2p <<<"$err")" ;;
esac

cat >names.c <<'END'
BPF_HASH(h, u32, u64);
BPF_PERF_OUTPUT(unused);
static inline int between(int a) { return min(max(a, 3), 9); }
int hello(struct pt_regs *ctx)
{
	u64 words[2] = { 1, 2 }, *p = words;
	u32 one = 1;

	h.increment(between(20)), h.increment(between(-20)), h.increment(min(max(1, 2), max(7, 5)));
	h.increment(10, bpf_ntohll(bpf_htonll(5)) + MASK(4));
	h.increment(11, bpf_ntohs(bpf_htons(99)) + bpf_ntohl(bpf_htonl(1)));
	h.increment(12, (u64)bpf_ntoh128(bpf_hton128(77)) + (u64)MASK128(100));
	h.increment(13, bpf_log2(1024) * 100 + bpf_log2l(1ull << 40));
	h.increment(14, bpf_num_cpus() > 0);
	h.increment(15, 2);
	lock_xadd(&words[1], 40);
	h.increment(16, words[1]);
	h.increment(17, bpf_get_prandom_u32() == bpf_get_prandom_u32());
	h.increment(18, KERNEL_VERSION(6, 1, 2));
	h.increment(19, LINUX_VERSION_CODE > KERNEL_VERSION(4, 0, 0));
	h.increment(20, bpf_get_current_task() != 0);
	return 0;
}
END
run "$SKEP" run -a kprobe:execve names.c -- /bin/true
is "$out" 'h[2]: 1
h[3]: 1
h[9]: 1
h[10]: 20
h[11]: 100
h[12]: 76
h[13]: 1041
h[14]: 1
h[15]: 2
h[16]: 42
h[17]: 0
h[18]: 393474
h[19]: 1
h[20]: 1' "min, max, byte orders, masks, logarithms, the number of CPUs, lock_xadd, versions" || sed 's/^/# /' <<<"$err"
cat >own.c <<'END'
#define min(a, b) ((a) < (b) ? (a) : (b))
static inline int max(int a, int b) { return a > b ? a : b; }
int hello(struct pt_regs *ctx) { return min(1, max(2, 3)); }
END
run "$SKEP" build own.c -o own.o
is "$status$err" 0 "a program's own min() and max()"
done_testing
