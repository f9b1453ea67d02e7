#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A libbpf client, unmodified, sees the same whether skep answers it or Linux does: maps, rings, timers, who is running.
. "$(dirname "$0")/lib.sh"
build_client client

for name in maps timers who; do
	build_object $name || continue
	on_skep client $name "$name: runs"
	like "$ours" '^0: ' "$name: shows results"
	as_linux client $name "$name: as with Linux"
done
done_testing
