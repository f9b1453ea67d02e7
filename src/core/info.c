/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_OBJ_GET_INFO_BY_FD. The caller's struct says in its counts and pointers what he has room for;
 * it comes back with the real counts. Structs shorter or longer than ours are fine (zero tail).
 */
#include <string.h>

#include "core/command.h"
#include "core/link.h"
#include "core/objects.h"
#include "util/sha256.h"

/* Copies an array of count records of a size to where the caller has room for given of them; the real count. */
static int put_array(struct call *call, u64 to, u32 *given, const void *from, u32 count, u32 size)
{
	u32 fits = min(*given, count);

	*given = count;
	return call_write(call, to, from, (size_t)fits * size);
}

/* Programs. */

/* Where a 64-bit load holds a map's address or a value's, the map's id and the offset are shown. */
static bool show_map(const struct prog *prog, struct bpf_insn *insn)
{
	u64 imm = (u64)(u32)insn[1].imm << 32 | (u32)insn[0].imm;

	for (u32 i = 0; i < prog->map_count; i++) {
		const struct map *map = prog->maps[i]->map;
		u64 values = prog->maps[i]->view.value_addr,
		    size = (u64)prog->maps[i]->view.value_stride * map->spec.max_entries;

		if (imm == (u64)(uintptr_t)map) {
			insn[0].src_reg = BPF_PSEUDO_MAP_FD;
			insn[1].imm = 0;
		} else if (values && imm >= values && imm < values + size) {
			insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
			insn[1].imm = (s32)(imm - values);
		} else {
			continue;
		}
		insn[0].imm = (s32)map->id;
		return true;
	}
	return false;
}

static int put_xlated(struct call *call, const struct prog *prog, struct bpf_prog_info *info)
{
	u32 room = info->xlated_prog_len;
	int err = 0;

	info->xlated_prog_len = prog->xlated_count * (u32)sizeof(struct bpf_insn);
	for (u32 i = 0; i < prog->xlated_count && !err; i++) {
		struct bpf_insn insn[2] = { prog->xlated[i], { 0 } };
		u32 at = i * (u32)sizeof(*insn), count = 1;

		if (insn[0].code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < prog->xlated_count) {
			insn[1] = prog->xlated[++i];
			count = 2;
			show_map(prog, insn);
		}
		if (at >= room)
			break;
		err = call_write(call, info->xlated_prog_insns + at, insn,
				 min(room - at, count * (u32)sizeof(*insn)));
	}
	return err;
}

/* Functions of machine code: where each is and how long. */
static int put_jited_functions(struct call *call, const struct prog *prog,
			       struct bpf_prog_info *info)
{
	u32 ksyms = info->nr_jited_ksyms, lens = info->nr_jited_func_lens, n = 0, len;
	u64 address;
	int err = 0;

	for (;; n++) {
		address = (u64)(uintptr_t)code_function(prog->code, n, &len);
		if (!address)
			break;
		if (n < ksyms)
			err |= call_write(call, info->jited_ksyms + n * sizeof(address), &address,
					  sizeof(address));
		if (n < lens)
			err |= call_write(call, info->jited_func_lens + n * sizeof(len), &len,
					  sizeof(len));
	}
	info->nr_jited_ksyms = info->nr_jited_func_lens = n;
	return err ? -EFAULT : 0;
}

/* Where the machine code of an instruction begins: of a function's first, with its prologue. */
static u64 jited_address(const struct prog *prog, u32 insn)
{
	u32 len;

	for (u32 i = 0; i < prog->subprog_count; i++)
		if (prog->subprogs[i].start == insn)
			return (u64)(uintptr_t)code_function(prog->code, i, &len);
	return (u64)(uintptr_t)code_insn(prog->code, insn);
}

