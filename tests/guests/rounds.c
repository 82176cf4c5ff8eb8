/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patrol's rounds and the end that all programs come to. */
#include "tests/guests/data.h"
#include "tests/guests/patrol.h"

_Noreturn void patrol_end(struct vcpu *v, void (*verify)(struct vcpu *v))
{
	settle_ipi(v);
	v->state = VCPU_CLOSING;
	verify(v);
	check_apic(v);
	check_tpr(v);
	check_timer(v);

	/* An IPI may still be on its way here: stay until no vCPU sends any more. One that never
	 * comes to its end is the hypervisor's to report. */
	rt_wait_all(VCPU_CLOSING);
	irq_disable();
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
	rt_done(v);
}

_Noreturn void patrol_finish(struct vcpu *v)
{
	patrol_end(v, data_verify_all);
}

_Noreturn void patrol_rounds(struct vcpu *v, u32 pages)
{
	do {
		for (u32 i = 0; i < pages; i++) {
			data_visit(v);
			check_apic(v);
			check_tpr(v);
			if (i % 4 == 3)
				check_ipi(v);
		}
		check_timer(v);
	} while (!rt_round(v));
	patrol_finish(v);
}
