/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BCC's maps as plain C: a macro declares the BTF-defined map, its symbol named as the user named it, and a constant
 * struct of pointers to always_inline functions, the map's methods. clang folds a call through it into the helper call.
 *
 * BPF_TABLE("KIND", ...) is SKEP_TABLE_KIND(...): the pass over the tokens takes the quotes off.
 */
#ifndef SKEP_MAPS_H
#define SKEP_MAPS_H

#define SKEP_PICK6(a, b, c, d, e, f, chosen, ...) chosen
#define SKEP_UP1(n) ((n) | (n) >> 1)
#define SKEP_UP2(n) (SKEP_UP1(n) | SKEP_UP1(n) >> 2)
#define SKEP_UP4(n) (SKEP_UP2(n) | SKEP_UP2(n) >> 4)
#define SKEP_UP8(n) (SKEP_UP4(n) | SKEP_UP4(n) >> 8)
#define SKEP_POWER_OF_2(n) ((SKEP_UP8((n) - 1) | SKEP_UP8((n) - 1) >> 16) + 1)
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

/* ---- BPF_TABLE and its kinds ---- */

#define BPF_TABLE(kind, key, leaf, name, entries) SKEP_TABLE_##kind(key, leaf, name, entries, 0)
#define BPF_F_TABLE(kind, key, leaf, name, entries, flags) SKEP_TABLE_##kind(key, leaf, name, entries, flags)
#define SKEP_TABLE_hash(...) SKEP_TABLE(SKEP_MAP_hash, __VA_ARGS__)
#define SKEP_TABLE_array(...) SKEP_TABLE(SKEP_MAP_array, __VA_ARGS__)
#define SKEP_TABLE_percpu_hash(...) SKEP_TABLE(SKEP_MAP_percpu_hash, __VA_ARGS__)
#define SKEP_TABLE_percpu_array(...) SKEP_TABLE(SKEP_MAP_percpu_array, __VA_ARGS__)
#define SKEP_TABLE_lru_hash(...) SKEP_TABLE(SKEP_MAP_lru_hash, __VA_ARGS__)
#define SKEP_TABLE_lru_percpu_hash(...) SKEP_TABLE(SKEP_MAP_lru_percpu_hash, __VA_ARGS__)
#define SKEP_TABLE_lpm_trie(...) SKEP_TABLE(SKEP_MAP_lpm_trie, __VA_ARGS__)
/* a histogram with int keys is an array, any other a hash */
#define SKEP_TABLE_histogram(key, ...)                                                             \
	SKEP_TABLE(__builtin_types_compatible_p(key, int) ? SKEP_MAP_array : SKEP_MAP_hash, key, __VA_ARGS__)
#define SKEP_TABLE_prog(key, leaf, name, entries, flags) BPF_PROG_ARRAY(name, entries)
#define SKEP_TABLE_perf_output(key, leaf, name, entries, flags) BPF_PERF_OUTPUT(name)
#define SKEP_TABLE_perf_array(key, leaf, name, entries, flags) BPF_PERF_ARRAY(name, entries)
#define SKEP_TABLE_ringbuf(key, leaf, name, entries, flags) SKEP_RINGBUF(name, entries)
#define SKEP_TABLE_cgroup_array(key, leaf, name, entries, flags) BPF_CGROUP_ARRAY(name, entries)
#define SKEP_TABLE_stacktrace(key, leaf, name, entries, flags) SKEP_STACKS(name, sizeof(leaf), entries, flags)
#define SKEP_TABLE_devmap(key, leaf, name, entries, flags) BPF_DEVMAP(name, entries)
#define SKEP_TABLE_cpumap(key, leaf, name, entries, flags) BPF_CPUMAP(name, entries)
#define SKEP_TABLE_xskmap(key, leaf, name, entries, flags) BPF_XSKMAP(name, entries)
#define SKEP_TABLE_sockmap(key, leaf, name, entries, flags) BPF_SOCKMAP(name, entries)
#define SKEP_TABLE_sockhash(key, leaf, name, entries, flags) SKEP_SOCKHASH3(name, key, entries)
#define SKEP_TABLE_sk_storage(key, leaf, name, entries, flags) BPF_SK_STORAGE(name, leaf)
#define SKEP_TABLE_inode_storage(key, leaf, name, entries, flags) BPF_INODE_STORAGE(name, leaf)
#define SKEP_TABLE_task_storage(key, leaf, name, entries, flags) BPF_TASK_STORAGE(name, leaf)
#define SKEP_TABLE_cgroup_storage(key, leaf, name, entries, flags) BPF_CGROUP_STORAGE(name, leaf)
#define SKEP_TABLE_percpu_cgroup_storage(key, leaf, name, entries, flags) BPF_PERCPU_CGROUP_STORAGE(name, leaf)
#define SKEP_TABLE_queue(key, leaf, name, entries, flags) SKEP_QUEUE(SKEP_MAP_queue, name, leaf, entries, flags)
#define SKEP_TABLE_stack(key, leaf, name, entries, flags) SKEP_QUEUE(SKEP_MAP_stack, name, leaf, entries, flags)

