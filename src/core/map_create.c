/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF_MAP_CREATE, BPF_MAP_FREEZE, and the object around a map: its BTF and what that says of special
 * fields, its view for the verifier, its release.
 *
 * The order of checks is Linux's, so that a call with several faults gets the same errno.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/batch.h"
#include "core/command.h"
#include "core/objects.h"
#include "helper/timers.h"

/* What found no room in a buffer, all its life long. */
static void tell_dropped(struct hive *hive, const struct map *map)
{
	if (map && map->dropped)
		say(hive->log, "%s: %llu records were lost: they found no room in the buffer\n",
		    map->spec.name[0] ? map->spec.name : "a buffer",
		    (unsigned long long)map->dropped);
}

static void map_end(struct epoch_item *item)
{
	struct map_object *map = container_of(item, struct map_object, ending);

	tell_dropped(map->object.hive, map->map);
	map_free(map->map);
	put_btf(map->btf);
	put_btf(map->inner_btf);
	cursors_free(map->cursors);
	pthread_mutex_destroy(&map->lock);
	free(map);
}

/* A program may be in it still: one that found it in a map of maps, or reads values blindly. */
static void map_release(struct object *object)
{
	struct map_object *map = to_map(object);

	if (map->map && map->map->release)
		timers_drop_map(object->hive->timers, map->map);
	map_hide(map->map);
	hive_defer(object->hive, &map->ending, map_end);
}

/* A prog_array loses its programs with its last user, or a program in it that uses it would never go. */
static void map_last_user(struct object *object)
{
	struct map *map = to_map(object)->map;

	if (map->spec.type == BPF_MAP_TYPE_PROG_ARRAY && map->ops->sys_remove)
		for (u32 i = 0; i < map->spec.max_entries; i++)
			map->ops->sys_remove(map, &i);
	if (map->release)
		timers_drop_map(object->hive->timers, map);
}

static void release_value(struct map *map, void *value)
{
	timers_drop_value(((struct map_object *)map->owner)->object.hive->timers, map, value);
}

/* Values with locks, timers and the like are never mapped. */
static int map_memfd(struct object *object)
{
	struct map *map = to_map(object)->map;

	return map && map->ops->memfd && !to_map(object)->fields ? map->ops->memfd(map)
								 : -EOPNOTSUPP;
}

static struct notify *map_notify(struct object *object)
{
	struct map *map = to_map(object)->map;

	return map && map->ops->notify ? map->ops->notify(map) : NULL;
}

static const struct object_ops map_object_ops = {
	.release = map_release,
	.last_user = map_last_user,
	.memfd = map_memfd,
	.notify = map_notify,
};

/* BTF of key and value. */

enum btf_rule {
	BTF_NONE,    /* the type takes no BTF: -ENOTSUPP */
	BTF_PLAIN,   /* sizes must agree, a key type is needed */
	BTF_ARRAY,   /* u32 key, or none for a one-element section */
	BTF_TRIE,    /* a struct as key */
	BTF_KEYLESS, /* no key */
};

static enum btf_rule btf_rule_of(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY: return BTF_ARRAY;
	case BPF_MAP_TYPE_LPM_TRIE: return BTF_TRIE;
	case BPF_MAP_TYPE_BLOOM_FILTER: return BTF_KEYLESS;
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_STACK_TRACE:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP: return BTF_NONE;
	default: return BTF_PLAIN;
	}
}

static bool is_int32(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_at(btf, btf_resolve(btf, id));

	return t && btf_type_kind(t) == BTF_KIND_INT && t->size == 4 &&
	       BTF_INT_BITS(*(const u32 *)(t + 1)) == 32 && !BTF_INT_OFFSET(*(const u32 *)(t + 1));
}

static int check_rule(const struct map_spec *spec, const struct btf *btf, u32 key, u32 value)
{
	u32 kind = btf_type_kind(btf_at(btf, value));

	switch (btf_rule_of(spec->type)) {
	case BTF_NONE: return -ENOTSUPP;
	case BTF_PLAIN: return 0;
	case BTF_ARRAY:
		if (!key)
			return spec->type == BPF_MAP_TYPE_ARRAY && spec->max_entries == 1 &&
					       kind == BTF_KIND_DATASEC
				       ? 0
				       : -EINVAL;
		return is_int32(btf, key) ? 0 : -EINVAL;
	case BTF_TRIE:
		return key && btf_type_kind(btf_at(btf, btf_resolve(btf, key))) == BTF_KIND_STRUCT
			       ? 0
			       : -EINVAL;
	case BTF_KEYLESS: return key ? -EINVAL : 0;
	}
	return -EINVAL;
}

static bool type_is_any(u32 type, const u32 *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (types[i] == type)
			return true;
	return false;
}

