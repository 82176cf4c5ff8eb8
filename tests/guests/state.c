/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that shows that its state survives exits, interrupts, IPIs and page moves, and that what
 * it may not do raises the exception that the SDM says. Every round repeats every check on every
 * vCPU; see state.h for their numbers.
 */
#include "tests/guests/data.h"
#include "tests/guests/patrol.h"
#include "tests/guests/state.h"

static volatile u32 lock;
static volatile bool ready;

void check(struct vcpu *v, u32 number, u64 value, u64 expected)
{
	v->checks++;
	if (unlikely(value != expected))
		rt_wrong(v, number >= CHECK_IRR ? WRONG_APIC_READ : WRONG_STATE, number, value,
			 expected);
}

void state_lock(void)
{
	u32 taken;

	do {
		cpu_relax();
		taken = 1;
		asm volatile("xchg %0, %1" : "+r"(taken), "+m"(lock) : : "memory");
	} while (taken);
}

void state_unlock(void)
{
	asm volatile("" : : : "memory");
	lock = 0;
}

void guest_main(struct vcpu *v)
{
	if (v->id == 0) {
		state_setup();
		ready = true;
	}
	while (!ready)
		hypercall(HC_NOP, 0, 0, 0, 0, 0); /* and not just a loop: see rt_wait_all() */
	apic_timer_start(v, STATE_TIMER_TICKS);
	irq_enable();
	do {
		state_regs(v);
		state_msrs(v);
		state_cr(v);
		state_cpu(v);
		state_priority(v);
		state_apic_regs(v);
		state_x2apic(v);
		state_ipi(v);
		state_timer(v);
		data_visit(v);
		check_apic(v);
		check_tpr(v);
	} while (!rt_round(v));
	patrol_finish(v);
}
