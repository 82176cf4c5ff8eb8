/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state guest: x2APIC mode and back, which leads through the APIC being disabled; TSC
 * deadlines; what CPUID says of both. While the page is not the APIC's, it is memory, and it moves
 * as ever.
 */
#include "tests/guests/state.h"

#define VECTOR_X2 0x93
#define SELF_IPI 0x3f0
#define LVT_DEADLINE (2u << 17)
#define X2(reg) (MSR_X2APIC + (reg) / 16)
#define SCRATCH 0x40 /* in the page: no register */

void op_spin(void);

static volatile u64 came[MAX_CPUS];

static void on_x2(struct vcpu *v, struct frame *f)
{
	(void)f;
	came[v->id]++;
	wrmsr(X2(APIC_EOI), 0);
}

static u64 write_msr(struct vcpu *v, u32 msr, u64 value)
{
	struct msr_write w = { msr, value };

	return rt_try(do_wrmsr, &w, v);
}

static void refused_registers(struct vcpu *v)
{
	static const struct {
		u32 reg;
		u32 value;
	} refused_msrs[] = {
		{ APIC_ID, 0 },	      { APIC_LVR, 0 },		{ APIC_LDR, 0 },
		{ APIC_DFR, ~0u },    { APIC_PPR, 0 },		{ APIC_ISR, 0 },
		{ APIC_EOI, 1 },      { APIC_ESR, 1 },		{ APIC_TPR, 0x100 },
		{ APIC_SVR, 0x8ff },  { APIC_ICR_HIGH, 0 },	{ APIC_LVT_TIMER, 0x100 },
		{ SELF_IPI, 0x1000 }, { APIC_TIMER_DIVIDE, 4 }, { 0x2f0, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(refused_msrs); i++)
		check(v, CHECK_X2APIC_REFUSED + i,
		      write_msr(v, X2(refused_msrs[i].reg), refused_msrs[i].value), VECTOR_GP);
	check(v, CHECK_X2APIC_REFUSED, rt_try(do_rdmsr, (void *)X2(APIC_EOI), v), VECTOR_GP);
	check(v, CHECK_X2APIC_REFUSED, rt_try(do_rdmsr, (void *)X2(SELF_IPI), v), VECTOR_GP);
	check(v, CHECK_X2APIC_REFUSED, rt_try(do_rdmsr, (void *)X2(APIC_DFR), v), VECTOR_GP);
}

/* The TPR holds an interrupt, by its MSR, and lets it through, by CR8. */
static void task_priority(struct vcpu *v)
{
	u64 before = came[v->id], cr8;

	wrmsr(X2(APIC_TPR), VECTOR_X2 & 0xf0);
	asm volatile("mov %%cr8, %0" : "=r"(cr8) : : "memory");
	check(v, CHECK_X2APIC_CR8, cr8, VECTOR_X2 >> 4);
	irq_enable();
	wrmsr(X2(SELF_IPI), VECTOR_X2);
	op_spin();
	check(v, CHECK_X2APIC_HELD, came[v->id], before);
	asm volatile("mov %0, %%cr8" : : "r"(3ull) : "memory");
	check_true(v, CHECK_X2APIC_RELEASED, rt_wait(&came[v->id], before + 1));
	check(v, CHECK_X2APIC_TPR, rdmsr(X2(APIC_TPR)), 0x30);
	wrmsr(X2(APIC_TPR), 0);
	wrmsr(X2(APIC_ICR), (u64)v->id << 32 | ICR_FIXED | VECTOR_X2);
	check_true(v, CHECK_X2APIC_ICR, rt_wait(&came[v->id], before + 2));
	wrmsr(X2(APIC_ICR), 1ull << (32 + v->id) | ICR_LOGICAL | ICR_FIXED | VECTOR_X2);
	check_true(v, CHECK_X2APIC_ICR, rt_wait(&came[v->id], before + 3));
	irq_disable();
}

static void deadlines(struct vcpu *v)
{
	u64 before = came[v->id], deadline;

	wrmsr(X2(APIC_LVT_TIMER), LVT_DEADLINE | VECTOR_X2);
	irq_enable();
	deadline = rdtsc() + STATE_TIMER_TICKS;
	wrmsr(MSR_TSC_DEADLINE, deadline);
	check_true(v, CHECK_DEADLINE, rt_wait(&came[v->id], before + 1));
	check_true(v, CHECK_DEADLINE_EARLY, rdtsc() >= deadline);
	check(v, CHECK_DEADLINE_OVER, rdmsr(MSR_TSC_DEADLINE), 0);
	wrmsr(MSR_TSC_DEADLINE, 1);
	check_true(v, CHECK_DEADLINE_PAST, rt_wait(&came[v->id], before + 2));
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + (1ull << 40));
	wrmsr(MSR_TSC_DEADLINE, 0);
	op_spin();
	check(v, CHECK_DEADLINE_PAST, came[v->id], before + 2);
	irq_disable();
}

