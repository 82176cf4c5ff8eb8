#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tap.sh TEST: runs one test for prove and keeps what it said in build/tap/, where check.sh counts.
set -uo pipefail
tap=build/tap/${1//\//-}.tap
# CMOCKA_MESSAGE_OUTPUT: cmocka's own form is not TAP. A sanitizer's report goes to standard error.
CMOCKA_MESSAGE_OUTPUT=TAP "$1" 2>&1 | tee "$tap"
code=${PIPESTATUS[0]}
echo "# exit $code" >>"$tap"
exit "$code"
