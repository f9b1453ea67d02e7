/* SPDX-License-Identifier: BSD-2-Clause */
/* Who runs the program, as far as that is the same in two runs; clocks, as far as they are sane. */
#include "results.h"

static __always_inline void clocks(void)
{
	__u64 now = bpf_ktime_get_ns(), boot = bpf_ktime_get_boot_ns();

	put(20, bpf_ktime_get_ns() >= now);
	put(22, boot + 1000000 >= now);
	put(23, bpf_get_prandom_u32() != bpf_get_prandom_u32());
	put(24, bpf_jiffies64() > 4294000000ull);
}

SEC("raw_tracepoint/sys_enter") int program(void *ctx)
{
	char comm[16] = {};
	__u64 id = bpf_get_current_pid_tgid();

	put(0, id >> 32 == (__u32)id);
	put(1, bpf_get_current_uid_gid());
	put(2, bpf_get_current_comm(comm, sizeof(comm)));
	put(3, *(__u64 *)comm);
	put(4, bpf_get_current_comm(comm, 3));
	put(5, comm[0] | comm[1] << 8 | comm[2] << 16);
	put(6, bpf_get_current_cgroup_id());
	put(7, bpf_get_current_ancestor_cgroup_id(0));
	put(8, bpf_get_current_ancestor_cgroup_id(1));
	put(9, bpf_get_current_ancestor_cgroup_id(50));
	put(10, bpf_get_numa_node_id());
	put(11, bpf_get_current_task() != 0);
	put(12, bpf_get_smp_processor_id() < 4096);
	clocks();
	return 0;
}
