#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Spin, with the protocol written a second time in Promela, comes to the explorer's verdicts.
cd "$(dirname "$0")/../.." || exit 1
[ -x build/explore ] || make -s build/explore >&2 || exit 1
LIMIT=120 exec lab/promela/agree.sh
