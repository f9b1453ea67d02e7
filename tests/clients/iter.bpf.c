/* SPDX-License-Identifier: BSD-2-Clause */
/* Iterators over maps, programs, links and elements of maps; iter.c reads what they write. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id, seq_num;
};
struct bpf_map {
	enum bpf_map_type map_type;
	__u32 key_size, value_size, max_entries, map_flags, id;
	__u64 map_extra;
	char name[16];
	struct bpf_map *inner_map_meta;
};
struct bpf_prog_aux {
	__u32 id, used_map_cnt, verified_insns;
	__u64 load_time;
	const char *attach_func_name;
	char name[16];
	struct bpf_prog *dst_prog;
};
struct bpf_prog {
	__u16 jited : 1, jit_requested : 1, gpl_compatible : 1;
	enum bpf_prog_type type;
	enum bpf_attach_type expected_attach_type;
	__u8 tag[8];
	struct bpf_prog_aux *aux;
};
struct bpf_link {
	__u32 id;
	enum bpf_link_type type;
	struct bpf_prog *prog;
};
struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};
struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};
struct bpf_iter__bpf_link {
	struct bpf_iter_meta *meta;
	struct bpf_link *link;
};
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key, *value;
};
#pragma clang attribute pop

enum { LARGE = 12000, TOO_LARGE = 40000 };
struct large {
	char bytes[LARGE];
};
struct too_large {
	char bytes[TOO_LARGE];
};

#define MAP(name, kind, entries, k, v)        \
	struct {                              \
		__uint(type, kind);           \
		__uint(max_entries, entries); \
		__type(key, k);               \
		__type(value, v);             \
	} name SEC(".maps")
MAP(it_hash, BPF_MAP_TYPE_HASH, 100, __u32, __u64);
MAP(it_lru, BPF_MAP_TYPE_LRU_HASH, 8192, __u64, __u64); /* full, Linux evicts; with older kernels each CPU takes 128 at once */
MAP(it_empty, BPF_MAP_TYPE_HASH, 100, __u32, __u64);
MAP(it_array, BPF_MAP_TYPE_ARRAY, 5, __u32, __u64);
MAP(it_pcpu, BPF_MAP_TYPE_PERCPU_ARRAY, 3, __u32, __u64);
MAP(it_pcpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 3, __u32, __u64);
MAP(it_large, BPF_MAP_TYPE_ARRAY, 7, __u32, struct large);
MAP(it_too_large, BPF_MAP_TYPE_ARRAY, 2, __u32, struct too_large);

int shown; /* runs of "again" so far */

static __always_inline int ours(const char *name)
{
	return name[0] == 'i' && name[1] == 't' && name[2] == '_';
}

SEC("iter/bpf_map") int it_maps(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct bpf_map *map = ctx->map;

	if (!map) {
		BPF_SEQ_PRINTF(seq, "the end %d\n", ctx->meta->seq_num > 6);
		return 0;
	}
	if (!ours(map->name))
		return 0;
	BPF_SEQ_PRINTF(
		seq, "%s: type %u, key %u, value %u, entries %u, flags %x, extra %llx, inner %d\n",
		map->name, map->map_type, map->key_size, map->value_size, map->max_entries,
		map->map_flags, map->map_extra, map->inner_map_meta->max_entries);
	return bpf_seq_write(seq, map->name, 3) ? 0 : bpf_seq_write(seq, "\n", 1) != 0;
}

SEC("iter/bpf_prog") int it_progs(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct bpf_prog_aux *aux;

	if (!prog)
		return 0;
	aux = prog->aux;
	if (!ours(aux->name))
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%s: type %d for %d of %s, %u maps, gpl %d, other %s\n",
		       aux->name, prog->type, prog->expected_attach_type, aux->attach_func_name,
		       aux->used_map_cnt, prog->gpl_compatible, aux->dst_prog->aux->name);
	return 0;
}

SEC("iter/bpf_link") int it_links(struct bpf_iter__bpf_link *ctx)
{
	struct bpf_link *link = ctx->link;

	if (link && ours(link->prog->aux->name))
		BPF_SEQ_PRINTF(ctx->meta->seq, "link of %s, type %d\n", link->prog->aux->name,
			       link->type);
	return 0;
}

SEC("iter/bpf_map_elem") int it_elems(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value) {
		BPF_SEQ_PRINTF(ctx->meta->seq, "end of %s, %llu\n", ctx->map->name,
			       ctx->meta->seq_num);
		return 0;
	}
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u = %llu\n", *key, *value);
	*value += 1;
	return 0;
}

/* numbers the elements, whatever order they come in */
SEC("iter/bpf_map_elem") int it_numbers(struct bpf_iter__bpf_map_elem *ctx)
{
	if (ctx->key)
		BPF_SEQ_PRINTF(ctx->meta->seq, "number %llu\n", ctx->meta->seq_num);
	return 0;
}

SEC("iter/bpf_map_elem") int it_bytes(struct bpf_iter__bpf_map_elem *ctx)
{
	void *value = ctx->value;

	if (value)
		bpf_seq_write(ctx->meta->seq, value, LARGE);
	return 0;
}

SEC("iter/bpf_map_elem") int it_more(struct bpf_iter__bpf_map_elem *ctx)
{
	void *value = ctx->value;

	if (value)
		bpf_seq_write(ctx->meta->seq, value, TOO_LARGE);
	return 0;
}

/* each element is skipped at first */
SEC("iter/bpf_map_elem") int it_again(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;

	if (!key)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u at %d, %llu\n", *key, shown, ctx->meta->seq_num);
	return ++shown & 1;
}

SEC("iter/bpf_map_elem") int it_never(struct bpf_iter__bpf_map_elem *ctx)
{
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u", 1);
	return 1;
}