/* Which map types may hold a special field in their values. */
static bool field_fits(u32 field, u32 type)
{
	static const u32 locks[] = { BPF_MAP_TYPE_HASH,		  BPF_MAP_TYPE_ARRAY,
				     BPF_MAP_TYPE_CGROUP_STORAGE, BPF_MAP_TYPE_SK_STORAGE,
				     BPF_MAP_TYPE_INODE_STORAGE,  BPF_MAP_TYPE_TASK_STORAGE,
				     BPF_MAP_TYPE_CGRP_STORAGE };
	static const u32 timers[] = { BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH,
				      BPF_MAP_TYPE_ARRAY };
	static const u32 kptrs[] = { BPF_MAP_TYPE_HASH,		BPF_MAP_TYPE_PERCPU_HASH,
				     BPF_MAP_TYPE_LRU_HASH,	BPF_MAP_TYPE_LRU_PERCPU_HASH,
				     BPF_MAP_TYPE_ARRAY,	BPF_MAP_TYPE_PERCPU_ARRAY,
				     BPF_MAP_TYPE_SK_STORAGE,	BPF_MAP_TYPE_INODE_STORAGE,
				     BPF_MAP_TYPE_TASK_STORAGE, BPF_MAP_TYPE_CGRP_STORAGE };

	if (field & (BTF_SPIN_LOCK | BTF_RES_SPIN_LOCK))
		return type_is_any(type, locks, ARRAY_SIZE(locks));
	if (field & (BTF_TIMER | BTF_WORKQUEUE | BTF_TASK_WORK | BTF_LIST_HEAD | BTF_RB_ROOT))
		return type_is_any(type, timers, ARRAY_SIZE(timers));
	if (field & BTF_UPTR)
		return type == BPF_MAP_TYPE_TASK_STORAGE;
	if (field & (BTF_KPTR | BTF_REFCOUNT))
		return type_is_any(type, kptrs, ARRAY_SIZE(kptrs));
	return false;
}

/* Spin locks, timers and the like in the value; their places go into the spec. */
static int find_fields(struct map_object *map, struct map_spec *spec, const struct btf *btf,
		       u32 value)
{
	struct btf_special_field fields[BTF_MAX_FIELDS];
	u32 id = btf_resolve(btf, value);
	int count = btf_type_is_struct(btf_at(btf, id)) ? btf_special_fields(btf, id, fields) : 0;

	if (count < 0)
		return count;
	if (count && (spec->flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)))
		return -EACCES;
	for (int i = 0; i < count; i++) {
		if (!field_fits(fields[i].kind, spec->type))
			return -EOPNOTSUPP;
		map->fields |= fields[i].kind;
		if (fields[i].kind == BTF_SPIN_LOCK)
			spec->spin_lock_off = (int)fields[i].off;
		if (fields[i].kind == BTF_TIMER)
			spec->timer_off = (int)fields[i].off;
	}
	return 0;
}

static int take_btf(struct call *call, struct map_object *map, struct map_spec *spec)
{
	const union bpf_attr *attr = &call->attr;
	const struct btf *btf;
	int err;

	if (!attr->btf_key_type_id && !attr->btf_value_type_id && !attr->btf_vmlinux_value_type_id)
		return 0;
	err = btf_from_fd(call->hive, call->caller, (int)attr->btf_fd, &map->btf);
	if (err)
		return err;
	if (map->btf->kernel)
		return -EACCES;
	btf = map->btf->btf;
	map->btf_key = attr->btf_key_type_id;
	map->btf_value = attr->btf_value_type_id;
	map->btf_vmlinux_value = attr->btf_vmlinux_value_type_id;
	if (!map->btf_value)
		return 0;
	if (!btf_at(btf, map->btf_key) ||
	    (map->btf_key && btf_size(btf, map->btf_key) != spec->key_size))
		return -EINVAL;
	if (!map->btf_key && btf_rule_of(spec->type) == BTF_PLAIN)
		return -EINVAL;
	if (!btf_at(btf, map->btf_value) || btf_size(btf, map->btf_value) != spec->value_size)
		return -EINVAL;
	err = find_fields(map, spec, btf, map->btf_value);
	return err ? err : check_rule(spec, btf, map->btf_key, map->btf_value);
}

/* Creation. */

static bool numa_node_exists(u32 node)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u", node);
	return node == 0 || access(path, F_OK) == 0;
}

