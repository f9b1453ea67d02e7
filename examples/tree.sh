#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A small process tree: a command, a static program, a fork that executes nothing, an execve that fails.
/bin/true
"${1:-/bin/true}"
(: a fork without an execve)
(exec /no/such/command) 2>/dev/null
exit 0
