#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whatever bpf_obj_get_info_by_fd() says of programs, maps, BTF and links is what Linux says of the same ones.
. "$(dirname "$0")/lib.sh"
build_client info
build_object info || done_testing

on_skep info info "the client runs"
like "$ours" 'function 3: address, length, tag, twice' "functions are told"
if [ "$(cat /proc/sys/kernel/bpf_stats_enabled 2>/dev/null)" = 1 ]; then
	skip "as with Linux" "kernel.bpf_stats_enabled: Linux counts all runs"
	done_testing
fi
take_trace_pipe	# nor does another such test have it count
as_linux info info "as with Linux"
done_testing
