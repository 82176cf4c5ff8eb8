/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's local APIC. Registers are named by their xAPIC offset; the x2APIC's MSR number is
 * offset / 16 above 0x800. */
#include "apic/lapic.h"
#include "mm/host.h"
#include "mm/x86.h"

enum lapic_register {
	LAPIC_ID = 0x20,
	LAPIC_VERSION = 0x30,
	LAPIC_TPR = 0x80,
	LAPIC_EOI = 0xb0,
	LAPIC_SVR = 0xf0,
	LAPIC_ISR = 0x100, /* 8 registers */
	LAPIC_ESR = 0x280,
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERFMON = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
};

enum {
	SVR_ENABLE = 1 << 8,
	LVT_MASKED = 1 << 16,
	LVT_PERIODIC = 1 << 17,
	ICR_NMI = 4 << 8,
	ICR_INIT = 5 << 8,
	ICR_STARTUP = 6 << 8,
	ICR_PENDING = 1 << 12, /* xAPIC only */
	ICR_ASSERT = 1 << 14,
};

#define MEASURE_TICKS (1 << 20)
#define CPUID_1_ECX_X2APIC BIT(21)
#define APIC_BASE_ADDRESS 0xffffff000ull

static bool x2apic;
/* The APIC ids that lapic_init() has seen. Written by one CPU at a time. */
static u32 known[MAX_CPUS], known_count;
static u64 timer_rate; /* counts, undivided, in 2^32 TSC ticks */

static u32 read_mode(bool msr, enum lapic_register reg)
{
	if (msr)
		return (u32)rdmsr(MSR_X2APIC + reg / 16);
	return *(volatile u32 *)(uintptr_t)(LAPIC_BASE + reg);
}

static u32 lapic_read(enum lapic_register reg)
{
	return read_mode(x2apic, reg);
}

static void lapic_write(enum lapic_register reg, u32 value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg / 16, value);
	else
		*(volatile u32 *)(uintptr_t)(LAPIC_BASE + reg) = value;
}

bool lapic_is_x2apic(void)
{
	return x2apic;
}

u32 lapic_id(void)
{
	bool msr = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
	u32 id = read_mode(msr, LAPIC_ID);

	return msr ? id : id >> 24;
}

void lapic_eoi(void)
{
	lapic_write(LAPIC_EOI, 0);
}

/* The mode's switch: from x2APIC back to xAPIC the only way leads through "disabled" (SDM, x2APIC
 * state transitions). */
static void set_mode(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	if (!x2apic && base & APIC_BASE_X2APIC)
		wrmsr(MSR_APIC_BASE, base & ~(APIC_BASE_X2APIC | APIC_BASE_ENABLE));
	base |= APIC_BASE_ENABLE;
	base &= ~APIC_BASE_X2APIC;
	if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

/* What the firmware took and never ended would hold back every vector of its priority and below. */
static void end_all_in_service(void)
{
	for (int rounds = 0; rounds < 256; rounds++) {
		u32 any = 0;

		for (unsigned i = 0; i < 8; i++)
			any |= lapic_read(LAPIC_ISR + i * 16);
		if (!any)
			return;
		lapic_eoi();
	}
}

static void remember(u32 id)
{
	for (u32 i = 0; i < known_count; i++)
		if (known[i] == id)
			return;
	if (known_count < MAX_CPUS) {
		known[known_count] = id;
		__atomic_store_n(&known_count, known_count + 1, __ATOMIC_RELEASE);
	}
}

/* A measurement with an interruption between the looks at the two clocks (an outer hypervisor's) is
 * made again, a few times. */
static void measure_timer(void)
{
	u64 start, end, width;

	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	for (unsigned i = 0; i < 8; i++) {
		u64 before = rdtsc(), count;

		lapic_write(LAPIC_TIMER_INITIAL, ~0u);
		start = rdtsc();
		do
			end = rdtsc();
		while (end - start < MEASURE_TICKS);
		count = ~0u - lapic_read(LAPIC_TIMER_CURRENT);
		width = start - before + rdtsc() - end;
		timer_rate = (count << 32) / (end - start);
		if (width < MEASURE_TICKS / 64)
			break;
	}
	lapic_write(LAPIC_TIMER_INITIAL, 0);
}

int lapic_init(int want)
{
	bool have = cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC;
	u32 last_lvt;

	if (want == 2 && !have)
		return -ENOSYS;
	x2apic = want == 2 || (want == 0 && have);
	if (!x2apic && (rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS) != LAPIC_BASE)
		return -EINVAL;
	set_mode();

	/* Enabled first: while it is disabled by software, the LVTs' mask bits cannot be cleared,
	 * nor vectors be ended. */
	lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
	last_lvt = lapic_read(LAPIC_VERSION) >> 16 & 0xff;
	lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_LVT_LINT0, LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LVT_MASKED);
	lapic_write(LAPIC_LVT_ERROR, LVT_MASKED | VECTOR_SPURIOUS);
	if (last_lvt >= 4)
		lapic_write(LAPIC_LVT_PERFMON, LVT_MASKED);
	if (last_lvt >= 5)
		lapic_write(LAPIC_LVT_THERMAL, LVT_MASKED);
	if (last_lvt >= 6)
		lapic_write(LAPIC_LVT_CMCI, LVT_MASKED);
	lapic_write(LAPIC_TPR, 0);
	end_all_in_service();
	lapic_write(LAPIC_ESR, 0);
	if (!timer_rate)
		measure_timer();
	remember(lapic_id());
	return 0;
}

