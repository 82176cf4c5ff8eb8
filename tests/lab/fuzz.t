#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Random small tests of shipped code, half of them with reclaim, most with something left out: the
# search with its reductions and the one without come to the same verdict. SEED and TESTS in the
# environment choose others.
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"

SEED=${SEED:-1} TESTS=${TESTS:-150}
mkdir -p "$dir/fuzz"

awk -v seed="$SEED" -v tests="$TESTS" -v dir="$dir/fuzz" '
function any(list,   word, n) { n = split(list, word, " "); return word[int(rand() * n) + 1] }
function actions(n,   s) {
	while (n--)
		s = s " " any("read:apic read:d0 write:d0 write:d0 hread:d0 hwrite:d0 exit")
	return s
}
BEGIN {
	srand(seed)
	parts = "begin unmap publish_reload publish_flush kick wait copy rebind release end reload " \
		"flush arm check gated NMI INVEPT elided kick_fence kick_mode wait_mode arm_fence " \
		"check_requests check_generation begin_claim.plain publish_flush.plain " \
		"publish_reload.plain unmap_lock fault_lock fault_p reload_clear reload_clear.plain " \
		"reload_again reload_p read_mode read_fence read_p sleep_fence request.plain"
	of_reclaim = "reload_absent fill_claim fill_claim.plain fill_p put_copy put_handle copy_kept " \
		"copy_drop write_claim.plain write_copy unmap_entry unmap_entry.plain count_entry prune_entry unmap wait copy " \
		"publish_flush release flush"
	for (i = 0; i < tests; i++) {
		file = sprintf("%s/%d-%d.litmus", dir, seed, i)
		if (rand() < 0.4)
			print "protocol " any("ordered start-notifier range-notifier gated") >file
		if (rand() < 0.3)
			print "start " any("empty boot") >file
		for (n = rand() < 0.75 ? int(rand() * 3) + 1 : 0; n > 0; n--)
			print "without " any(parts) >file
		k = rand()
		if (i % 2) {
			if (rand() < 0.4)
				print "start " any("packed packed full large large") (rand() < 0.5 ? " packed" : "") >file
			if (rand() < 0.4)
				print "without " any(of_reclaim) >file
			print "reclaimer " any("apic d0 d0 d0"), rand() < 0.2 ? "times 2" : "" >file
			if (k < 0.1)
				print "invalidator d0" >file
			print "vcpu" actions(1 + (k > 0.1) + (k > 0.8)) >file
		} else if (k < 0.8)
			print "invalidator " any("apic d0 d0") "\nvcpu" actions(1 + (rand() < 0.5)) >file
		else if (k < 0.9)
			print "vcpu halt\nvcpu notify:0" actions(1) >file
		else
			print "invalidator d0\ninvalidator d0" >file
		close(file)
	}
}'

# "test model holds" or "test model wrong": which of several rules comes first may differ.
verdicts() {
	LIMIT=300 explore --csv --time 5 "$@" "$dir"/fuzz/*.litmus
	awk -F, 'NR > 1 { print $1, $2, $3 == "violated" || $3 == "stuck" ? "wrong" : $3 }' "$stdout"
}
verdicts -j 1 >"$dir/default"
verdicts --naive --memory 200 >"$dir/naive"
is "both have come to all" "$(wc -l <"$dir/default") $(wc -l <"$dir/naive")" "$((2 * TESTS)) $((2 * TESTS))"
paste -d ' ' "$dir/default" "$dir/naive" | awk '
	$3 != $6 && $3 != "undecided" && $6 != "undecided"' >"$dir/differ"
is "no verdict of $((2 * TESTS)) with SEED=$SEED differs" "$(wc -l <"$dir/differ")" 0
while read -r name model verdict _ _ naive; do
	echo "# $name $model: $verdict, naive $naive"
	sed 's/^/#     /' "$dir/fuzz/$name.litmus"
done <"$dir/differ"
ok "some are right" grep -q holds "$dir/default"
ok "some are wrong" grep -q wrong "$dir/default"
plan