/*
 * Who else a table is for: a pin, other modules of the process, or another module's it is. Told to the loader by a
 * variable NAME.WHAT whose text is the path, or nothing.
 */
#define SKEP_SHARED_AS(name, what, text) \
	static const char name##_skep_##what[] __asm__(#name "." #what) SEC(".skep.tables") = text
#define SKEP_TABLE_extern(key, leaf, name, entries, flags)                                         \
	SKEP_TABLE(SKEP_MAP_hash, key, leaf, name, (entries) ? (entries) : 1, flags);              \
	SKEP_SHARED_AS(name, extern, "")
#define BPF_TABLE_PUBLIC(kind, key, leaf, name, entries)                                           \
	SKEP_TABLE_##kind(key, leaf, name, entries, 0);                                            \
	SKEP_SHARED_AS(name, export, "")
#define BPF_TABLE_SHARED(kind, key, leaf, name, ...)                                               \
	SKEP_CALL(SKEP_TABLE_##kind, key, leaf, name, SKEP_PICK6(__VA_ARGS__, , , , , SKEP_TWO, SKEP_ONE, )(__VA_ARGS__)); \
	SKEP_SHARED_AS(name, export, "")
#define BPF_TABLE_PINNED(kind, key, leaf, name, entries, ...)                                      \
	SKEP_TABLE_##kind(key, leaf, name, entries, SKEP_PICK6(__VA_ARGS__, , , , , SKEP_SECOND, SKEP_ZERO, )(__VA_ARGS__)); \
	SKEP_SHARED_AS(name, pin, SKEP_PICK6(__VA_ARGS__, , , , , SKEP_FIRST, SKEP_FIRST, )(__VA_ARGS__))
#define SKEP_CALL(macro, ...) macro(__VA_ARGS__)
#define SKEP_ONE(entries) entries, 0
#define SKEP_TWO(entries, flags) entries, flags
#define SKEP_FIRST(path, ...) path
#define SKEP_SECOND(path, flags) flags
#define SKEP_ZERO(path) 0

/* ---- hashes, arrays, histograms ---- */

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

/* ---- buffers, stacks, what is called or sent to by number ---- */

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

#define BPF_RINGBUF_OUTPUT(name, pages) SKEP_RINGBUF(name, (pages) * PAGE_SIZE)
#define SKEP_RINGBUF(name, bytes)                                                                  \
	struct {                                                                                   \
		int (*type)[SKEP_MAP_ringbuf];                                                     \
		int (*max_entries)[bytes];                                                         \
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

struct bpf_stacktrace {
	u64 ip[127];
};
#define BPF_STACK_TRACE(name, entries) SKEP_STACKS(name, 127 * 8, entries, 0)
#define BPF_STACK_TRACE_BUILDID(name, entries) SKEP_STACKS(name, 127 * 32, entries, 32 /* BPF_F_STACK_BUILD_ID */)
#define SKEP_STACKS(name, leaf_bytes, entries, flag_bits)                                          \
	SKEP_PLAIN_MAP(SKEP_MAP_stacktrace, 4, leaf_bytes, name, SKEP_POWER_OF_2(entries), flag_bits); \
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
/* a third argument of BPF_XSKMAP: where it is pinned */
#define BPF_XSKMAP(name, ...) SKEP_PICK6(__VA_ARGS__, , , , , SKEP_XSK_PINNED, SKEP_XSK, )(name, __VA_ARGS__)
#define SKEP_XSK_PINNED(name, entries, path) SKEP_XSK(name, entries); SKEP_SHARED_AS(name, pin, path)
#define SKEP_XSK(name, entries)                                                                    \
	SKEP_PLAIN_MAP(SKEP_MAP_xskmap, 4, 4, name, entries, 0);                                   \
	SKEP_METHOD void *name##_skep_lookup(const int *key) { return bpf_map_lookup_elem(&name##_skep_map, key); } \
	SKEP_METHOD int name##_skep_redirect(u32 index, u64 flags)                                 \
	{                                                                                          \
		return bpf_redirect_map(&name##_skep_map, index, flags);                           \
	}                                                                                          \
	static const struct {                                                                      \
		void *(*lookup)(const int *);                                                      \
		int (*redirect_map)(u32, u64);                                                     \
	} SKEP_METHODS(name) = { name##_skep_lookup, name##_skep_redirect }

#define SKEP_QUEUE(kind, name, leaf_type, entries, flag_bits)                                      \
	typedef leaf_type name##_skep_leaf;                                                        \
	struct {                                                                                   \
		int (*type)[kind];                                                                 \
		name##_skep_leaf *value;                                                           \
		int (*max_entries)[entries];                                                       \
		int (*map_flags)[flag_bits];                                                       \
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
#define SKEP_QUEUE3(kind, name, leaf, entries) SKEP_QUEUE(kind, name, leaf, entries, 0)
#define BPF_QUEUE(...) SKEP_PICK6(__VA_ARGS__, , , SKEP_QUEUE, SKEP_QUEUE3, , , )(SKEP_MAP_queue, __VA_ARGS__)
#define BPF_STACK(...) SKEP_PICK6(__VA_ARGS__, , , SKEP_QUEUE, SKEP_QUEUE3, , , )(SKEP_MAP_stack, __VA_ARGS__)
#define BPF_QUEUESTACK(kind, name, leaf, entries, flags) SKEP_QUEUE(SKEP_MAP_##kind, name, leaf, entries, flags)
#define BPF_QUEUESTACK_PINNED(kind, name, leaf, entries, flags, path)                              \
	SKEP_QUEUE(SKEP_MAP_##kind, name, leaf, entries, flags);                                   \
	SKEP_SHARED_AS(name, pin, path)
#define BPF_QUEUESTACK_PUBLIC(kind, name, leaf, entries, flags)                                    \
	SKEP_QUEUE(SKEP_MAP_##kind, name, leaf, entries, flags);                                   \
	SKEP_SHARED_AS(name, export, "")
#define BPF_QUEUESTACK_SHARED BPF_QUEUESTACK_PUBLIC

/* counters of the hardware's, one a CPU */
#define BPF_PERF_ARRAY(name, entries)                                                              \
	SKEP_PLAIN_MAP(SKEP_MAP_perf_output, 4, 4, name, entries, 0);                              \
	SKEP_METHOD u64 name##_skep_read(u32 index) { return bpf_perf_event_read(&name##_skep_map, index); } \
	SKEP_METHOD int name##_skep_counter(u32 index, void *value, u32 size)                      \
	{                                                                                          \
		return bpf_perf_event_read_value(&name##_skep_map, index, value, size);            \
	}                                                                                          \
	static const struct {                                                                      \
		u64 (*perf_read)(u32);                                                             \
		int (*perf_counter_value)(u32, void *, u32);                                       \
	} SKEP_METHODS(name) = { name##_skep_read, name##_skep_counter }

#define BPF_CGROUP_ARRAY(name, entries)                                                            \
	SKEP_PLAIN_MAP(SKEP_MAP_cgroup_array, 4, 4, name, entries, 0);                             \
	SKEP_METHOD int name##_skep_check(u32 index)                                               \
	{                                                                                          \
		return bpf_current_task_under_cgroup(&name##_skep_map, index);                     \
	}                                                                                          \
	static const struct {                                                                      \
		int (*check_current_task)(u32);                                                    \
	} SKEP_METHODS(name) = { name##_skep_check }

/* ---- maps of maps: the inner one is what each of them is like ---- */

/* the pass over the tokens makes SKEP_MAPS of BPF_ARRAY_OF_MAPS, BPF_HASH_OF_MAPS and BPF_TABLE("hash_of_maps$INNER") */
#define SKEP_MAPS(kind, key_type, name, inner, entries, flags)                                     \
	typedef key_type name##_skep_key;                                                          \
	struct {                                                                                   \
		int (*type)[kind];                                                                 \
		name##_skep_key *key;                                                              \
		int (*value_size)[4];                                                              \
		int (*max_entries)[entries];                                                       \
		int (*map_flags)[flags];                                                           \
		__typeof__(inner##_skep_map) *values[];                                            \
	} name##_skep_map __asm__(#name) SEC(".maps");                                             \
	SKEP_METHOD void *name##_skep_lookup(const name##_skep_key *key)                           \
	{                                                                                          \
		return bpf_map_lookup_elem(&name##_skep_map, key);                                 \
	}                                                                                          \
	static const struct {                                                                      \
		void *(*lookup)(const name##_skep_key *);                                          \
	} SKEP_METHODS(name) = { name##_skep_lookup }
#define SKEP_MAPS_TABLE(kind, inner, key, leaf, name, ...) \
	SKEP_CALL(SKEP_MAPS, kind, key, name, inner, SKEP_PICK6(__VA_ARGS__, , , , , SKEP_TWO, SKEP_ONE, )(__VA_ARGS__))
#define SKEP_ARRAY_OF(inner, name, entries) SKEP_MAPS(SKEP_MAP_array_of_maps, int, name, inner, entries, 0)
#define SKEP_HASH_OF(inner, name, ...) \
	SKEP_PICK6(name, ##__VA_ARGS__, , , , SKEP_HASH_OF3, SKEP_HASH_OF2, SKEP_HASH_OF1, )(inner, name, ##__VA_ARGS__)
#define SKEP_HASH_OF1(inner, name) SKEP_HASH_OF3(inner, name, int, 10240)
#define SKEP_HASH_OF2(inner, name, key) SKEP_HASH_OF3(inner, name, key, 10240)
#define SKEP_HASH_OF3(inner, name, key, entries) SKEP_MAPS(SKEP_MAP_hash_of_maps, key, name, inner, entries, 0)

/* ---- sockets, and what is kept with the kernel's objects ---- */

#define SKEP_SOCKETS(kind, key_type, name, entries)                                                \
	SKEP_MAP(kind, key_type, int, name, entries, 0);                                           \
	SKEP_METHOD int name##_skep_update(const name##_skep_key *key, const int *fd)              \
	{                                                                                          \
		return bpf_map_update_elem(&name##_skep_map, key, fd, BPF_ANY);                    \
	}                                                                                          \
	SKEP_METHOD int name##_skep_delete(const name##_skep_key *key)                             \
	{                                                                                          \
		return bpf_map_delete_elem(&name##_skep_map, key);                                 \
	}
#define BPF_SOCKMAP(name, entries)                                                                 \
	SKEP_SOCKETS(SKEP_MAP_sockmap, u32, name, entries)                                         \
	SKEP_METHOD int name##_skep_add(void *ctx, void *key, u64 flags)                           \
	{                                                                                          \
		return bpf_sock_map_update(ctx, &name##_skep_map, key, flags);                     \
	}                                                                                          \
	static const struct {                                                                      \
		int (*update)(const u32 *, const int *);                                           \
		int (*delete)(const u32 *);                                                        \
		int (*sock_map_update)(void *, void *, u64);                                       \
	} SKEP_METHODS(name) = { name##_skep_update, name##_skep_delete, name##_skep_add }
#define BPF_SOCKHASH(...) \
	SKEP_PICK6(__VA_ARGS__, , , , SKEP_SOCKHASH3, SKEP_SOCKHASH2, SKEP_SOCKHASH1, )(__VA_ARGS__)
#define SKEP_SOCKHASH1(name) SKEP_SOCKHASH3(name, u32, 10240)
#define SKEP_SOCKHASH2(name, key) SKEP_SOCKHASH3(name, key, 10240)
#define SKEP_SOCKHASH3(name, key_type, entries)                                                    \
	SKEP_SOCKETS(SKEP_MAP_sockhash, key_type, name, entries)                                   \
	SKEP_METHOD int name##_skep_add(void *ctx, void *key, u64 flags)                           \
	{                                                                                          \
		return bpf_sock_hash_update(ctx, &name##_skep_map, key, flags);                    \
	}                                                                                          \
	SKEP_METHOD int name##_skep_msg(void *msg, void *key, u64 flags)                           \
	{                                                                                          \
		return bpf_msg_redirect_hash(msg, &name##_skep_map, key, flags);                   \
	}                                                                                          \
	SKEP_METHOD int name##_skep_skb(void *skb, void *key, u64 flags)                           \
	{                                                                                          \
		return bpf_sk_redirect_hash(skb, &name##_skep_map, key, flags);                    \
	}                                                                                          \
	static const struct {                                                                      \
		int (*update)(const name##_skep_key *, const int *);                               \
		int (*delete)(const name##_skep_key *);                                            \
		int (*sock_hash_update)(void *, void *, u64);                                      \
		int (*msg_redirect_hash)(void *, void *, u64);                                     \
		int (*sk_redirect_hash)(void *, void *, u64);                                      \
	} SKEP_METHODS(name) = { name##_skep_update, name##_skep_delete, name##_skep_add, name##_skep_msg, name##_skep_skb }

#define SKEP_STORAGE(kind, prefix, name, leaf_type)                                                \
	SKEP_MAP(kind, int, leaf_type, name, 0, BPF_F_NO_PREALLOC);                                \
	SKEP_METHOD void *name##_skep_get(void *of, void *first, u64 flags)                        \
	{                                                                                          \
		return bpf_##prefix##_storage_get((void *)&name##_skep_map, of, first, flags);     \
	}                                                                                          \
	SKEP_METHOD int name##_skep_drop(void *of)                                                 \
	{                                                                                          \
		return bpf_##prefix##_storage_delete((void *)&name##_skep_map, of);                \
	}                                                                                          \
	static const struct {                                                                      \
		void *(*prefix##_storage_get)(void *, void *, u64);                                \
		int (*prefix##_storage_delete)(void *);                                            \
	} SKEP_METHODS(name) = { name##_skep_get, name##_skep_drop }
#define BPF_SK_STORAGE(name, leaf) SKEP_STORAGE(SKEP_MAP_sk_storage, sk, name, leaf)
#define BPF_INODE_STORAGE(name, leaf) SKEP_STORAGE(SKEP_MAP_inode_storage, inode, name, leaf)
#define BPF_TASK_STORAGE(name, leaf) SKEP_STORAGE(SKEP_MAP_task_storage, task, name, leaf)

#define SKEP_LOCAL(kind, name, leaf_type)                                                          \
	SKEP_MAP(kind, struct bpf_cgroup_storage_key, leaf_type, name, 0, 0);                      \
	SKEP_METHOD name##_skep_leaf *name##_skep_lookup(const name##_skep_key *key)               \
	{                                                                                          \
		return bpf_map_lookup_elem(&name##_skep_map, key);                                 \
	}                                                                                          \
	SKEP_METHOD int name##_skep_update(const name##_skep_key *key, const name##_skep_leaf *leaf) \
	{                                                                                          \
		return bpf_map_update_elem(&name##_skep_map, key, leaf, BPF_ANY);                  \
	}                                                                                          \
	SKEP_METHOD name##_skep_leaf *name##_skep_local(u64 flags)                                 \
	{                                                                                          \
		return bpf_get_local_storage(&name##_skep_map, flags);                             \
	}                                                                                          \
	static const struct {                                                                      \
		name##_skep_leaf *(*lookup)(const name##_skep_key *);                              \
		int (*update)(const name##_skep_key *, const name##_skep_leaf *);                  \
		name##_skep_leaf *(*get_local_storage)(u64);                                       \
	} SKEP_METHODS(name) = { name##_skep_lookup, name##_skep_update, name##_skep_local }
#define BPF_CGROUP_STORAGE(name, leaf) SKEP_LOCAL(SKEP_MAP_cgroup_storage, name, leaf)
#define BPF_PERCPU_CGROUP_STORAGE(name, leaf) SKEP_LOCAL(SKEP_MAP_percpu_cgroup_storage, name, leaf)

/* What a buffer's records are, for whoever reads them: the pass over the tokens puts it around the data's argument. */
#define SKEP_JOIN(a, b, c) #a "_skep_event_" #c
#define SKEP_EVENT_(buffer, data, number)                                                          \
	({                                                                                         \
		static __typeof__(data) skep_event __asm__(SKEP_JOIN(buffer, , number)) SEC(".skep.events"); \
		(data);                                                                            \
	})
#define SKEP_EVENT_N(buffer, data, number) SKEP_EVENT_(buffer, data, number)
#define SKEP_EVENT(buffer, data) SKEP_EVENT_N(buffer, data, __COUNTER__)

#endif
