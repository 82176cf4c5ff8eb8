/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x2APIC mode: the way there and back, the registers as MSRs, what each write refuses. */
#include "tests/guests/hw/hw.h"

#define VECTOR 0x53
#define X(reg) (MSR_X2APIC + ((reg) >> 4))
#define MSR_SELF_IPI (MSR_X2APIC + 0x3f)
#define ALL_IDS 0xffffffff

struct access {
	u32 msr;
	u64 value;
};

static void do_write(void *access)
{
	const struct access *a = access;

	wrmsr(a->msr, a->value);
}

static void do_read(void *access)
{
	struct access *a = access;

	a->value = rdmsr(a->msr);
}

static bool refused(u32 msr, u64 value)
{
	struct access a = { msr, value };

	return rt_try(do_write, &a, this_vcpu()) == VECTOR_GP;
}

static bool unreadable(u32 msr)
{
	struct access a = { msr, 0 };

	return rt_try(do_read, &a, this_vcpu()) == VECTOR_GP;
}

static void x2apic_on(void *unused)
{
	(void)unused;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
}

/* The only way to xAPIC mode is through the APIC's being off, which resets it. */
static void x2apic_off(void *unused)
{
	u64 base = rdmsr(MSR_APIC_BASE) & ~(APIC_BASE_X2APIC | APIC_BASE_ENABLE);

	wrmsr(MSR_APIC_BASE, base);
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	apic_setup(unused);
}

static void read_ids(void *ids)
{
	((u32 *)ids)[0] = (u32)rdmsr(X(APIC_ID));
	((u32 *)ids)[1] = (u32)rdmsr(X(APIC_LDR));
}

static u32 logical_of(u32 id)
{
	return id >> 4 << 16 | 1u << (id & 15);
}

static void ids(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++) {
		u32 got[2] = { 0, 0 };

		if (!(all_cpus() & BIT(i)))
			continue;
		if (i == bsp)
			read_ids(got);
		else
			call(i, read_ids, got);
		is(got[0], i, "x2APIC id of CPU %u", i);
		is(got[1], logical_of(i), "x2APIC LDR of CPU %u is made of its id", i);
	}
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		is(rdmsr(X(APIC_ID)), cpuid(0xb, 0).edx, "x2APIC id and CPUID leaf 0Bh");
	else
		skip("CPUID has no leaf 0Bh", "x2APIC id and CPUID leaf 0Bh");
}

static u32 reach(u32 expected, u32 dest, u32 command)
{
	return reached_by(VECTOR, expected, apic_send, dest, ICR_FIXED | VECTOR | command);
}

static void interrupts(void)
{
	u32 all = all_cpus(), mask = 0;

	forget();
	wrmsr(X(APIC_TPR), 0x60);
	is(read_cr8(), 6, "x2APIC TPR and CR8");
	wrmsr(MSR_SELF_IPI, VECTOR);
	ok(until_closed(BOUND_MS, rdmsr(X(APIC_IRR) + VECTOR / 32) >> VECTOR % 32 & 1),
	   "x2APIC SELF IPI: pending");
	open_us(QUIET_US);
	is(my_hits(VECTOR), 0, "x2APIC TPR holds it");
	write_cr8(0);
	is(rdmsr(X(APIC_TPR)), 0, "x2APIC TPR follows CR8");
	ok(until(BOUND_MS, my_hits(VECTOR)), "x2APIC SELF IPI: taken");
	is(rdmsr(X(APIC_ISR) + VECTOR / 32), 0, "x2APIC EOI ends it");
	for (u32 i = 0; i < MAX_CPUS; i++) {
		if (!(all & BIT(i)))
			continue;
		mask |= logical_of(i);
		is(reach(BIT(i), i, 0), BIT(i), "x2APIC physical destination %u", i);
		is(reach(BIT(i), logical_of(i), ICR_LOGICAL), BIT(i),
		   "x2APIC logical destination of CPU %u", i);
	}
	is(reach(all, mask, ICR_LOGICAL), all, "x2APIC logical destination of all");
	is(reach(all, ALL_IDS, 0), all, "x2APIC destination FFFFFFFFh");
	is(reach(0, 0xff, 0), 0, "x2APIC destination FFh is a CPU's");
	is(reach(all & ~BIT(bsp), 0, ICR_OTHERS), all & ~BIT(bsp), "x2APIC shorthand all but self");
	is(rdmsr(X(APIC_ICR)), ICR_FIXED | ICR_OTHERS | VECTOR, "x2APIC ICR reads as written");
	is(reached_by(VECTOR_NMI, all & ~BIT(bsp), apic_send, 0, ICR_ASSERT | ICR_NMI | ICR_OTHERS),
	   all & ~BIT(bsp), "x2APIC NMI");

	forget();
	wrmsr(X(APIC_LVT_TIMER), VECTOR + 1);
	wrmsr(X(APIC_TIMER_INITIAL), 100000);
	ok(until(BOUND_MS, my_hits(VECTOR + 1)), "x2APIC timer");
	wrmsr(X(APIC_LVT_TIMER), LVT_MASKED);
}

