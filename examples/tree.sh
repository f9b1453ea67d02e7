#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A small process tree: a command, a static program, a fork that executes nothing, an execve that fails.
true_command=$(command -v true)
"$true_command"
"${1:-true}"
(: a fork without an execve)
(exec /no/such/command) 2>/dev/null
exit 0
