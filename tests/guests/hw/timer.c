/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC's timer, against the TSC. */
#include "tests/guests/hw/hw.h"

#define VECTOR 0x55
#define PERIOD_US 4000
#define FAR_US 20000 /* so far ahead that a CPU that is held up does not miss it */

static const struct {
	u32 by, code;
} divides[] = {
	{ 1, 0xb }, { 2, 0 }, { 4, 1 }, { 8, 2 }, { 16, 3 }, { 32, 8 }, { 64, 9 }, { 128, 10 },
};

static u64 counted(u64 unused)
{
	(void)unused;
	return ~apic_read(APIC_TIMER_CURRENT);
}

/* Counts in a millisecond, of DIVIDE. */
static u64 rate(u64 divide)
{
	u64 hz;

	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(APIC_TIMER_DIVIDE, (u32)divide);
	apic_write(APIC_TIMER_INITIAL, ~0u);
	hz = rate_of(counted, 0, ~0u);
	apic_write(APIC_TIMER_INITIAL, 0);
	return hz / 1000;
}

u32 timer_khz(void)
{
	static u64 khz;
	u64 a, b, c;

	if (!khz) {
		a = rate(TIMER_DIVIDE_1);
		b = rate(TIMER_DIVIDE_1);
		c = rate(TIMER_DIVIDE_1);
		khz = MAX(MIN(a, b), MIN(MAX(a, b), c));
	}
	return (u32)khz;
}

static void counting(void)
{
	u32 first, second;

	ok(rate(TIMER_DIVIDE_1), "it counts");
	for (u32 i = 0; i < ARRAY_SIZE(divides); i++)
		near(rate, divides[i].code, timer_khz() / divides[i].by, 10, "rate of divide by %u",
		     divides[i].by);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_TIMER_INITIAL, ~0u);
	first = apic_read(APIC_TIMER_CURRENT);
	pause_us(100);
	second = apic_read(APIC_TIMER_CURRENT);
	ok(first > second && second, "the current count decreases");
	is(apic_read(APIC_TIMER_INITIAL), ~0u, "the initial count does not");
	apic_write(APIC_TIMER_INITIAL, 0);
	is(apic_read(APIC_TIMER_CURRENT), 0, "initial count 0: the current count is 0");
}

/* Microseconds from a one-shot of US to its interrupt. */
static u64 one_shot(u64 us)
{
	u64 start;

	forget();
	apic_write(APIC_LVT_TIMER, VECTOR);
	start = rdtsc();
	apic_write(APIC_TIMER_INITIAL, (u32)(us * timer_khz() / 1000));
	if (!until(BOUND_MS, my_hits(VECTOR)))
		return 0;
	return (taken[0].tsc - start) * 1000 / tsc_khz;
}

static void once(void)
{
	near(one_shot, 5000, 5000, 20, "one-shot: it interrupts after its time");
	is(apic_read(APIC_TIMER_CURRENT), 0, "then the current count is 0");
	open_us(10000);
	is(my_hits(VECTOR), 1, "and it interrupts once");

	forget();
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(APIC_TIMER_INITIAL, timer_khz());
	open_us(4000);
	is(my_hits(VECTOR), 0, "masked: no interrupt");
	is(apic_read(APIC_TIMER_CURRENT), 0, "masked: it counts all the same");
	apic_write(APIC_LVT_TIMER, VECTOR);
	open_us(QUIET_US);
	is(my_hits(VECTOR), 0, "unmasked too late: no interrupt");
}

static u64 period(u64 us)
{
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_INITIAL, (u32)(us * timer_khz() / 1000));
	return interval_us();
}

/* Interrupts of a one-shot that is stopped. */
static u64 stopped(u64 us)
{
	forget();
	apic_write(APIC_TIMER_INITIAL, (u32)(us * timer_khz() / 1000));
	apic_write(APIC_TIMER_INITIAL, 0);
	open_us(us + QUIET_US);
	return my_hits(VECTOR);
}

static void periodic(void)
{
	bool counts = false;

	near(stopped, 5000, 0, 0, "initial count 0 stops a one-shot");
	near(period, PERIOD_US, PERIOD_US, 10, "periodic: interrupts come at its rate");
	for (u32 i = 0; i < 4 && !counts; i++) {
		pause_us(100);
		counts = apic_read(APIC_TIMER_CURRENT) != 0;
	}
	ok(counts, "periodic: the current count starts again");
	apic_write(APIC_TIMER_INITIAL, 0);
	open_us(QUIET_US);
	forget();
	open_us(3 * PERIOD_US);
	is(my_hits(VECTOR), 0, "initial count 0 stops it");

	/* The PIT is to end the HLT if the timer does not. */
	ioapic_route(machine.timer_pin, VECTOR + 1, (u8)bsp);
	pit_set(0, 0, 0xffff);
	apic_write(APIC_LVT_TIMER, VECTOR);
	apic_write(APIC_TIMER_INITIAL, 2 * timer_khz());
	irq_wait();
	ok(my_hits(VECTOR) && !my_hits(VECTOR + 1), "a one-shot ends HLT");
	ioapic_route(machine.timer_pin, IOAPIC_MASKED, 0);
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
}

/* Microseconds to the interrupt of a deadline in US. */
static u64 deadline_us(u64 us)
{
	u64 start = rdtsc();

	forget();
	wrmsr(MSR_TSC_DEADLINE, start + ticks_of(us));
	if (!until(BOUND_MS, my_hits(VECTOR)))
		return 0;
	return (taken[0].tsc - start) * 1000 / tsc_khz;
}

static void deadline(void)
{
	u64 far;

	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + ticks_of(1000000));
	is(rdmsr(MSR_TSC_DEADLINE), 0, "deadline: ignored in one-shot mode");
	forget();
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	apic_write(APIC_TIMER_INITIAL, timer_khz());
	is(apic_read(APIC_TIMER_CURRENT), 0, "deadline: an initial count does not count");
	open_us(3000);
	is(my_hits(VECTOR), 0, "deadline: and does not interrupt");
	near(deadline_us, 5000, 5000, 20, "deadline: it interrupts at its time");
	is(rdmsr(MSR_TSC_DEADLINE), 0, "deadline: then the MSR is 0");
	open_us(10000);
	is(my_hits(VECTOR), 1, "deadline: and it interrupts once");
	far = rdtsc() + ticks_of(FAR_US);
	wrmsr(MSR_TSC_DEADLINE, far);
	is(rdmsr(MSR_TSC_DEADLINE), far, "deadline: the MSR keeps what is to come");
	forget();
	wrmsr(MSR_TSC_DEADLINE, 0);
	open_us(FAR_US + QUIET_US);
	is(my_hits(VECTOR), 0, "deadline: 0 disarms");
	wrmsr(MSR_TSC_DEADLINE, 1);
	ok(until(BOUND_MS, my_hits(VECTOR)), "deadline: one in the past interrupts at once");
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | LVT_MASKED | VECTOR);
	forget();
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + ticks_of(500));
	open_us(QUIET_US);
	is(my_hits(VECTOR), 0, "deadline: masked, no interrupt");
	apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + ticks_of(FAR_US));
	apic_write(APIC_LVT_TIMER, VECTOR);
	is(rdmsr(MSR_TSC_DEADLINE), 0, "deadline: another mode disarms");
	open_us(FAR_US + QUIET_US);
	is(my_hits(VECTOR), 0, "deadline: and there is no interrupt");
}

void test_timer(void)
{
	counting();
	once();
	periodic();
	if (cpuid(1, 0).ecx & BIT(24))
		deadline();
	else
		skip("the CPU has no TSC-deadline mode", "deadline");
}