static int check_attr(struct call *call)
{
	const union bpf_attr *attr = &call->attr;

	if (attr->btf_vmlinux_value_type_id) {
		if (attr->map_type != BPF_MAP_TYPE_STRUCT_OPS || attr->btf_key_type_id ||
		    attr->btf_value_type_id)
			return -EINVAL;
	} else if ((attr->btf_key_type_id && !attr->btf_value_type_id) ||
		   attr->map_type == BPF_MAP_TYPE_STRUCT_OPS) {
		return -EINVAL;
	}
	if (attr->map_extra && attr->map_type != BPF_MAP_TYPE_BLOOM_FILTER &&
	    attr->map_type != BPF_MAP_TYPE_ARENA)
		return -EINVAL;
	if (access_of_flags(attr->map_flags) < 0)
		return -EINVAL;
	if ((attr->map_flags & BPF_F_NUMA_NODE) && !numa_node_exists(attr->numa_node))
		return -EINVAL;
	if (attr->map_type >= __MAX_BPF_MAP_TYPE || !attr->map_type)
		return -EINVAL;
	if (attr->map_ifindex)
		return fail(call->hive->log,
			    if_indextoname(attr->map_ifindex, (char[IF_NAMESIZE]){ 0 })
				    ? -EOPNOTSUPP
				    : -EINVAL,
			    "map_create: maps cannot be offloaded to a device");
	return 0;
}

/* A map that only the program of this hash may use. */
static int check_hash(struct call *call)
{
	const union bpf_attr *attr = &call->attr;

	if (!attr->excl_prog_hash != (attr->excl_prog_hash_size != 32) ||
	    (!attr->excl_prog_hash && attr->excl_prog_hash_size))
		return -EINVAL;
	if (attr->excl_prog_hash)
		return fail(call->hive->log, -EOPNOTSUPP,
			    "map_create: maps bound to a program's hash are not supported");
	return 0;
}

/* BPF_F_TOKEN_FD: a hive makes no tokens, so whatever the fd is, it is none. */
static int check_token(struct call *call, int fd)
{
	struct fd_key key;
	int err = call->caller->ops->identify(call->caller, fd, &key);

	return err ? err : -EINVAL;
}

static void fill_view(struct map_object *map, struct map_object *inner)
{
	const struct map_spec *spec = &map->map->spec;

	map->view = (struct verify_map){
		.id = map->object.id,
		.type = spec->type,
		.key_size = spec->key_size,
		.value_size = spec->value_size,
		.max_entries = spec->max_entries,
		.flags = spec->flags,
		.btf = map->btf ? map->btf->btf : NULL,
		.btf_key_type_id = map->btf_key,
		.btf_value_type_id = map->btf_value,
		.inner = inner ? &map->inner_view : NULL,
		.addr = (u64)(uintptr_t)map->map,
	};
	memcpy(map->view.name, spec->name, sizeof(map->view.name));
	if (inner) {
		/* of the template only its kind holds: the maps that are put there have values of their own */
		map->inner_view = inner->view;
		map->inner_view.addr = 0;
		map->inner_view.frozen = NULL;
		map->inner_view.value_addr = 0;
		map->inner_view.inline_array = false;
		map->inner_btf = inner->btf;
		if (inner->btf)
			object_get(&inner->btf->object);
	}
	if (spec->type == BPF_MAP_TYPE_ARRAY) {
		map->view.value_addr = (u64)(uintptr_t)map->map->values;
		map->view.value_stride = map->map->stride;
		map->view.inline_array = true;
	}
}

/* With what is ours besides. */
static int charge_map(struct map_object *map)
{
	u64 bytes;

	if (__builtin_add_overflow(map_memory(map->map), 8192ull, &bytes))
		return -ENOMEM;
	return object_charge(&map->object, bytes);
}

static int build(struct call *call, struct map_object *map, struct map_object *inner)
{
	const union bpf_attr *attr = &call->attr;
	struct map_spec spec = {
		.type = attr->map_type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags & ~(u32)BPF_F_TOKEN_FD,
		.extra = attr->map_extra,
		.inner = inner ? inner->map : NULL,
		.nr_cpus = call->hive->nr_cpus,
		.spin_lock_off = -1,
		.timer_off = -1,
		.space = call->hive->space,
		.has_btf = attr->btf_key_type_id && attr->btf_value_type_id,
	};
	int btf_err = take_btf(call, map, &spec), err;

	/* sizes and flags speak first, then the name, then BTF */
	memcpy(spec.name, attr->map_name, sizeof(spec.name));
	spec.name[sizeof(spec.name) - 1] = 0;
	err = map_new(&map->map, &spec, call->hive->log);
	if (err)
		return err;
	map->map->owner = map;
	err = charge_map(map);
	if (err)
		return err;
	if (spec.timer_off >= 0)
		map->map->release = release_value;
	map->map->spec.flags &= ~(u32)(BPF_F_RDONLY | BPF_F_WRONLY);
	/* no writable mapping that would outlive the freeze: ours is there already */
	if (spec.flags & BPF_F_RDONLY_PROG && map_memfd(&map->object) >= 0 &&
	    fcntl(map_memfd(&map->object), F_ADD_SEALS, F_SEAL_FUTURE_WRITE))
		return -errno;
	if (attr->map_flags & BPF_F_TOKEN_FD)
		return check_token(call, attr->map_token_fd);
	if (check_name(attr->map_name))
		return -EINVAL;
	return btf_err;
}

