/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCC's dialect as plain C: what programs written for BCC compile against. skep puts this header in
 * front of them; it needs no other header, kernel or not.
 *
 * table.lookup(&key) is C here: maps.h, which follows, has the macros of maps and their methods. What a header
 * cannot do, src/bcc/dialect.c does on the tokens: sections of functions, arguments bound from
 * registers, increment(key) with its default, type names in quotes.
 */
#ifndef SKEP_BCC_H
#define SKEP_BCC_H

/* ---- types; <linux/types.h> may come later and says the same ---- */

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef __u16 __be16, __le16, __sum16;
typedef __u32 __be32, __le32, __wsum;
typedef __u64 __be64, __le64;
typedef unsigned long size_t;
typedef unsigned long uintptr_t;
typedef int pid_t;
typedef _Bool bool;

#define true 1
#define false 0
#ifndef NULL
#define NULL ((void *)0)
#endif
#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset
#define TASK_COMM_LEN 16
#define PAGE_SIZE 4096
#define lock_xadd(ptr, by) ((void)__sync_fetch_and_add(ptr, by))

/* ---- what of linux/bpf.h such programs use; that header is then not wanted any more ---- */

#define __LINUX_BPF_H__
#ifndef SKEP_KERNEL_TYPES
enum {
	BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK = 4,
	BPF_F_NO_PREALLOC = 1, BPF_F_NO_COMMON_LRU = 2, BPF_F_RDONLY_PROG = 128, BPF_F_WRONLY_PROG = 256,
	BPF_F_MMAPABLE = 1024,
	BPF_F_SKIP_FIELD_MASK = 0xff, BPF_F_USER_STACK = 256, BPF_F_FAST_STACK_CMP = 512,
	BPF_F_REUSE_STACKID = 1024, BPF_F_USER_BUILD_ID = 2048, BPF_F_STACK_BUILD_ID = 32,
	BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0, BPF_RB_RING_SIZE, BPF_RB_CONS_POS, BPF_RB_PROD_POS,
};
#endif
#define BPF_F_INDEX_MASK 0xffffffffULL
#define BPF_F_CURRENT_CPU BPF_F_INDEX_MASK

enum skep_map_type {
	SKEP_MAP_hash = 1, SKEP_MAP_array, SKEP_MAP_prog, SKEP_MAP_perf_output, SKEP_MAP_percpu_hash,
	SKEP_MAP_percpu_array, SKEP_MAP_stacktrace, SKEP_MAP_cgroup_array, SKEP_MAP_lru_hash,
	SKEP_MAP_lru_percpu_hash, SKEP_MAP_lpm_trie, SKEP_MAP_array_of_maps, SKEP_MAP_hash_of_maps,
	SKEP_MAP_devmap, SKEP_MAP_sockmap, SKEP_MAP_cpumap, SKEP_MAP_xskmap, SKEP_MAP_sockhash,
	SKEP_MAP_cgroup_storage, SKEP_MAP_percpu_cgroup_storage = 21, SKEP_MAP_queue, SKEP_MAP_stack,
	SKEP_MAP_sk_storage, SKEP_MAP_ringbuf = 27, SKEP_MAP_inode_storage, SKEP_MAP_task_storage,
	SKEP_MAP_histogram = SKEP_MAP_array, SKEP_MAP_perf_array = SKEP_MAP_perf_output,
};

#ifndef SKEP_KERNEL_TYPES
enum xdp_action { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
struct bpf_raw_tracepoint_args {
	u64 args[0];
};
struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority,
		ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id, family,
		remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
};
struct bpf_pidns_info {
	u32 pid, tgid;
};
struct bpf_perf_event_value {
	u64 counter, enabled, running;
};
struct bpf_cgroup_storage_key {
	u64 cgroup_inode_id;
	u32 attach_type;
};
struct bpf_stack_build_id {
	int status;
	unsigned char build_id[20];
	union {
		u64 offset, ip;
	};
};
struct bpf_spin_lock {
	u32 val;
};
struct bpf_timer {
	u64 __opaque[2];
} __attribute__((aligned(8)));
#endif
#define TC_ACT_UNSPEC (-1)
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2

