/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCC's dialect as plain C: what programs written for BCC compile against. skep puts this header in
 * front of them; it needs no other header, kernel or not.
 *
 * table.lookup(&key) is C here: a map macro declares the BTF-defined map, its symbol named as the
 * user named it, and a constant struct of pointers to always_inline functions. clang folds a call
 * through it into the helper call; nothing of the struct is left in the object. What a header
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
	SKEP_MAP_queue = 22, SKEP_MAP_stack = 23, SKEP_MAP_ringbuf = 27,
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

/* ---- registers at a probed function, as the kernel names them ---- */

#if defined(__TARGET_ARCH_arm64)
#ifndef SKEP_KERNEL_TYPES
struct pt_regs {
	u64 regs[31], sp, pc, pstate;
};
#endif
#define SKEP_REG(ctx, x86, arm) ((ctx)->arm)
#else
#define _ASM_X86_PTRACE_H
#ifndef SKEP_KERNEL_TYPES
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags,
		sp, ss;
};
#endif
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

/* ---- maps ---- */

#define SKEP_PICK6(a, b, c, d, e, f, chosen, ...) chosen
#define SKEP_METHOD static __always_inline __attribute__((nodebug)) /* its code counts as the caller's line */

/* The map: its variable is name##_skep_map, its symbol name. */
#define SKEP_MAP(kind, key_type, leaf_type, name, entries, flags)                                  \
	typedef key_type name##_skep_key;                                                          \
	typedef leaf_type name##_skep_leaf;                                                        \
	struct {                                                                                   \
		int (*type)[kind];                                                                 \
		name##_skep_key *key;                                                              \
		name##_skep_leaf *value;                                                           \
		int (*max_entries)[entries];                                                       \
		int (*map_flags)[flags];                                                           \
	} name##_skep_map __asm__(#name) SEC(".maps")

/* A map whose entries have no types of their own: prog arrays, perf buffers, stack traces */
#define SKEP_PLAIN_MAP(kind, key_bytes, leaf_bytes, name, entries, flags)                          \
	struct {                                                                                   \
		int (*type)[kind];                                                                 \
		int (*key_size)[key_bytes];                                                        \
		int (*value_size)[leaf_bytes];                                                     \
		int (*max_entries)[entries];                                                       \
		int (*map_flags)[flags];                                                           \
	} name##_skep_map __asm__(#name) SEC(".maps")

#define SKEP_METHODS(name) name __asm__(#name ".methods") __attribute__((unused))

extern void skep_increment_needs_an_integer(void) __attribute__((error("increment() of a value that is no integer")));

#define SKEP_ADD(leaf, by)                                                                         \
	switch (sizeof(*(leaf))) {                                                                 \
	case 1: *(u8 *)(leaf) += (u8)(by); break;                                                  \
	case 2: *(u16 *)(leaf) += (u16)(by); break;                                                \
	case 4: *(u32 *)(leaf) += (u32)(by); break;                                                \
	case 8: *(u64 *)(leaf) += (by); break;                                                     \
	default: skep_increment_needs_an_integer();                                                \
	}
#define SKEP_ATOMIC_ADD(leaf, by)                                                                  \
	switch (sizeof(*(leaf))) {                                                                 \
	case 4: lock_xadd((u32 *)(leaf), (u32)(by)); break;                                        \
	case 8: lock_xadd((u64 *)(leaf), (by)); break;                                             \
	default: skep_increment_needs_an_integer();                                                \
	}
