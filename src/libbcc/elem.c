// SPDX-License-Identifier: BSD-2-Clause
/*
 * Entries of tables: each call is one bpf(2) command. BCC returns -1 and sets errno where libbpf
 * returns -errno, and its batches count in place.
 */
#include "libbcc/libbcc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* libbpf's 0 or -errno as BCC's 0 or -1 with errno */
static int plain(int err)
{
	if (err >= 0)
		return err;
	errno = -err;
	return -1;
}

ABI int bpf_lookup_elem(int fd, void *key, void *value)
{
	return plain(bpf_map_lookup_elem(fd, key, value));
}
ABI int bpf_update_elem(int fd, void *key, void *value, unsigned long long flags)
{
	return plain(bpf_map_update_elem(fd, key, value, flags));
}
ABI int bpf_delete_elem(int fd, void *key)
{
	return plain(bpf_map_delete_elem(fd, key));
}
ABI int bpf_get_next_key(int fd, void *key, void *next)
{
	return plain(bpf_map_get_next_key(fd, key, next));
}

/* The key's size is the map's own, whatever the caller believes. */
ABI int bpf_get_first_key(int fd, void *key, size_t key_size)
{
	struct bpf_map_info info = { 0 };
	u32 len = sizeof(info);
	u8 *first;
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (err)
		return plain(err);
	if (info.key_size > key_size) {
		fprintf(stderr, "bpf: table %s has keys of %u bytes, not %zu\n", info.name,
			info.key_size, key_size);
		errno = EINVAL;
		return -1;
	}
	first = calloc(1, max(info.key_size, 1u));
	if (!first)
		return plain(-ENOMEM);
	err = bpf_map_get_next_key(fd, NULL, first);
	if (!err)
		memcpy(key, first, info.key_size);
	free(first);
	return plain(err);
}

ABI int bpf_lookup_and_delete(int fd, void *key, void *value)
{
	return plain(bpf_map_lookup_and_delete_elem(fd, key, value));
}

ABI int bpf_lookup_batch(int fd, __u32 *in, __u32 *out, void *keys, void *values, __u32 *count)
{
	return plain(bpf_map_lookup_batch(fd, in, out, keys, values, count, NULL));
}

ABI int bpf_lookup_and_delete_batch(int fd, __u32 *in, __u32 *out, void *keys, void *values,
				    __u32 *count)
{
	return plain(bpf_map_lookup_and_delete_batch(fd, in, out, keys, values, count, NULL));
}

ABI int bpf_update_batch(int fd, void *keys, void *values, __u32 *count)
{
	return plain(bpf_map_update_batch(fd, keys, values, count, NULL));
}

ABI int bpf_delete_batch(int fd, void *keys, __u32 *count)
{
	return plain(bpf_map_delete_batch(fd, keys, count, NULL));
}
