#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Debian's Linux as a guest while its pages move: it comes to userspace, its memory and timers are right,
# the kernel does not complain, and it powers off. And the same under the order that Linux had from 2017 to
# 2020, which goes wrong, as the report says.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"
# shellcheck source=tests/linux/linux.sh
. "$(dirname "$0")/linux.sh"

linux xAPIC

# Told to let the APIC alone, it has the PIC's interrupts by what firmware has set up.
boot GUEST=linux TIMEOUT=1500 CMDLINE="nolapic rounds=1 mb=8"
exits 0
says "$stdout" '^\[guest 1\] linux: done after'

boot GUEST=linux PROTOCOL=start-notifier TIMEOUT=1500
exits 3
is "start-notifier is stale" "$(field -1 result)" stale
says "$stdout" 'a write of .* to the APIC.s register .* went to memory|A is stale: the access was to another page|processor traps none of its APIC accesses'
plan