#define SKEP_INCREMENT(name, method, add)                                                          \
	SKEP_METHOD void name##_skep_##method(name##_skep_key key, u64 by)                         \
	{                                                                                          \
		name##_skep_leaf *leaf = bpf_map_lookup_elem(&name##_skep_map, &key), first;       \
		if (leaf) {                                                                        \
			add(leaf, by)                                                              \
		} else {                                                                           \
			memset(&first, 0, sizeof(first));                                          \
			SKEP_ADD(&first, by)                                                       \
			bpf_map_update_elem(&name##_skep_map, &key, &first, BPF_NOEXIST);          \
		}                                                                                  \
	}

/* The methods of hashes and arrays. lookup_or_init returns 0 from the program where there is no room, as BCC's does. */
#define SKEP_TABLE(kind, key_type, leaf_type, name, entries, flags)                                \
	SKEP_MAP(kind, key_type, leaf_type, name, entries, flags);                                 \
	SKEP_METHOD name##_skep_leaf *name##_skep_lookup(const name##_skep_key *key)               \
	{                                                                                          \
		return bpf_map_lookup_elem(&name##_skep_map, key);                                 \
	}                                                                                          \
	SKEP_METHOD name##_skep_leaf *name##_skep_try_init(const name##_skep_key *key,             \
							   const name##_skep_leaf *leaf)           \
	{                                                                                          \
		name##_skep_leaf *found = bpf_map_lookup_elem(&name##_skep_map, key);              \
		if (found)                                                                         \
			return found;                                                              \
		bpf_map_update_elem(&name##_skep_map, key, leaf, BPF_NOEXIST);                     \
		return bpf_map_lookup_elem(&name##_skep_map, key);                                 \
	}                                                                                          \
	SKEP_METHOD name##_skep_leaf *name##_skep_init(const name##_skep_key *key,                 \
						       const name##_skep_leaf *leaf)               \
	{                                                                                          \
		name##_skep_leaf *found = name##_skep_try_init(key, leaf);                         \
		if (!found) {                                                                      \
			__asm__ volatile("r0 = 0\n\texit");                                        \
			__builtin_unreachable();                                                   \
		}                                                                                  \
		return found;                                                                      \
	}                                                                                          \
	SKEP_METHOD int name##_skep_update(const name##_skep_key *key, const name##_skep_leaf *leaf) \
	{                                                                                          \
		return bpf_map_update_elem(&name##_skep_map, key, leaf, BPF_ANY);                  \
	}                                                                                          \
	SKEP_METHOD int name##_skep_insert(const name##_skep_key *key, const name##_skep_leaf *leaf) \
	{                                                                                          \
		return bpf_map_update_elem(&name##_skep_map, key, leaf, BPF_NOEXIST);              \
	}                                                                                          \
	SKEP_METHOD int name##_skep_delete(const name##_skep_key *key)                             \
	{                                                                                          \
		return bpf_map_delete_elem(&name##_skep_map, key);                                 \
	}                                                                                          \
	SKEP_INCREMENT(name, increment, SKEP_ADD)                                                  \
	SKEP_INCREMENT(name, atomic_increment, SKEP_ATOMIC_ADD)                                    \
	static const struct {                                                                      \
		name##_skep_leaf *(*lookup)(const name##_skep_key *);                              \
		name##_skep_leaf *(*lookup_or_try_init)(const name##_skep_key *, const name##_skep_leaf *); \
		name##_skep_leaf *(*lookup_or_init)(const name##_skep_key *, const name##_skep_leaf *); \
		int (*update)(const name##_skep_key *, const name##_skep_leaf *);                  \
		int (*insert)(const name##_skep_key *, const name##_skep_leaf *);                  \
		int (*delete)(const name##_skep_key *);                                            \
		void (*increment)(name##_skep_key, u64);                                           \
		void (*atomic_increment)(name##_skep_key, u64);                                    \
	} SKEP_METHODS(name) = { name##_skep_lookup, name##_skep_try_init, name##_skep_init,       \
				 name##_skep_update, name##_skep_insert, name##_skep_delete,       \
				 name##_skep_increment, name##_skep_atomic_increment }

/* BPF_TABLE("hash", …): the quotes are taken off before the compiler sees it */
#define BPF_TABLE(kind, key, leaf, name, entries) SKEP_TABLE(SKEP_MAP_##kind, key, leaf, name, entries, 0)
#define BPF_F_TABLE(kind, key, leaf, name, entries, flags) \
	SKEP_TABLE(SKEP_MAP_##kind, key, leaf, name, entries, flags)

#define SKEP_KEYED(kind, ...)                                                                      \
	SKEP_PICK6(__VA_ARGS__, , , SKEP_KEYED4, SKEP_KEYED3, SKEP_KEYED2, SKEP_KEYED1, )(kind, __VA_ARGS__)
#define SKEP_KEYED1(kind, name) SKEP_KEYED4(kind, name, u64, u64, 10240)
#define SKEP_KEYED2(kind, name, key) SKEP_KEYED4(kind, name, key, u64, 10240)
#define SKEP_KEYED3(kind, name, key, leaf) SKEP_KEYED4(kind, name, key, leaf, 10240)
#define SKEP_KEYED4(kind, name, key, leaf, entries) SKEP_TABLE(kind, key, leaf, name, entries, 0)
#define BPF_HASH(...) SKEP_KEYED(SKEP_MAP_hash, __VA_ARGS__)
#define BPF_PERCPU_HASH(...) SKEP_KEYED(SKEP_MAP_percpu_hash, __VA_ARGS__)
#define SKEP_LPM4(kind, name, key, leaf, entries) SKEP_TABLE(kind, key, leaf, name, entries, BPF_F_NO_PREALLOC)
#define BPF_LPM_TRIE(...)                                                                          \
	SKEP_PICK6(__VA_ARGS__, , , SKEP_LPM4, SKEP_LPM3, SKEP_LPM2, SKEP_LPM1, )(SKEP_MAP_lpm_trie, __VA_ARGS__)
#define SKEP_LPM1(kind, name) SKEP_LPM4(kind, name, u64, u64, 10240)
#define SKEP_LPM2(kind, name, key) SKEP_LPM4(kind, name, key, u64, 10240)
#define SKEP_LPM3(kind, name, key, leaf) SKEP_LPM4(kind, name, key, leaf, 10240)

#define SKEP_INDEXED(kind, ...)                                                                    \
	SKEP_PICK6(__VA_ARGS__, , , , SKEP_INDEXED3, SKEP_INDEXED2, SKEP_INDEXED1, )(kind, __VA_ARGS__)
#define SKEP_INDEXED1(kind, name) SKEP_INDEXED3(kind, name, u64, 10240)
#define SKEP_INDEXED2(kind, name, leaf) SKEP_INDEXED3(kind, name, leaf, 10240)
#define SKEP_INDEXED3(kind, name, leaf, entries) SKEP_TABLE(kind, int, leaf, name, entries, 0)
#define BPF_ARRAY(...) SKEP_INDEXED(SKEP_MAP_array, __VA_ARGS__)
#define BPF_PERCPU_ARRAY(...) SKEP_INDEXED(SKEP_MAP_percpu_array, __VA_ARGS__)

/* a histogram with int keys is an array, any other a hash */
#define BPF_HISTOGRAM(...)                                                                         \
	SKEP_PICK6(__VA_ARGS__, , , , SKEP_HIST3, SKEP_HIST2, SKEP_HIST1, )(__VA_ARGS__)
#define SKEP_HIST1(name) SKEP_HIST3(name, int, 64)
#define SKEP_HIST2(name, key) SKEP_HIST3(name, key, 64)
#define SKEP_HIST3(name, key, entries)                                                             \
	SKEP_TABLE(__builtin_types_compatible_p(key, int) ? SKEP_MAP_array : SKEP_MAP_hash, key, u64, name, entries, 0)

#define BPF_PERF_OUTPUT(name)                                                                      \
	SKEP_PLAIN_MAP(SKEP_MAP_perf_output, 4, 4, name, 0, 0);                                    \
	SKEP_METHOD int name##_skep_submit(void *ctx, void *data, u32 size)                        \
	{                                                                                          \
		return bpf_perf_event_output(ctx, &name##_skep_map, BPF_F_CURRENT_CPU, data, size); \
	}                                                                                          \
	SKEP_METHOD int name##_skep_submit_skb(void *ctx, u32 packet, void *data, u32 size)        \
	{                                                                                          \
		return bpf_perf_event_output(ctx, &name##_skep_map, (u64)packet << 32 | BPF_F_CURRENT_CPU, data, size); \
	}                                                                                          \
	static const struct {                                                                      \
		int (*perf_submit)(void *, void *, u32);                                           \
		int (*perf_submit_skb)(void *, u32, void *, u32);                                  \
	} SKEP_METHODS(name) = { name##_skep_submit, name##_skep_submit_skb }

#define BPF_RINGBUF_OUTPUT(name, pages)                                                            \
	struct {                                                                                   \
		int (*type)[SKEP_MAP_ringbuf];                                                     \
		int (*max_entries)[(pages) * PAGE_SIZE];                                           \
	} name##_skep_map __asm__(#name) SEC(".maps");                                             \
	SKEP_METHOD long name##_skep_output(void *data, u64 size, u64 flags)                       \
	{                                                                                          \
		return bpf_ringbuf_output(&name##_skep_map, data, size, flags);                    \
	}                                                                                          \
	SKEP_METHOD void *name##_skep_reserve(u64 size) { return bpf_ringbuf_reserve(&name##_skep_map, size, 0); } \
	SKEP_METHOD void name##_skep_commit(void *data, u64 flags) { bpf_ringbuf_submit(data, flags); } \
	SKEP_METHOD void name##_skep_discard(void *data, u64 flags) { bpf_ringbuf_discard(data, flags); } \
	SKEP_METHOD u64 name##_skep_query(u64 flags) { return bpf_ringbuf_query(&name##_skep_map, flags); } \
	static const struct {                                                                      \
		long (*ringbuf_output)(void *, u64, u64);                                          \
		void *(*ringbuf_reserve)(u64);                                                     \
		void (*ringbuf_submit)(void *, u64);                                               \
		void (*ringbuf_discard)(void *, u64);                                              \
		u64 (*ringbuf_query)(u64);                                                         \
	} SKEP_METHODS(name) = { name##_skep_output, name##_skep_reserve, name##_skep_commit,      \
				 name##_skep_discard, name##_skep_query }

#define BPF_PROG_ARRAY(name, entries)                                                              \
	SKEP_PLAIN_MAP(SKEP_MAP_prog, 4, 4, name, entries, 0);                                     \
	SKEP_METHOD void name##_skep_call(void *ctx, u32 index) { bpf_tail_call(ctx, &name##_skep_map, index); } \
	static const struct {                                                                      \
		void (*call)(void *, u32);                                                         \
	} SKEP_METHODS(name) = { name##_skep_call }

#define BPF_STACK_TRACE(name, entries)                                                             \
	SKEP_PLAIN_MAP(SKEP_MAP_stacktrace, 4, 127 * 8, name, entries, 0);                         \
	SKEP_METHOD int name##_skep_stackid(void *ctx, u64 flags)                                  \
	{                                                                                          \
		return bpf_get_stackid(ctx, &name##_skep_map, flags);                              \
	}                                                                                          \
	static const struct {                                                                      \
		int (*get_stackid)(void *, u64);                                                   \
	} SKEP_METHODS(name) = { name##_skep_stackid }

#define SKEP_REDIRECT(kind, name, entries)                                                         \
	SKEP_PLAIN_MAP(kind, 4, 4, name, entries, 0);                                              \
	SKEP_METHOD int name##_skep_redirect(u32 index, u64 flags)                                 \
	{                                                                                          \
		return bpf_redirect_map(&name##_skep_map, index, flags);                           \
	}                                                                                          \
	static const struct {                                                                      \
		int (*redirect_map)(u32, u64);                                                     \
	} SKEP_METHODS(name) = { name##_skep_redirect }
#define BPF_DEVMAP(name, entries) SKEP_REDIRECT(SKEP_MAP_devmap, name, entries)
#define BPF_CPUMAP(name, entries) SKEP_REDIRECT(SKEP_MAP_cpumap, name, entries)
#define BPF_XSKMAP(name, entries) SKEP_REDIRECT(SKEP_MAP_xskmap, name, entries)

#define SKEP_QUEUE(kind, name, leaf_type, entries)                                                 \
	typedef leaf_type name##_skep_leaf;                                                        \
	struct {                                                                                   \
		int (*type)[kind];                                                                 \
		name##_skep_leaf *value;                                                           \
		int (*max_entries)[entries];                                                       \
	} name##_skep_map __asm__(#name) SEC(".maps");                                             \
	SKEP_METHOD int name##_skep_push(const name##_skep_leaf *leaf, u64 flags)                  \
	{                                                                                          \
		return bpf_map_push_elem(&name##_skep_map, leaf, flags);                           \
	}                                                                                          \
	SKEP_METHOD int name##_skep_pop(name##_skep_leaf *leaf) { return bpf_map_pop_elem(&name##_skep_map, leaf); } \
	SKEP_METHOD int name##_skep_peek(name##_skep_leaf *leaf) { return bpf_map_peek_elem(&name##_skep_map, leaf); } \
	static const struct {                                                                      \
		int (*push)(const name##_skep_leaf *, u64);                                        \
		int (*pop)(name##_skep_leaf *);                                                    \
		int (*peek)(name##_skep_leaf *);                                                   \
	} SKEP_METHODS(name) = { name##_skep_push, name##_skep_pop, name##_skep_peek }
#define BPF_QUEUE(name, leaf, entries) SKEP_QUEUE(SKEP_MAP_queue, name, leaf, entries)
#define BPF_STACK(name, leaf, entries) SKEP_QUEUE(SKEP_MAP_stack, name, leaf, entries)

/* What a buffer's records are, for whoever reads them: the pass over the tokens puts it around the data's argument. */
#define SKEP_JOIN(a, b, c) #a "_skep_event_" #c
#define SKEP_EVENT_(buffer, data, number)                                                          \
	({                                                                                         \
		static __typeof__(data) skep_event __asm__(SKEP_JOIN(buffer, , number)) SEC(".skep.events"); \
		(data);                                                                            \
	})
#define SKEP_EVENT_N(buffer, data, number) SKEP_EVENT_(buffer, data, number)
#define SKEP_EVENT(buffer, data) SKEP_EVENT_N(buffer, data, __COUNTER__)

/* ---- strings in tracepoint records: an offset and a length say where they are ---- */

#define TP_DATA_LOC_READ_CONST(dst, field, length)                                                 \
	bpf_probe_read_kernel((void *)(dst), length, (char *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ(dst, field)                                                               \
	bpf_probe_read_kernel((void *)(dst), args->data_loc_##field >> 16, (char *)args + (args->data_loc_##field & 0xffff))
#define TP_DATA_LOC_READ_STR(dst, field, length)                                                   \
	bpf_probe_read_kernel_str((void *)(dst), length, (char *)args + (args->data_loc_##field & 0xffff))

/* ---- programs whose macro says what they attach to ---- */

/* its struct is written in front of the program by bcc/tracepoint.c */
#define TRACEPOINT_PROBE(category, event)                                                          \
	SEC("tp/" #category "/" #event)                                                            \
	int tracepoint__##category##__##event(struct tracepoint__##category##__##event *args)

#define RAW_TRACEPOINT_PROBE(event)                                                                \
	SEC("raw_tp/" #event) int raw_tracepoint__##event(struct bpf_raw_tracepoint_args *ctx)

#endif