static void refusals(void)
{
	static const struct {
		const char *name;
		u32 msr;
		u64 value;
	} writes[] = {
		{ "the id", X(APIC_ID), 0 },
		{ "the version", X(APIC_LVR), 0 },
		{ "PPR", X(APIC_PPR), 0 },
		{ "LDR", X(APIC_LDR), 1 },
		{ "DFR, which is not there", X(APIC_DFR), ~0u },
		{ "ISR", X(APIC_ISR), 0 },
		{ "the current count", X(APIC_TIMER_CURRENT), 0 },
		{ "ICR bits 63:32, which are no register", X(APIC_ICR_HIGH), 0 },
		{ "a number with no register", X(0x40), 0 },
		{ "EOI, not 0", X(APIC_EOI), 1 },
		{ "ESR, not 0", X(APIC_ESR), 1 },
		{ "TPR bit 8", X(APIC_TPR), 0x100 },
		{ "SVR bit 16", X(APIC_SVR), APIC_SVR_VALUE | 0x10000 },
		{ "LVT timer bit 20", X(APIC_LVT_TIMER), LVT_MASKED | 0x100000 },
		{ "LVT LINT0 bit 17", X(APIC_LVT_LINT0), LVT_MASKED | 0x20000 },
		{ "ICR bit 20", X(APIC_ICR), 0x100000 | VECTOR },
		{ "the divide configuration's bit 4", X(APIC_TIMER_DIVIDE), 0x10 },
		{ "SELF IPI bit 8", MSR_SELF_IPI, 0x100 | VECTOR },
		{ "TPR bit 32", X(APIC_TPR), BIT(32) },
	};

	for (u32 i = 0; i < ARRAY_SIZE(writes); i++)
		ok(refused(writes[i].msr, writes[i].value), "x2APIC refuses to write %s",
		   writes[i].name);
	ok(unreadable(X(APIC_DFR)), "x2APIC refuses to read DFR");
	ok(unreadable(X(APIC_EOI)), "x2APIC refuses to read EOI");
	ok(unreadable(MSR_SELF_IPI), "x2APIC refuses to read SELF IPI");
	ok(unreadable(X(APIC_ICR_HIGH)), "x2APIC refuses to read ICR's upper half apart");
	open_us(100);
}

void test_x2apic(void)
{
	static const char *const parts[] = { "x2APIC on", "x2APIC ids", "x2APIC interrupts",
					     "x2APIC refuses", "x2APIC off" };
	u64 base = rdmsr(MSR_APIC_BASE);
	u32 version = apic_read(APIC_LVR);
	struct reset_state s = { 0 };

	if (!(cpuid(1, 0).ecx & BIT(21))) {
		for (u32 i = 0; i < ARRAY_SIZE(parts); i++)
			skip("the CPU has no x2APIC", "%s", parts[i]);
		return;
	}
	ok(unreadable(X(APIC_ID)), "x2APIC MSRs are not there in xAPIC mode");
	ok(refused(MSR_APIC_BASE, base | 1), "IA32_APIC_BASE refuses bit 0");
	ok(refused(MSR_APIC_BASE, base | BIT(63)), "IA32_APIC_BASE refuses bit 63");
	ok(refused(MSR_APIC_BASE, (base | APIC_BASE_X2APIC) & ~APIC_BASE_ENABLE),
	   "IA32_APIC_BASE refuses x2APIC mode of an APIC that is off");
	call_all(x2apic_on, NULL);
	is(rdmsr(MSR_APIC_BASE), base | APIC_BASE_X2APIC, "x2APIC mode is on");
	is(rdmsr(X(APIC_LVR)), version, "x2APIC version");
	is(rdmsr(X(APIC_SVR)), APIC_SVR_VALUE, "x2APIC mode keeps SVR");
	ids();
	interrupts();
	refusals();
	ok(refused(MSR_APIC_BASE, base), "x2APIC to xAPIC is refused");
	call_all(x2apic_off, NULL);
	is(rdmsr(MSR_APIC_BASE), base, "xAPIC mode is on again");
	read_reset_state(&s);
	is(s.id, bsp, "and the id is there");
	is(reach(all_cpus(), 0xff, 0), all_cpus(), "and interrupts come");
}
