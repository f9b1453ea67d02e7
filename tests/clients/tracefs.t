#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tracefs under skep exec: what loaders look up before they attach, and the formats of events as Linux 6.18's.
. "$(dirname "$0")/../cli/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip_all "the calls are those of x86-64"

# lines TRACEFS: every line of every format below, each behind its event's name, but for the numbers
cat >"$T/lines" <<'END'
grep -H '' "$1"/events/syscalls/sys_enter_*/format "$1"/events/syscalls/sys_exit_*/format "$1"/events/raw_syscalls/sys_*/format \
	"$1"/events/sched/sched_process_{exec,exit,fork}/format | sed "s|^$1/events/||" | grep -v '/format:ID: '
END
run "$SKEP" exec -- bash "$T/lines" /sys/kernel/tracing
ours=$out
is "$status$err" 0 "the formats can be read"
like "$ours" $'syscalls/sys_enter_openat/format:\tfield:const char [*] filename;\toffset:24;\tsize:8;\tsigned:0;' "with the names of arguments"

# the kernel's own, where it may be read
where=/sys/kernel/tracing
kernel() { "$@"; }
if ! [ -r $where/events/raw_syscalls/sys_enter/format ]; then
	where=$T/tracing
	mkdir "$where"
	kernel() { unshare -m sh -c 'mount -t tracefs none "$0" && exec "$@"' "$where" "$@"; }
fi
if ! kernel test -r "$where/events/raw_syscalls/sys_enter/format" 2>/dev/null; then
	skip "byte for byte" "the kernel's tracefs cannot be read here"
elif [[ $(uname -r) != 6.18* ]]; then
	skip "byte for byte" "the formats are Linux 6.18's, this is $(uname -r)"
else
	kernel bash "$T/lines" "$where" | sort >"$T/theirs"
	# what this kernel was built without is in ours only
	cut -d: -f1 "$T/theirs" | sort -u >"$T/events"
	sort <<<"$ours" | awk -F: 'NR == FNR { have[$1] = 1; next } $1 in have' "$T/events" - >"$T/ours"
	cmp "$T/ours" "$T/theirs" >/dev/null
	ok $? "$(wc -l <"$T/events") formats are the kernel's, byte for byte" || diff "$T/ours" "$T/theirs" | head -20 | sed 's/^/# /'
	[ "$(wc -l <"$T/events")" -gt 600 ]
	ok $? "those of all calls"
fi
run "$SKEP" exec -- bash -c 'for event in syscalls/sys_enter_openat syscalls/sys_exit_openat sched/sched_process_exec; do
	at=/sys/kernel/debug/tracing/events/$event; grep "^ID:" $at/format; sed "s/^/ID: /" $at/id; ls $at; done'
is "$(uniq -c <<<"$out" | awk '/ID/ { print $1 }')" "2
2
2" "the number in a format is the event's"
like "$out" $'\nformat\nid\n' "both are listed"
run "$SKEP" exec -- bash -c 'at=/sys/kernel/tracing; grep -c . $at/available_events; grep -x "sched:sched_process_exec\|syscalls:sys_exit_openat" $at/available_events
	grep -x __x64_sys_openat $at/available_filter_functions; cat $at/kprobe_events $at/uprobe_events; echo p >$at/kprobe_events'
like "$out" $'^[0-9]+\nsched:sched_process_exec\nsyscalls:sys_exit_openat\n__x64_sys_openat$' "what can be attached to"
like "$err" 'kprobe_events: Permission denied' "events are made by perf_event_open(2), not by name"
run "$SKEP" exec -- cat /sys/kernel/tracing/events/syscalls/sys_enter_none/format /sys/kernel/tracing/events/sched/sched_switch/id
like "$err" 'sys_enter_none/format: No such file.*sched_switch/id: No such file' "what cannot be attached to is not there"
done_testing
