#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The states of the explorer are known by their keys, and its steps can be undone: tests/lab/keys.c.
cd "$(dirname "$0")/../.." || exit 1
[ -x build/keys ] || make -s build/keys >&2 || exit 1
exec timeout 300 build/keys tests/litmus/*.litmus
