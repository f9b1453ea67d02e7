// SPDX-License-Identifier: BSD-2-Clause
/* Maps, programs and iterators by number, without a module: bpf(2) with BCC's arguments. */
#include <errno.h>
#include <string.h>
#include <linux/bpf.h>

#include "libbcc/libbcc.h"

/* As bcc's libbpf.h has it. */
struct bcc_create_map_attr {
	const char *name;
	u32 map_type, map_flags, key_size, value_size, max_entries, numa_node, btf_fd,
		btf_key_type_id, btf_value_type_id, map_ifindex;
	u32 inner_map_fd; /* or btf_vmlinux_value_type_id */
};

static int tell(const char *what, const char *name, int ret)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "bpf: %s %s: %s\n", what, name && *name ? name : "without a name",
		strerror(-ret));
	errno = -ret;
	return -1;
}

ABI int bcc_create_map(u32 type, const char *name, int key_size, int value_size, int max_entries,
		       int map_flags)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = (u32)map_flags);

	return tell("map", name,
		    bpf_map_create((enum bpf_map_type)type, name, (u32)key_size, (u32)value_size,
				   (u32)max_entries, &opts));
}

ABI int bcc_create_map_xattr(const struct bcc_create_map_attr *a, bool allow_rlimit)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = a->map_flags, .btf_fd = a->btf_fd,
		    .btf_key_type_id = a->btf_key_type_id,
		    .btf_value_type_id = a->btf_value_type_id, .inner_map_fd = a->inner_map_fd,
		    .numa_node = a->numa_node, .map_ifindex = a->map_ifindex);

	(void)allow_rlimit;
	return tell("map", a->name,
		    bpf_map_create((enum bpf_map_type)a->map_type, a->name, a->key_size,
				   a->value_size, a->max_entries, &opts));
}

ABI int bcc_prog_load_xattr(u32 type, const char *name, const char *license,
			    const struct bpf_insn *insns, struct bpf_prog_load_opts *opts,
			    int bytes, char *log_buf, unsigned int log_size, bool allow_rlimit)
{
	(void)allow_rlimit;
	if (opts && log_buf && log_size) {
		opts->log_buf = log_buf;
		opts->log_size = log_size;
	}
	return tell("program", name,
		    bpf_prog_load((enum bpf_prog_type)type, name, license, insns,
				  (size_t)bytes / sizeof(*insns), opts));
}

ABI int bcc_prog_load(u32 type, const char *name, const struct bpf_insn *insns, int bytes,
		      const char *license, unsigned int kern_version, int log_level, char *log_buf,
		      unsigned int log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .kern_version = kern_version,
		    .log_level = (u32)log_level);

	return bcc_prog_load_xattr(type, name, license, insns, &opts, bytes, log_buf, log_size,
				   true);
}

/* A link to an iterator program; its fd or -1. */
ABI int bcc_iter_attach(int prog_fd, union bpf_iter_link_info *info, u32 size)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = info, .iter_info_len = size);

	return tell("iterator", "", bpf_link_create(prog_fd, 0, BPF_TRACE_ITER, &opts));
}

ABI int bcc_iter_create(int link_fd)
{
	return tell("iterator", "", bpf_iter_create(link_fd));
}