int cmd_map_create(struct call *call)
{
	const union bpf_attr *attr = &call->attr;
	struct map_object *map, *inner = NULL;
	bool of_maps = attr->map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
		       attr->map_type == BPF_MAP_TYPE_HASH_OF_MAPS;
	int err = check_attr(call);

	if (err)
		return err;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	object_init(&map->object, call->hive, OBJECT_MAP, &map_object_ops);
	pthread_mutex_init(&map->lock, NULL);
	if (of_maps)
		err = map_from_fd(call->hive, call->caller, (int)attr->inner_map_fd, &inner, NULL);
	if (!err)
		err = build(call, map, inner);
	if (!err)
		err = check_hash(call);
	if (!err)
		err = object_publish(&map->object);
	if (!err) {
		map->map->id = map->object.id;
		fill_view(map, inner);
		err = object_install(&map->object, call->caller,
				     (u32)access_of_flags(attr->map_flags));
	}
	put_map(inner);
	put_map(map);
	return err;
}

int map_from_fd(struct hive *hive, struct caller *caller, int fd, struct map_object **out,
		u32 *access)
{
	struct object *object;
	int err = object_from_fd(hive, caller, fd, OBJECT_MAP, &object, access);

	if (!err)
		*out = to_map(object);
	return err;
}

int map_admit_prog(struct map_object *map, const struct prog *prog)
{
	struct prog_kind kind = {
		.set = true,
		.jited = prog->code && code_image(prog->code, &(u32){ 0 }) != NULL,
		.xdp_frags = prog->flags & BPF_F_XDP_HAS_FRAGS,
		.sleepable = prog->flags & BPF_F_SLEEPABLE,
		.type = prog->type,
		.attach_type = prog->type == BPF_PROG_TYPE_TRACING ? prog->attach_type : 0,
	};
	int err;

	pthread_mutex_lock(&map->lock);
	if (!map->kind.set)
		map->kind = kind;
	err = map->kind.jited == kind.jited && map->kind.xdp_frags == kind.xdp_frags &&
			      map->kind.sleepable == kind.sleepable &&
			      map->kind.type == kind.type &&
			      map->kind.attach_type == kind.attach_type
		      ? 0
		      : -EINVAL;
	pthread_mutex_unlock(&map->lock);
	return err;
}

/* Freezing. */

/* Whether the caller has a writable mapping of this inode, other than the one at our own address. Its maps file says
 * so; unreadable means no. */
static bool mapped_writable(struct caller *caller, int memfd, u64 own)
{
	char path[64], line[512], mode[8];
	unsigned long start, end, ino;
	bool found = false;
	struct stat st;
	FILE *file;

	if (fstat(memfd, &st))
		return false;
	own = caller->tgid == (u32)getpid() ? own : 0;
	snprintf(path, sizeof(path), "/proc/%u/maps", caller->tgid);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%lx-%lx %7s %*s %*s %lu", &start, &end, mode, &ino) == 4 &&
			ino == st.st_ino && mode[1] == 'w' && mode[3] == 's' &&
			!(start <= own && own < end);
	if (file)
		fclose(file);
	return found;
}

static int seal(struct call *call, struct map_object *map)
{
	int memfd = map_memfd(&map->object);

	if (memfd < 0)
		return 0;
	if (map->map->values &&
	    mapped_writable(call->caller, memfd, (u64)(uintptr_t)map->map->values))
		return -EBUSY;
	return fcntl(memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) ? -errno : 0;
}

int cmd_map_freeze(struct call *call)
{
	struct map_object *map;
	u32 access;
	int err = map_from_fd(call->hive, call->caller, (int)call->attr.map_fd, &map, &access);

	if (err)
		return err;
	if (map->map->spec.type == BPF_MAP_TYPE_STRUCT_OPS || map->fields) {
		err = -ENOTSUPP;
	} else if (!map_may_write(map, access)) {
		err = -EPERM;
	} else {
		pthread_mutex_lock(&map->lock);
		if (__atomic_load_n(&map->writers, __ATOMIC_ACQUIRE) || map->map->frozen)
			err = -EBUSY;
		else
			err = seal(call, map);
		if (!err && map->map->ops->freeze)
			err = map->map->ops->freeze(map->map);
		if (!err) {
			/* programs loaded from now on may take the values for constants */
			map->view.frozen = map->map->values;
			__atomic_store_n(&map->map->frozen, true, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&map->lock);
	}
	object_put(&map->object);
	return err;
}
