#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# How Python and the command end (ends.py).
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 "$(dirname "$0")/ends.py"
