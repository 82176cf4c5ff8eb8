/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/apics.h"
#include "apic/lapic.h"

static u8 pages[APICS][PAGE_SIZE] __attribute__((aligned(4096)));
struct vlapic apics[APICS];
unsigned notified[APICS], ended[APICS];
static struct vlapic *peers[APICS];
unsigned apics_cpu;
u64 apics_now;

static struct {
	u64 since; /* when the count began */
	u32 count;
	unsigned shift; /* ticks of the TSC in a count, as a power of 2 */
	bool periodic, due;
} timers[APICS];

static u64 apics_clock(void)
{
	return apics_now;
}

#define rdtsc apics_clock
#include "apic/vtimer.c"
#undef rdtsc

static unsigned shift_of(u32 divide)
{
	static const u8 shifts[16] = { 1, 2, 3, 4, [8] = 5, 6, 7, 0 };

	return shifts[divide & 15] + 1;
}

/* Ticks since the last time that the count came to its beginning; notes that it came to its end. */
static u64 run(unsigned cpu)
{
	u64 length = (u64)timers[cpu].count << timers[cpu].shift;

	if (!length || apics_now - timers[cpu].since < length)
		return apics_now - timers[cpu].since;
	timers[cpu].due = true;
	if (timers[cpu].periodic)
		timers[cpu].since = apics_now - (apics_now - timers[cpu].since) % length;
	else
		timers[cpu].count = 0;
	return apics_now - timers[cpu].since;
}

u32 apics_timer_left(unsigned cpu)
{
	u64 ticks = run(cpu);

	return timers[cpu].count ? timers[cpu].count - (u32)(ticks >> timers[cpu].shift) : 0;
}

u64 apics_timer_next(unsigned cpu)
{
	u64 length = (u64)timers[cpu].count << timers[cpu].shift;

	return length ? timers[cpu].since + length : ~0ul;
}

bool apics_timer_due(unsigned cpu)
{
	bool due;

	run(cpu);
	due = timers[cpu].due;
	timers[cpu].due = false;
	return due;
}

void lapic_timer_set(u32 initial_count, u32 divide_config, bool periodic)
{
	run(apics_cpu);
	timers[apics_cpu].since = apics_now;
	timers[apics_cpu].count = initial_count;
	timers[apics_cpu].shift = shift_of(divide_config);
	timers[apics_cpu].periodic = periodic;
}

u32 lapic_timer_count(void)
{
	return apics_timer_left(apics_cpu);
}

u64 lapic_timer_counts(u64 tsc_ticks, u32 divide_config)
{
	return tsc_ticks >> shift_of(divide_config);
}

void vlapic_notify(struct vlapic *target)
{
	notified[target - apics]++;
}

void vlapic_level_ended(struct vlapic *l, u8 vector)
{
	ended[l - apics] = vector;
}

int apics_setup(void **state)
{
	(void)state;
	apics_now = 1000;
	memset(timers, 0, sizeof(timers));
	for (unsigned i = 0; i < APICS; i++) {
		apics[i] = (struct vlapic){ .page = pages[i],
					    .id = i,
					    .base = VLAPIC_BASE_RESET | (i ? 0 : APIC_BASE_BSP),
					    .peers = peers,
					    .npeers = APICS };
		peers[i] = &apics[i];
		apics_cpu = i;
		vlapic_reset(&apics[i]);
		vlapic_write(&apics[i], APIC_SVR, 0x1ff);
		notified[i] = ended[i] = 0;
	}
	return 0;
}

void send(unsigned from, u32 dest, u32 icr)
{
	vlapic_write(&apics[from], APIC_ICR2, dest << 24 | 0x123456);
	assert_true(vlapic_write(&apics[from], APIC_ICR, icr));
}
