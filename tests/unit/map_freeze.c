/* SPDX-License-Identifier: BSD-2-Clause */
/* Frozen constants stay constant for programs, whatever a client does to pages it kept mapped. */
#include <sys/mman.h>
#include <unistd.h>

#include "map.h"

int main(void)
{
	int err;
	struct map *map =
		make_map(BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_MMAPABLE | BPF_F_RDONLY_PROG, &err);
	u32 *client, key = 0, *addr = map->ops->value_addr(map, 0);
	u32 value[16] = { 7 };

	client = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map->ops->memfd(map), 0);
	map_sys_update(map, &key, value, 0);
	is(client[0], 7, "a client sees an update in its mapping");
	client[0] = 8;
	is(*addr, 8, "a program sees what the client wrote");
	is(map->ops->freeze(map), 0, "freeze");
	client[0] = 9;
	is(*addr, 8, "a program does not see what the client writes afterwards");
	is(map->ops->value_addr(map, 0) == addr, 1, "the address stays");
	map_free(map);

	map = make_map(BPF_MAP_TYPE_ARRAY, 4, 64, 1, BPF_F_MMAPABLE, &err);
	addr = map->ops->value_addr(map, 0);
	client = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map->ops->memfd(map), 0);
	is(map->ops->freeze(map), 0, "freeze of what programs may write");
	*addr = 5;
	is(client[0], 5, "programs' writes go on being seen");
	is(ftruncate(map->ops->memfd(map), 0), -1, "a client cannot take the pages away");
	map_free(map);
	return done();
}
