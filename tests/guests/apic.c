/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests' local APIC: sending, and the timer. */
#include "tests/guests/rt.h"

void apic_send(u32 dest, u32 command)
{
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, command);
}

/* What an exit costs here, at best. */
static u64 exit_ticks(void)
{
	u64 best = ~0ull;

	for (u32 i = 0; i < 4; i++) {
		u64 start = rdtsc();

		cpuid(0, 0);
		best = MIN(best, rdtsc() - start);
	}
	return best;
}

void apic_timer_start(struct vcpu *v, u64 ticks)
{
	u64 before, start, end, after, pause;
	u32 count;

	/* An interrupt is three exits and more: where each costs thousands of ticks, as under another
	 * hypervisor, a guest would do nothing but take them. */
	ticks = MAX(ticks, 32 * exit_ticks());
	pause = ticks / 4;
	/* How fast it counts is not said anywhere: measure against the TSC. A vCPU that was held up
	 * at its looks at the timer measures longer; what it gets is never too short a period. */
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	do {
		before = rdtsc();
		apic_write(APIC_TIMER_INITIAL, 0xffffffff);
		start = rdtsc();
		rt_pause(pause);
		end = rdtsc();
		count = 0xffffffff - apic_read(APIC_TIMER_CURRENT);
		after = rdtsc();
		pause *= 2;
	} while (start - before + after - end > (end - start) / 2 && pause < 64 * ticks);
	count = (u64)count * ticks / (end - start);
	if (!count)
		count = 0x1000;
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, count);
	v->timer_tsc = rdtsc();
}
