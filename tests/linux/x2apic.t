#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The same in x2APIC mode.
# shellcheck source=tests/boot/lib.sh
. "$(dirname "$0")/../boot/lib.sh"
# shellcheck source=tests/linux/linux.sh
. "$(dirname "$0")/linux.sh"

linux x2APIC X2APIC=on
plan
