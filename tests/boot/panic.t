#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Things broken on purpose: the report names what broke, and the machine stops by itself.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/lib.sh"

boot FAULT=panic MOVES=100
exits 1
is "the JSON says so" "$(field -1 result)" panic
says "$stdout" '^PANIC: fault=panic'
# The backtrace: a function's name and the distance from its start.
says "$stdout" 'from 0x[0-9a-f]+  job_main\+0x[0-9a-f]+'
says "$stdout" '^CPU 1 '
says "$stdout" '^trace'
says "$stdout" 'rip'

boot FAULT=entry MOVES=100
exits 1
says "$stdout" '^VMCS of vCPU 0: exit reason 80000021'
says "$stdout" 'VM entry failed: invalid guest state: RFLAGS has bit 1 clear'

# A guest that never leaves guest mode by itself: only the kick, which is not sent, would end it.
boot FAULT=mute GUEST=rogue ARG=4 MOVES=100
exits 1
says "$stdout" 'vCPU 0 on CPU 1 does not answer its kick'
says "$stdout" '^PANIC: ack: vCPU 0 on CPU 1'
is "the JSON says so" "$(field -1 result)" panic
plan
