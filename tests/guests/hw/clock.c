/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: the TSC, measured once against channel 2 of the PIT. */
#include "tests/guests/hw/hw.h"

#define WINDOW_US 5000
#define WINDOWS 5
#define LOOKS 20000u /* a few times what they take on a fast machine */
#define STAMPS 8

u64 tsc_khz = 1000000; /* for what waits before it is measured */

/* COUNTER's value, and in *TSC the time at which it was that: of a few readings the quickest, for a
 * CPU may be held up between the two clocks. */
static u64 stamp(u64 (*counter)(u64 arg), u64 arg, u64 *tsc)
{
	u64 quickest = ~0ull, value = 0;

	*tsc = 0;

	for (u32 i = 0; i < STAMPS; i++) {
		u64 before = rdtsc(), now = counter(arg), took = rdtsc() - before;

		if (took < quickest) {
			quickest = took;
			value = now;
			*tsc = before + took / 2;
		}
	}
	return value;
}

u64 rate_of(u64 (*counter)(u64 arg), u64 arg, u64 mask)
{
	u64 start, end, first, second;

	first = stamp(counter, arg, &start);
	pause_us(WINDOW_US);
	second = stamp(counter, arg, &end);
	return ((second - first) & mask) * tsc_khz * 1000 / (end - start);
}

static u64 pit_ticks(u64 channel)
{
	return (u16)-pit_latch((u32)channel);
}

/* Ticks of the TSC in a millisecond, or 0 when the PIT does not count. */
static u64 window(void)
{
	u64 start, end, first = stamp(pit_ticks, 2, &start), second;

	for (u32 i = 0; i < LOOKS; i++) {
		cpu_relax();
		if (((pit_ticks(2) - first) & 0xffff) < WINDOW_US * (u64)PIT_HZ / 1000000)
			continue;
		second = stamp(pit_ticks, 2, &end);
		return (end - start) * PIT_HZ / ((second - first) & 0xffff) / 1000;
	}
	return 0;
}

bool clock_init(void)
{
	u64 khz[WINDOWS];

	outb(PORT_SPEAKER, (inb(PORT_SPEAKER) & ~2) | 1);
	pit_set(2, 2, 0);
	for (u32 i = 0; i < WINDOWS; i++) {
		u64 measured = window();
		u32 at = i;

		if (!measured)
			return false;
		for (; at && khz[at - 1] > measured; at--)
			khz[at] = khz[at - 1];
		khz[at] = measured;
	}
	tsc_khz = khz[WINDOWS / 2];
	return true;
}

void pause_us(u64 us)
{
	u64 start = rdtsc(), ticks = ticks_of(us);

	while (rdtsc() - start < ticks)
		cpu_relax();
}

void open_us(u64 us)
{
	u64 start = rdtsc(), ticks = ticks_of(us);

	do
		irq_window();
	while (rdtsc() - start < ticks);
	irq_window();
}