/* The address of each line's first machine instruction, in the order of line_info. */
static int put_jited_lines(struct call *call, const struct prog *prog, struct bpf_prog_info *info)
{
	u32 room = info->nr_jited_line_info;
	int err = 0;

	info->nr_jited_line_info = code_insn(prog->code, 0) ? prog->line_info_count : 0;
	for (u32 i = 0; i < min(room, info->nr_jited_line_info); i++) {
		u64 address = jited_address(prog, prog->line_info[i].insn_off);

		err |= call_write(call, info->jited_line_info + i * sizeof(address), &address,
				  sizeof(address));
	}
	return err ? -EFAULT : 0;
}

static int put_jited(struct call *call, const struct prog *prog, struct bpf_prog_info *info)
{
	u32 len = 0;
	const void *image = code_image(prog->code, &len);

	if (put_array(call, info->jited_prog_insns, &info->jited_prog_len, image, len, 1) ||
	    put_jited_lines(call, prog, info))
		return -EFAULT;
	return put_jited_functions(call, prog, info);
}

static int put_map_ids(struct call *call, struct prog *prog, struct bpf_prog_info *info)
{
	u32 room = info->nr_map_ids;
	int err = 0;

	pthread_mutex_lock(&prog->maps_lock);
	info->nr_map_ids = prog->map_count;
	for (u32 i = 0; i < min(room, prog->map_count) && !err; i++)
		err = call_write(call, info->map_ids + 4ull * i, &prog->maps[i]->object.id, 4);
	pthread_mutex_unlock(&prog->maps_lock);
	return err;
}

/* Of a program of several functions, each one's as it runs. */
static int put_tags(struct call *call, const struct prog *prog, struct bpf_prog_info *info)
{
	u32 count = prog->subprog_count, room = info->nr_prog_tags;
	int err = 0;

	if (count < 2)
		return put_array(call, info->prog_tags, &info->nr_prog_tags, prog->tag, 1,
				 BPF_TAG_SIZE);
	info->nr_prog_tags = count;
	for (u32 i = 0; i < min(room, count) && !err; i++) {
		u32 start = prog->subprogs[i].start,
		    end = i + 1 < count ? prog->subprogs[i + 1].start : prog->xlated_count;
		u8 tag[BPF_TAG_SIZE];

		err = prog_tag(tag, prog->xlated + start, end - start);
		if (!err)
			err = call_write(call, info->prog_tags + (u64)i * BPF_TAG_SIZE, tag,
					 sizeof(tag));
	}
	return err;
}

/* Record sizes are ours, or zero where there is no count. */
static int set_rec_sizes(struct bpf_prog_info *info)
{
	if ((info->nr_func_info || info->func_info_rec_size) &&
	    info->func_info_rec_size != sizeof(struct bpf_func_info))
		return -EINVAL;
	if ((info->nr_line_info || info->line_info_rec_size) &&
	    info->line_info_rec_size != sizeof(struct bpf_line_info))
		return -EINVAL;
	if ((info->nr_jited_line_info || info->jited_line_info_rec_size) &&
	    info->jited_line_info_rec_size != sizeof(u64))
		return -EINVAL;
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->jited_line_info_rec_size = sizeof(u64);
	return 0;
}

static void fill_prog(const struct prog *prog, struct bpf_prog_info *info)
{
	info->type = prog->type;
	info->id = prog->object.id;
	info->load_time = prog->load_time;
	info->created_by_uid = prog->uid;
	info->gpl_compatible = prog->gpl;
	memcpy(info->tag, prog->tag, sizeof(info->tag));
	memcpy(info->name, prog->name, sizeof(info->name));
	info->run_time_ns = info->run_cnt = info->recursion_misses = 0;
	for (u32 cpu = 0; cpu < prog->object.hive->nr_cpus; cpu++) {
		info->run_time_ns += __atomic_load_n(&prog->stats[cpu].ns, __ATOMIC_RELAXED);
		info->run_cnt += __atomic_load_n(&prog->stats[cpu].runs, __ATOMIC_RELAXED);
		info->recursion_misses +=
			__atomic_load_n(&prog->stats[cpu].misses, __ATOMIC_RELAXED);
	}
	info->verified_insns = prog->verified;
	info->btf_id = prog->btf ? prog->btf->object.id : 0;
	info->attach_btf_id = prog->attach_btf_id;
	info->attach_btf_obj_id = prog->attach_btf ? prog->attach_btf->object.id
				  : prog->attach_prog && prog->attach_prog->btf
					  ? prog->attach_prog->btf->object.id
					  : 0;
}