/*
 * ---- registers at a probed function, as the kernel names them ----
 *
 * Never the kernel's own struct: where they lie is fixed, and without kprobes (load/unprobed.c) their loads become others,
 * which a relocation to the running kernel's struct would not recognize.
 */

#if defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31], sp, pc, pstate;
};
#define SKEP_REG(ctx, x86, arm) ((ctx)->arm)
#else
#define _ASM_X86_PTRACE_H
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags,
		sp, ss;
};
#define SKEP_REG(ctx, x86, arm) ((ctx)->x86)
#endif
#define PT_REGS_PARM1(ctx) SKEP_REG(ctx, di, regs[0])
#define PT_REGS_PARM2(ctx) SKEP_REG(ctx, si, regs[1])
#define PT_REGS_PARM3(ctx) SKEP_REG(ctx, dx, regs[2])
#define PT_REGS_PARM4(ctx) SKEP_REG(ctx, cx, regs[3])
#define PT_REGS_PARM5(ctx) SKEP_REG(ctx, r8, regs[4])
#define PT_REGS_PARM6(ctx) SKEP_REG(ctx, r9, regs[5])
#define PT_REGS_RET(ctx) SKEP_REG(ctx, sp, regs[30])
#define PT_REGS_FP(ctx) SKEP_REG(ctx, bp, regs[29])
#define PT_REGS_RC(ctx) SKEP_REG(ctx, ax, regs[0])
#define PT_REGS_IP(ctx) SKEP_REG(ctx, ip, pc)
#define PT_REGS_SP(ctx) SKEP_REG(ctx, sp, sp)
/* a system call's function gets one argument: the registers at its entry, where the fourth is r10 */
#define PT_REGS_SYSCALL_REGS(ctx) ((struct pt_regs *)PT_REGS_PARM1(ctx))
#define PT_REGS_SYSCALL_CTX(ctx) PT_REGS_SYSCALL_REGS(ctx)
#define SKEP_SYSCALL_PARM4(ctx) SKEP_REG(ctx, r10, regs[3])
#define PT_REGS_PARM1_SYSCALL(regs) PT_REGS_PARM1(regs)
#define PT_REGS_PARM2_SYSCALL(regs) PT_REGS_PARM2(regs)
#define PT_REGS_PARM3_SYSCALL(regs) PT_REGS_PARM3(regs)
#define PT_REGS_PARM4_SYSCALL(regs) SKEP_SYSCALL_PARM4(regs)
#define PT_REGS_PARM5_SYSCALL(regs) PT_REGS_PARM5(regs)
#define PT_REGS_PARM6_SYSCALL(regs) PT_REGS_PARM6(regs)

#include "helpers.h"

/* tells the loader that t->field through the kernel's pointer t is meant as bpf_probe_read() */
static char skep_dialect SEC(".skep.bcc") = 1;

