/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever map type a helper is given, it answers: a lookup finds nothing, the rest is an error. */
#include "map.h"
#include "run.h"

static const s32 helpers[] = {
	BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem, BPF_FUNC_map_delete_elem,
	BPF_FUNC_map_push_elem,	  BPF_FUNC_map_pop_elem,    BPF_FUNC_map_peek_elem,
};

static struct map *make_any(u32 type)
{
	static const u32 sizes[][4] = { { 4, 8, 4, 0 },	   { 4, 4, 4, 0 }, { 0, 8, 4, 0 },
					{ 0, 0, 4096, 0 }, { 8, 8, 4, 1 }, { 8, 8, 0, 0 },
					{ 0, 0, 1, 1024 }, { 4, 8, 0, 1 } };
	struct map_spec spec;
	struct map *inner, *map = NULL;
	int err;

	inner = make_map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0, &err);
	for (u32 i = 0; i < ARRAY_SIZE(sizes) && !map; i++) {
		spec = map_spec_of(type, sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
		spec.inner = inner;
		spec.has_btf = true;
		map_new(&map, &spec, NULL);
	}
	map_free(inner);
	return map;
}

int main(void)
{
	for (u32 type = 1; type < __MAX_BPF_MAP_TYPE; type++) {
		struct map *map = make_any(type);
		u64 key[2] = { 0 }, value[2] = { 0 };

		if (!map) {
			ok(type == BPF_MAP_TYPE_STRUCT_OPS, "%s cannot be made",
			   map_types[type].name);
			continue;
		}
		for (u32 i = 0; i < ARRAY_SIZE(helpers); i++)
			CALL5(helpers[i], map, key, value, 0, 0);
		CALL5(BPF_FUNC_for_each_map_elem, map, 0, 0, 1, 0);
		CALL5(BPF_FUNC_redirect_map, map, 0, 0, 0, 0);
		map_sys_lookup(map, key, value, 0);
		map_sys_update(map, key, value, 0);
		map_sys_lookup_remove(map, key, value, 0);
		map_sys_remove(map, key);
		map_next_key(map, key, value);
		ok(1, "%s answers all", map_types[type].name);
		map_free(map);
	}
	return done();
}
