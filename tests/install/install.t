#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make install: what lies where, a program builds against either library with skep.pc's flags, and no name but skep_* is visible.
. "$(dirname "$0")/../cli/lib.sh"
cd "$root" || exit 1
b=${B:-build}
[ -z "${SAN:-}" ] || skip_all "sanitizer build"
[ -d "$b/obj" ] || skip_all "a copy of the tree without objects"

run make -s install B="$b" DESTDIR="$T/root" PREFIX=/usr CC="${CC:-gcc}"
is "$status" 0 "make install"
for f in bin/skep lib/libskep.a lib/libskep.so lib/libskep.so.0 include/skep.h share/man/man1/skep.1 lib/pkgconfig/skep.pc lib/skep/libbcc.so.0; do
	[ -e "$T/root/usr/$f" ]
	ok $? "usr/$f is there"
done
is "$("$T/root/usr/bin/skep" --version)" "$("$SKEP" --version)" "the installed command runs"
is "$(nm -D --defined-only "$T/root/usr/lib/libskep.so" | awk '$2 != "A" { print $3 }' | grep -v '^skep_')" "" "the library shows skep_ names only"
like "$(objdump -p "$T/root/usr/lib/libskep.so")" 'SONAME +libskep.so.0' "its soname"
like "$(nm -D --defined-only "$T/root/usr/lib/libskep.so")" 'skep_version@@SKEP_0' "its names are versioned"

cat >"$T/user.c" <<'C'
#include <skep.h>
#include <stdio.h>
int main(void) { puts(skep_version()); return 0; }
C
field() { sed -n "s|^$1: *||p" "$T/root/usr/lib/pkgconfig/skep.pc" | sed "s|\${prefix}|$T/root/usr|g; s|\${includedir}|$T/root/usr/include|g; s|\${libdir}|$T/root/usr/lib|g"; }
# shellcheck disable=SC2046 # flags are words
run "${CC:-gcc}" -Wall -Werror -o "$T/shared" "$T/user.c" $(field Cflags) $(field Libs)
is "$status $err" "0 " "a program builds against libskep.so"
like "$(LD_LIBRARY_PATH=$T/root/usr/lib "$T/shared")" '^[0-9]+\.[0-9]+\.[0-9]+$' "… and runs"
# shellcheck disable=SC2046
run "${CC:-gcc}" -Wall -Werror -o "$T/static" "$T/user.c" $(field Cflags) "$T/root/usr/lib/libskep.a" $(field Libs.private)
is "$status $err" "0 " "a program builds against libskep.a"
run g++ -fsyntax-only -x c++ "$T/root/usr/include/skep.h"
if [ "$status" = 127 ]; then skip "skep.h is C++ too" "no g++"; else is "$status $err" "0 " "skep.h is C++ too"; fi

run make -s uninstall DESTDIR="$T/root" PREFIX=/usr
is "$(find "$T/root" -type f -o -type l)" "" "make uninstall leaves no file"
done_testing
