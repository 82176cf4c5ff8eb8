#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Each part of `ordered` is needed, or argued not to be and then is not; each rule of the modelled
# processor is needed by a test.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

LIMIT=300 explore --ablate-all --csv tests/litmus/*.litmus
exits "parts of ordered" 0
# `make ablate` asks the same.
mkdir -p build/ablate && cp "$stdout" build/ablate/explored.csv
while IFS=, read -r part verdict rule by _; do
	is "$part: $verdict $rule $by" "$(awk -F, -v p="$part" '$1 == p { print $NF }' "$stdout")" yes
done < <(tail -n +2 "$stdout")
ok "over 50 parts" test $points -gt 50

LIMIT=300 explore --check-model tests/litmus/*.litmus
exits "rules of the processor" 0
while read -r rule by _; do
	is "without rule $rule another verdict: $by" "$(echo "$by" | grep -c NOT)" 0
done < <(grep -v 'rules that no test' "$stdout")
plan