static void is_memory(struct vcpu *v, u32 number)
{
	u32 value = (u32)rt_random(v) | 1;

	apic_write(SCRATCH, value);
	apic_write(APIC_EOI, value);
	op_spin();
	check(v, number, apic_read(SCRATCH), value);
	check(v, number, apic_read(APIC_EOI), value);
}

static void clocks(struct vcpu *v)
{
	struct cpuid topology = cpuid(0xb, 1), ratio = cpuid(0x15, 0), khz = cpuid(0x40000010, 0);
	u64 tsc = GUEST_INFO->ticks_per_us * 1000ull, crystal = ratio.ecx / 1000;

	check(v, CHECK_CPUID_TOPOLOGY, topology.edx, v->id);
	check(v, CHECK_CPUID_TOPOLOGY, topology.ebx, GUEST_INFO->vcpus);
	check(v, CHECK_CPUID_CLOCKS, khz.eax, tsc);
	check(v, CHECK_CPUID_CLOCKS, khz.ebx, crystal);
	check_true(v, CHECK_CPUID_CLOCKS, ratio.eax && !(crystal * ratio.ebx >> 32));
	if (ratio.eax) /* within a thousandth */
		check_true(v, CHECK_CPUID_CLOCKS,
			   crystal * ratio.ebx / ratio.eax * 1000 / tsc - 999 <= 2);
}

void state_x2apic(struct vcpu *v)
{
	u64 base = rdmsr(MSR_APIC_BASE), off = base & ~APIC_BASE_ENABLE,
	    x2 = base | APIC_BASE_X2APIC;

	clocks(v);
	rt_on(VECTOR_X2, on_x2);
	state_lock();
	irq_disable();
	apic_write(APIC_TIMER_INITIAL, 0);
	check(v, CHECK_BASE, base,
	      APIC_BASE_GPA | APIC_BASE_ENABLE | (v->id == 0 ? APIC_BASE_BSP : 0));
	check(v, CHECK_BASE_REFUSED, write_msr(v, MSR_APIC_BASE, base + PAGE_SIZE), VECTOR_GP);
	check(v, CHECK_BASE_REFUSED, write_msr(v, MSR_APIC_BASE, x2 & ~APIC_BASE_ENABLE),
	      VECTOR_GP);
	check(v, CHECK_BASE_REFUSED, rt_try(do_rdmsr, (void *)X2(APIC_ID), v), VECTOR_GP);

	wrmsr(MSR_APIC_BASE, x2);
	check(v, CHECK_X2APIC_MODE, rdmsr(MSR_APIC_BASE), x2);
	check(v, CHECK_X2APIC_ID, rdmsr(X2(APIC_ID)), v->id);
	check(v, CHECK_X2APIC_LDR, rdmsr(X2(APIC_LDR)), 1u << v->id);
	check(v, CHECK_X2APIC_KEEPS, rdmsr(X2(APIC_SVR)), APIC_SVR_VALUE);
	check(v, CHECK_X2APIC_KEEPS, rdmsr(X2(APIC_LVR)), APIC_LVR_VALUE);
	check(v, CHECK_BASE_REFUSED, write_msr(v, MSR_APIC_BASE, base), VECTOR_GP);
	refused_registers(v);
	task_priority(v);
	deadlines(v);
	is_memory(v, CHECK_X2APIC_MEMORY);

	wrmsr(MSR_APIC_BASE, off);
	check(v, CHECK_DISABLED_CPUID, cpuid(1, 0).edx & BIT(9), 0);
	check(v, CHECK_DISABLED_MSR, rt_try(do_rdmsr, (void *)X2(APIC_ID), v), VECTOR_GP);
	check(v, CHECK_BASE_REFUSED, write_msr(v, MSR_APIC_BASE, x2), VECTOR_GP);
	is_memory(v, CHECK_DISABLED_MEMORY);

	wrmsr(MSR_APIC_BASE, base);
	check(v, CHECK_ENABLED_CPUID, cpuid(1, 0).edx & BIT(9), BIT(9));
	check(v, CHECK_ENABLED_RESET, apic_read(APIC_SVR), 0xff);
	check(v, CHECK_ENABLED_RESET, apic_read(APIC_LVT_TIMER), LVT_MASKED);
	check(v, CHECK_ENABLED_RESET, apic_read(APIC_LVR), APIC_LVR_VALUE);
	apic_write(APIC_SVR, APIC_SVR_VALUE);
	apic_write(APIC_LDR, 1u << (24 + v->id));
	apic_timer_start(v, STATE_TIMER_TICKS);
	irq_enable();
	state_unlock();
}