#define bpf_trace_printk(format, ...)                                                              \
	({                                                                                         \
		char skep_format[] = format;                                                       \
		bpf_trace_printk_raw(skep_format, sizeof(skep_format), ##__VA_ARGS__);             \
	})
#define bpf_probe_read_kernel_ bpf_probe_read_kernel
#define bpf_get_prandom bpf_get_prandom_u32

#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohl(x) __builtin_bswap32(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#define ntohs bpf_ntohs
#define htons bpf_htons
#define ntohl bpf_ntohl
#define htonl bpf_htonl
#define be64_to_cpu(x) __builtin_bswap64(x)
#define bpf_ntohll(x) __builtin_bswap64(x)
#define bpf_htonll(x) __builtin_bswap64(x)
static __always_inline __attribute__((nodebug)) unsigned __int128 bpf_ntoh128(unsigned __int128 v)
{
	return (unsigned __int128)__builtin_bswap64((u64)v) << 64 | __builtin_bswap64((u64)(v >> 64));
}
#define bpf_hton128 bpf_ntoh128
#define MASK(bits) ((bits) < 64 ? (1ull << (bits)) - 1 : ~0ull)
#define MASK128(bits) ((bits) < 128 ? ((unsigned __int128)1 << (bits)) - 1 : ~(unsigned __int128)0)

/* of a packet, in the host's order; outside of it the program ends with 0, as classic BPF has it */
u64 load_byte(void *skb, u64 offset) __asm__("llvm.bpf.load.byte");
u64 load_half(void *skb, u64 offset) __asm__("llvm.bpf.load.half");
u64 load_word(void *skb, u64 offset) __asm__("llvm.bpf.load.word");
static __always_inline __attribute__((nodebug)) u64 load_dword(void *skb, u64 offset)
{
	return load_word(skb, offset) << 32 | load_word(skb, offset + 4);
}
#define SKEP_STORE(name, type, swap)                                                               \
	static __always_inline __attribute__((nodebug)) void bpf_store_##name(void *skb, u64 offset, u64 value) \
	{                                                                                          \
		type v = swap((type)value);                                                        \
		bpf_skb_store_bytes(skb, offset, &v, sizeof(v), 0);                                \
	}
SKEP_STORE(byte, u8, )
SKEP_STORE(half, u16, __builtin_bswap16)
SKEP_STORE(word, u32, __builtin_bswap32)
SKEP_STORE(dword, u64, __builtin_bswap64)
#define cursor_advance(cursor, length)                                                             \
	({                                                                                         \
		void *skep_at = (void *)(cursor);                                                  \
		(cursor) += (length);                                                              \
		skep_at;                                                                           \
	})

/* BCC's logarithms for histograms: 0 for 0, else the position of the highest bit, from 1 (log2 of a 32-bit v: from 0) */
static __always_inline __attribute__((nodebug)) unsigned int bpf_log2(unsigned int v)
{
	unsigned int r = (v > 0xffff) << 4, shift;

	v >>= r;
	shift = (v > 0xff) << 3, v >>= shift, r |= shift;
	shift = (v > 0xf) << 2, v >>= shift, r |= shift;
	shift = (v > 0x3) << 1, v >>= shift, r |= shift;
	return r | v >> 1;
}
static __always_inline __attribute__((nodebug)) unsigned int bpf_log2l(unsigned long v)
{
	unsigned int high = v >> 32;

	return high ? bpf_log2(high) + 33 : bpf_log2(v) + 1;
}

/* ---- strings in tracepoint records: an offset and a length say where they are ---- */

#define TP_DATA_LOC_READ_CONST(dst, field, length)                                                 \
	bpf_probe_read_kernel((void *)(dst), length, (char *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ(dst, field)                                                               \
	bpf_probe_read_kernel((void *)(dst), args->data_loc_##field >> 16, (char *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ_STR(dst, field, length)                                                   \
	bpf_probe_read_kernel_str((void *)(dst), length, (char *)args + (args->data_loc_##field & 0xffff))

/* ---- arguments of USDT probes: libbcc writes a reader for each function that a probe is enabled for ---- */

extern int skep_no_usdt_argument(void *ctx, void *dest, size_t len) __attribute__((
	error("no such argument: no USDT probe that has it is enabled for this function, USDT(pid=).enable_probe(PROBE, FUNCTION)")));
#define SKEP_READARG(reader, ctx, dest) reader(ctx, dest, sizeof(*(dest)))
#define SKEP_READARG_P(reader, ctx, buffer, length)                                                \
	({                                                                                         \
		u64 skep_at = 0;                                                                   \
		reader(ctx, &skep_at, sizeof(skep_at));                                            \
		bpf_probe_read_user(buffer, length, (void *)skep_at);                              \
	})

/* ---- programs whose macro says what they attach to ---- */

/* its struct is written in front of the program by bcc/tracepoint.c */
#define TRACEPOINT_PROBE(category, event)                                                          \
	SEC("tp/" #category "/" #event)                                                            \
	int tracepoint__##category##__##event(struct tracepoint__##category##__##event *args)

#define RAW_TRACEPOINT_PROBE(event)                                                                \
	SEC("raw_tp/" #event) int raw_tracepoint__##event(struct bpf_raw_tracepoint_args *ctx)

/* Functions of the kernel's with the types that its BTF has: an inlined body with arguments, around it the program. */
#define SKEP_NTH(_, a, b, c, d, e, f, g, h, i, j, k, l, n, ...) n
#define SKEP_COUNT(...) SKEP_NTH(_, ##__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define SKEP_ARGS0
#define SKEP_ARGS1 , (void *)ctx[0]
#define SKEP_ARGS2 SKEP_ARGS1, (void *)ctx[1]
#define SKEP_ARGS3 SKEP_ARGS2, (void *)ctx[2]
#define SKEP_ARGS4 SKEP_ARGS3, (void *)ctx[3]
#define SKEP_ARGS5 SKEP_ARGS4, (void *)ctx[4]
#define SKEP_ARGS6 SKEP_ARGS5, (void *)ctx[5]
#define SKEP_ARGS7 SKEP_ARGS6, (void *)ctx[6]
#define SKEP_ARGS8 SKEP_ARGS7, (void *)ctx[7]
#define SKEP_ARGS9 SKEP_ARGS8, (void *)ctx[8]
#define SKEP_ARGS10 SKEP_ARGS9, (void *)ctx[9]
#define SKEP_ARGS11 SKEP_ARGS10, (void *)ctx[10]
#define SKEP_ARGS12 SKEP_ARGS11, (void *)ctx[11]
#define SKEP_PASTE_(a, b) a##b
#define SKEP_PASTE(a, b) SKEP_PASTE_(a, b)
#define SKEP_PROG(section, name, ...)                                                              \
	static __always_inline int name##_skep_bound(u64 *ctx, ##__VA_ARGS__);                     \
	_Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wint-conversion\"")  \
	SEC(section) int name(u64 *ctx)                                                            \
	{                                                                                          \
		return name##_skep_bound(ctx SKEP_PASTE(SKEP_ARGS, SKEP_COUNT(__VA_ARGS__)));      \
	}                                                                                          \
	_Pragma("clang diagnostic pop")                                                            \
	static __always_inline int name##_skep_bound(u64 *ctx, ##__VA_ARGS__)
#define BPF_PROG(name, ...) SKEP_PROG("fn/" #name, name, ##__VA_ARGS__)
#define KFUNC_PROBE(event, ...) SKEP_PROG("fentry/" #event, kfunc__vmlinux__##event, ##__VA_ARGS__)
#define KRETFUNC_PROBE(event, ...) SKEP_PROG("fexit/" #event, kretfunc__vmlinux__##event, ##__VA_ARGS__)
#define MODULE_KFUNC_PROBE(module, event, ...) \
	SKEP_PROG("fentry/" #module ":" #event, kfunc__##module##__##event, ##__VA_ARGS__)
#define MODULE_KRETFUNC_PROBE(module, event, ...) \
	SKEP_PROG("fexit/" #module ":" #event, kretfunc__##module##__##event, ##__VA_ARGS__)
#define KMOD_RET(event, ...) SKEP_PROG("fmod_ret/" #event, kmod_ret__##event, ##__VA_ARGS__)
#define LSM_PROBE(event, ...) SKEP_PROG("lsm/" #event, lsm__##event, ##__VA_ARGS__)
#define BPF_ITER(target) SEC("iter/" #target) int bpf_iter__##target(struct bpf_iter__##target *ctx)

#endif
