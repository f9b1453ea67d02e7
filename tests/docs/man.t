#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The manual page has every subcommand and every long option that --help tells, and man reads it without a warning.
. "$(dirname "$0")/../cli/lib.sh"
page=$(sed 's/\\-/-/g' "$root/man/skep.1")
commands=$("$SKEP" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -v '^skep$')
missing=
for command in $commands; do
	grep -qx ".B $command" <<<"$page" || missing="$missing $command"
	for option in $("$SKEP" "$command" --help | grep -oE -- '--[a-z]{2,}' | sort -u); do
		grep -qF -- "$option" <<<"$page" || missing="$missing $command:$option"
	done
done
[ -n "$commands" ]
ok $? "there are commands"
is "$missing" "" "nothing is missing in skep(1)"
if command -v man >/dev/null && man --help >/dev/null 2>&1; then
	is "$(man --warnings -l "$root/man/skep.1" 2>&1 >/dev/null)" "" "man reads it without a warning"
else
	skip "man reads it without a warning" "no man here"
fi
done_testing
