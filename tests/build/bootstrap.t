#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ./bootstrap: silent and quick where nothing is missing; else it says what and why, and installs it or tells the command.
. "$(dirname "$0")/../cli/lib.sh"
bash_path=$(command -v bash)

# A machine without gcc: a PATH of its own. apt-get writes down how it was called.
mkdir "$T/bin"
for tool in sh env cat sed dirname mkdir ls; do ln -s "$(command -v $tool)" "$T/bin/$tool"; done
for tool in objcopy clang; do ln -s "$(command -v true)" "$T/bin/$tool"; done
printf '#!%s\necho "${USER_ID:-0}"\n' "$bash_path" >"$T/bin/id"
printf '#!%s\necho "$*" >>%s/apt\nexit ${APT_STATUS:-0}\n' "$bash_path" "$T" >"$T/bin/apt-get"
chmod +x "$T/bin/id" "$T/bin/apt-get"
cp "$root/bootstrap" "$T/bootstrap"

if run "$root/bootstrap" --check; [ "$status" = 0 ]; then
	is "$out$err" "" "nothing missing: nothing said"
else
	skip "nothing missing: nothing said" "something is missing here"
fi

run env PATH="$T/bin" "$T/bootstrap" --check
is "$status" 1 "--check: exit 1 where something is missing"
like "$err" 'gcc: compiles skep' "… says what and why"
[ ! -e "$T/apt" ]
ok $? "… installs nothing"

run env PATH="$T/bin" "$T/bootstrap"
is "$status" 0 "root: installs"
like "$(<"$T/apt")" 'update' "… after a refresh of the lists"
like "$(<"$T/apt")" 'install -y --no-install-recommends.* gcc' "… gcc"

run env PATH="$T/bin" APT_STATUS=100 "$T/bootstrap"
is "$status" 1 "apt-get fails: exit 1"
like "$err" 'apt-get install -y --no-install-recommends.* gcc' "… with the command"

rm -f "$T/apt"
run env PATH="$T/bin" USER_ID=1000 "$T/bootstrap"
is "$status" 1 "neither root nor sudo: exit 1"
like "$err" 'apt-get update && apt-get install -y --no-install-recommends.* gcc' "… with the exact command"
[ ! -e "$T/apt" ]
ok $? "… and nothing was installed"

rm "$T/bin/apt-get"
run env PATH="$T/bin" "$T/bootstrap"
is "$status" 1 "no apt-get: exit 1"
like "$err" 'no apt-get' "… says so"
run "$T/bootstrap" --frobnicate
is "$status" 2 "an unknown argument: exit 2"
run "$T/bootstrap" --help
like "$out" 'Installs what this machine lacks' "--help"
grep -nE 'https?://' "$root/bootstrap" "$root/Makefile" >"$T/hosts"
is "$(<"$T/hosts")" "" "no host is named"
done_testing