static int prog_info(struct call *call, struct prog *prog)
{
	struct bpf_prog_info info;
	int err = call_read_info(call, &info, sizeof(info));

	if (err)
		return err;
	fill_prog(prog, &info);
	if (put_map_ids(call, prog, &info))
		return -EFAULT;
	err = set_rec_sizes(&info);
	if (err)
		return err;
	if (put_xlated(call, prog, &info) || put_jited(call, prog, &info) ||
	    put_array(call, info.func_info, &info.nr_func_info, prog->func_info,
		      prog->func_info_count, sizeof(struct bpf_func_info)) ||
	    put_array(call, info.line_info, &info.nr_line_info, prog->line_info,
		      prog->line_info_count, sizeof(struct bpf_line_info)) ||
	    put_tags(call, prog, &info))
		return -EFAULT;
	return call_write_info(call, &info, sizeof(info));
}

/* Maps. */

static int put_hash(struct call *call, struct map_object *map, const struct bpf_map_info *info)
{
	const struct map *m = map->map;
	u8 digest[32];

	if (!info->hash)
		return info->hash_size ? -EINVAL : 0;
	if (m->spec.type != BPF_MAP_TYPE_ARRAY || info->hash_size != sizeof(digest))
		return -EINVAL;
	sha256(digest, m->values, (size_t)m->stride * m->spec.max_entries);
	return call_write(call, info->hash, digest, sizeof(digest));
}

static int map_info(struct call *call, struct map_object *map)
{
	const struct map_spec *spec = &map->map->spec;
	struct bpf_map_info info, given;
	int err = call_read_info(call, &given, sizeof(given));

	if (err)
		return err;
	info = (struct bpf_map_info){
		.type = spec->type,
		.id = map->object.id,
		.key_size = spec->key_size,
		.value_size = spec->value_size,
		.max_entries = spec->max_entries,
		.map_flags = spec->flags,
		.map_extra = spec->extra,
		.btf_vmlinux_value_type_id = map->btf_vmlinux_value,
		.hash = given.hash,
		.hash_size = given.hash_size,
	};
	memcpy(info.name, spec->name, sizeof(info.name));
	if (map->btf) {
		info.btf_id = map->btf->object.id;
		info.btf_key_type_id = map->btf_key;
		info.btf_value_type_id = map->btf_value;
	}
	err = put_hash(call, map, &given);
	return err ? err : call_write_info(call, &info, sizeof(info));
}

/* BTF. */

static int btf_info(struct call *call, struct btf_object *btf)
{
	const char *name = btf->kernel ? "vmlinux" : "";
	struct bpf_btf_info info;
	struct btf_object *held = NULL;
	const void *bytes;
	u32 len, room;
	int err = call_read_info(call, &info, sizeof(info)), text = 0;

	if (err)
		return err;
	if (btf->kernel && btf_kernel_object(call->hive, &held))
		return -EINVAL;
	bytes = btf_bytes(btf->btf, &len);
	info.id = btf->object.id;
	info.kernel_btf = btf->kernel;
	err = call_write(call, info.btf, bytes, min(len, info.btf_size));
	put_btf(held);
	if (err)
		return err;
	info.btf_size = len;
	if (!info.name != !info.name_len)
		return -EINVAL;
	room = info.name_len;
	info.name_len = (u32)strlen(name);
	if (info.name)
		text = call_put_text(call, info.name, room, name);
	if (text == -EFAULT || call_write_info(call, &info, sizeof(info)))
		return -EFAULT;
	return text;
}

/* Links. */

