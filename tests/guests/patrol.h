/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks that patrol makes over and over; bench and rogue use them too. */
#ifndef TESTS_GUESTS_PATROL_H
#define TESTS_GUESTS_PATROL_H

#include "tests/guests/rt.h"

/* Reads each register whose value is known and reports what is wrong. */
void check_apic(struct vcpu *v);
/* Writes TPR and reads it back, also as CR8; leaves 0 there. */
void check_tpr(struct vcpu *v);
/* Sends an IPI to the next vCPU, or to itself when that has none or it is about to finish, if the
 * last one has arrived; reads ICR back. An IPI that does not arrive is reported once, and no more
 * are sent. */
void check_ipi(struct vcpu *v);
/* The timer that apic_timer_start() started: its count moves, its interrupts come. */
void check_timer(struct vcpu *v);
/* Waits for the last IPI that this vCPU sent. */
void settle_ipi(struct vcpu *v);

/* The end of a program on each vCPU: nothing in flight, VERIFY, the registers once more, then DONE.
 */
_Noreturn void patrol_end(struct vcpu *v, void (*verify)(struct vcpu *v));
/* patrol_end() with all of the vCPU's data pages. */
_Noreturn void patrol_finish(struct vcpu *v);
/* Rounds until the hypervisor says finish, then patrol_finish(). Each visits PAGES data pages. */
_Noreturn void patrol_rounds(struct vcpu *v, u32 pages);

#define PATROL_PAGES 8
#define PATROL_TIMER_TICKS 200000

#endif
