#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whatever bpf_obj_get_info_by_fd() says of programs, maps, BTF and links is what Linux says of the same ones.
. "$(dirname "$0")/lib.sh"
build_client info
build_object info || done_testing

on_skep info info "the client runs"
like "$ours" 'function 3: address, length, tag, twice' "functions are told"
as_linux info info "as with Linux"
done_testing