/* A name field with its length: *len is the caller's room, then the text's size with its end. */
static int put_name(struct call *call, u64 to, u32 *len, const char *name)
{
	u32 room = *len;

	if (!to != !room)
		return -EINVAL;
	*len = (u32)strlen(name) + 1;
	return to ? call_put_text(call, to, room, name) : 0;
}

static int fill_perf(struct call *call, const struct perf_event *event, struct bpf_link_info *info)
{
	const struct attach_target *target = event->attachment ? &event->attachment->target : NULL;

	if (!target) {
		info->perf_event.type = BPF_PERF_EVENT_EVENT;
		info->perf_event.event.type = event->type;
		info->perf_event.event.config = event->config;
		info->perf_event.event.cookie = event->cookie;
		return 0;
	}
	if (target->kind == ATTACH_TRACEPOINT) {
		info->perf_event.type = BPF_PERF_EVENT_TRACEPOINT;
		info->perf_event.tracepoint.cookie = event->cookie;
		return put_name(call, info->perf_event.tracepoint.tp_name,
				&info->perf_event.tracepoint.name_len,
				strchr(target->name, '/') ? strchr(target->name, '/') + 1
							  : target->name);
	}
	info->perf_event.type =
		target->kind == ATTACH_KRETPROBE ? BPF_PERF_EVENT_KRETPROBE : BPF_PERF_EVENT_KPROBE;
	info->perf_event.kprobe.offset = (u32)target->offset;
	info->perf_event.kprobe.addr = 0;
	info->perf_event.kprobe.missed = 0;
	info->perf_event.kprobe.cookie = event->cookie;
	return put_name(call, info->perf_event.kprobe.func_name, &info->perf_event.kprobe.name_len,
			target->name);
}

static int fill_link(struct call *call, struct link *link, struct bpf_link_info *info)
{
	switch (link->type) {
	case BPF_LINK_TYPE_RAW_TRACEPOINT:
		info->raw_tracepoint.cookie =
			link->attachment ? link->attachment->target.cookie : 0;
		return put_name(call, info->raw_tracepoint.tp_name,
				&info->raw_tracepoint.tp_name_len,
				link->attachment ? link->attachment->target.name : "");
	case BPF_LINK_TYPE_XDP:
		info->xdp.ifindex = link->attachment ? (u32)link->attachment->target.ifindex : 0;
		return 0;
	case BPF_LINK_TYPE_PERF_EVENT: return fill_perf(call, link->perf, info);
	case BPF_LINK_TYPE_TRACING:
		info->tracing.attach_type = link->attach_type;
		info->tracing.target_obj_id = 1;
		info->tracing.target_btf_id = link->prog->attach_btf_id;
		return 0;
	case BPF_LINK_TYPE_ITER:
		if (link->map)
			info->iter.map.map_id = link->map->object.id;
		return put_name(call, info->iter.target_name, &info->iter.target_name_len,
				link->iter->name);
	default: return 0;
	}
}

static int link_info(struct call *call, struct link *link)
{
	struct bpf_link_info info;
	int err = call_read_info(call, &info, sizeof(info));

	if (err)
		return err;
	pthread_mutex_lock(&link->lock);
	info.type = link->type;
	info.id = link->object.id;
	info.prog_id = link->prog ? link->prog->object.id : 0;
	err = fill_link(call, link, &info);
	pthread_mutex_unlock(&link->lock);
	return err ? err : call_write_info(call, &info, sizeof(info));
}

int cmd_obj_info(struct call *call)
{
	struct object *object;
	int err = object_any_from_fd(call->hive, call->caller, (int)call->attr.info.bpf_fd, &object,
				     NULL);

	if (err)
		return err == -EBADF ? -EBADFD : err;
	switch (object->kind) {
	case OBJECT_PROG: err = prog_info(call, to_prog(object)); break;
	case OBJECT_MAP: err = map_info(call, to_map(object)); break;
	case OBJECT_BTF: err = btf_info(call, to_btf(object)); break;
	case OBJECT_LINK: err = link_info(call, to_link(object)); break;
	default: err = -EINVAL;
	}
	object_put(object);
	return err;
}