/* One interrupt command. The x2APIC's is a WRMSR, which does not wait for earlier stores: hence the
 * fences (SDM, x2APIC). */
static void send(u32 apic_id, u32 command)
{
	if (x2apic) {
		asm volatile("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + LAPIC_ICR / 16, (u64)apic_id << 32 | command);
		return;
	}
	asm volatile("mfence" : : : "memory");
	for (u32 i = 0; i < 100000 && lapic_read(LAPIC_ICR) & ICR_PENDING; i++)
		cpu_relax();
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR, command);
}

void lapic_ipi(u32 apic_id, u8 vector)
{
	send(apic_id, ICR_ASSERT | vector);
}

void lapic_nmi(u32 apic_id)
{
	send(apic_id, ICR_ASSERT | ICR_NMI);
}

void lapic_nmi_others(void)
{
	u32 count = __atomic_load_n(&known_count, __ATOMIC_ACQUIRE), self = lapic_id();

	/* No shorthand: it would reach CPUs that the firmware parked, with a long gone interrupt
	 * table. */
	for (u32 i = 0; i < count; i++)
		if (known[i] != self)
			lapic_nmi(known[i]);
}

void lapic_init_ipi(u32 apic_id)
{
	send(apic_id, ICR_ASSERT | ICR_INIT);
}

void lapic_sipi(u32 apic_id, u8 page)
{
	send(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

void lapic_timer_set(u32 initial_count, u32 divide_config, bool periodic)
{
	/* Stopped first: an old count must not run out under the new settings. */
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	lapic_write(LAPIC_TIMER_DIVIDE, divide_config);
	lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER | (periodic ? LVT_PERIODIC : 0) |
					     (initial_count ? 0 : LVT_MASKED));
	lapic_write(LAPIC_TIMER_INITIAL, initial_count);
}

u32 lapic_timer_count(void)
{
	return lapic_read(LAPIC_TIMER_CURRENT);
}

u64 lapic_timer_counts(u64 tsc_ticks, u32 divide_config)
{
	/* Bits 3, 1 and 0: 2, 4, ... 128, and then 1. */
	u32 shift = ((divide_config >> 1 & 4) + (divide_config & 3) + 1) & 7;

	return (u64)((unsigned __int128)tsc_ticks * timer_rate >> 32) >> shift;
}

u64 lapic_timer_hz(u32 ticks_per_us)
{
	return lapic_timer_counts(1000000ull * ticks_per_us, DIVIDE_BY_1);
}

void lapic_interrupt(u8 vector)
{
	if (vector == VECTOR_SPURIOUS)
		return;
	if (vector == VECTOR_TIMER)
		this_cpu()->timer_due = 1;
	lapic_eoi();
}
