# shellcheck shell=bash disable=SC2154 # whoever sources this sets `log`
# SPDX-License-Identifier: GPL-2.0-or-later

# logged WHAT COMMAND...: runs a command with its output in the file $log, and says every 3 s where it
# is.
logged() {
	local what=$1 start=$SECONDS next=3 pid last
	shift
	"$@" >>"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if [ $((SECONDS - start)) -ge $next ]; then
			last=$(tail -n 1 "$log" | tr -cd '[:print:]')
			echo "setup: $what, $((SECONDS - start)) s: ${last:0:80}"
			next=$((SECONDS - start + 3))
		fi
	done
	wait "$pid"
}
