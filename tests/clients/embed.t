#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A program that embeds libskep and also links libbpf: neither meets the other's functions, each does its own.
. "$(dirname "$0")/../cli/lib.sh"
lib=$(dirname "$(realpath "$SKEP")")
cc=${CC:-cc}
[ -n "$SAN" ] && skip_all "a sanitizer's library does not link into a plain program"
cat >"$T/embed.c" <<'END'
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <skep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void out(void *arg, const char *text, size_t len) { (void)arg; fwrite(text, 1, len, stdout); }

int main(int argc, char **argv)
{
	struct skep_object_opts opts = { .sz = sizeof(opts), .name = argv[1], .log = out };
	char *command[] = { "/bin/true", NULL };
	struct skep_spawn_opts spawn = { .sz = sizeof(spawn), .argv = command, .trace_fd = -1 };
	struct skep_spawn_result result = { .sz = sizeof(result) };
	struct skep_object *object;
	struct bpf_object *theirs;
	struct skep *skep;
	void *bytes;
	size_t size;
	unsigned long long key = 0, value = 0;

	if (argc < 2 || skep_new(&skep, NULL) || skep_compile(argv[1], NULL, &bytes, &size))
		return 1;
	theirs = bpf_object__open_mem(bytes, size, NULL);	/* the program's own libbpf, beside ours */
	printf("libbpf opened %s\n", theirs ? bpf_program__name(bpf_object__next_program(theirs, NULL)) : "nothing");
	bpf_object__close(theirs);
	if (skep_object_open(&object, skep, bytes, size, &opts) || skep_object_load(object, NULL, 0))
		return 2;
	if (skep_object_attach(object) != 1 || skep_object_map_fd(object, "counter_table") < 0 ||
	    skep_object_program_fd(object, "hello") < 0 || skep_object_map_fd(object, "none") != -ENOENT)
		return 3;
	/* their libbpf asks Linux about our fd: it is no map there */
	printf("Linux %s our map\n", bpf_map_lookup_elem(skep_object_map_fd(object, "counter_table"), &key, &value) ?
	       "does not know" : "knows");
	if (skep_spawn(skep, &spawn, &result) || skep_exit_code(result.status))
		return 4;
	skep_object_print_maps(object, NULL, out, NULL);
	skep_object_close(object);
	skep_free(skep);
	free(bytes);
	return 0;
}
END
uid=$(id -u)
want="libbpf opened hello
note: hello() goes to kprobe:execve; --attach KIND:TARGET says otherwise
Linux does not know our map
counter_table[$uid]: 1"
for how in "static $lib/libskep.a -lbpf -lelf -lz -lcapstone -ljansson -ldl -lm" \
	"shared -L$lib -lskep -lbpf -Wl,-rpath,$lib"; do
	name=${how%% *}
	# shellcheck disable=SC2086
	run $cc -pthread -I"$root/include" -o "$T/embed-$name" "$T/embed.c" ${how#* }
	is "$status$err" 0 "$name: links beside libbpf"
	run "$T/embed-$name" "$root/examples/hello-map.c"
	is "$status" 0 "$name: runs"
	is "$out" "$want" "$name: each library did its own"
done
like "$(nm -D --defined-only "$lib/libskep.so" | awk '$2 != "A" { print $3 }' | sed 's,@.*,,' | grep -v '^skep_' | tr '\n' ' ')" '^$' \
	"libskep.so shows nothing but skep_*"
done_testing
