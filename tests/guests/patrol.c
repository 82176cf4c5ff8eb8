/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The main job's guest. Each vCPU goes round and round: reads the registers of its local APIC and
 * compares, writes and reads back TPR and ICR, sends IPIs, takes timer interrupts, and verifies and
 * rewrites data pages. It reports what is wrong and goes on.
 *
 * guest_info.arg: data pages that a vCPU visits in a round; 0 for PATROL_PAGES. A visit is a
 * stretch of about 9,000 instructions without an exit, so a larger number makes longer rounds, not
 * longer stretches.
 */
#include "tests/guests/patrol.h"

void guest_main(struct vcpu *v)
{
	apic_timer_start(v, PATROL_TIMER_TICKS);
	irq_enable();
	patrol_rounds(v, GUEST_INFO->arg ? GUEST_INFO->arg : PATROL_PAGES);
}
