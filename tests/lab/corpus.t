#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every file in tests/litmus/ has the verdict that it expects, under both memory models.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

files=(tests/litmus/*.litmus)
LIMIT=300 explore --csv "${files[@]}"
exits "the corpus" 0
is "two results for each file" "$(($(wc -l <"$stdout") - 1))" $((2 * ${#files[@]}))
while IFS=, read -r name model verdict rule _ expected _; do
	is "$name $model: $verdict $rule" "$expected" yes
done < <(tail -n +2 "$stdout")

# What a file expects is written down, not the default: a typo in the keyword is no pass.
for f in "${files[@]}"; do
	if ! grep -q '^expect ' "$f"; then
		ok "$f says what it expects" false
	fi
done
plan
