/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interrupts from CPU to CPU in xAPIC mode: shorthands, destinations, delivery modes, INIT and SIPI. */
#include "tests/guests/hw/hw.h"

#define VECTOR 0x52
#define NOBODY 0xe /* an id that no CPU has */

static u32 reach(u32 expected, u32 dest, u32 command)
{
	return reached_by(VECTOR, expected, apic_send, dest, ICR_FIXED | VECTOR | command);
}

static void shorthands(u32 all)
{
	is(reach(BIT(bsp), NOBODY, ICR_SELF), BIT(bsp), "shorthand self");
	is(reach(all, NOBODY, ICR_ALL), all, "shorthand all");
	is(reach(all & ~BIT(bsp), NOBODY, ICR_OTHERS), all & ~BIT(bsp), "shorthand all but self");
	ok(until_closed(BOUND_MS, !(apic_read(APIC_ICR) & ICR_PENDING)),
	   "it says so when it is sent");
	is(apic_read(APIC_ICR) & ~ICR_PENDING, ICR_FIXED | ICR_OTHERS | VECTOR,
	   "ICR reads as written");
}

static void physical(u32 all)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (all & BIT(i))
			is(reach(BIT(i), i, 0), BIT(i), "physical destination %u", i);
	is(reach(all, 0xff, 0), all, "physical destination FFh");
	is(reach(0, NOBODY, 0), 0, "physical destination of an absent CPU");
}

static void logical_flat(u32 all)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (all & BIT(i))
			is(reach(BIT(i), 1u << i, ICR_LOGICAL), BIT(i), "flat destination bit %u",
			   i);
	is(reach(all, all, ICR_LOGICAL), all, "flat destination, a bit for each");
	is(reach(all, 0xff, ICR_LOGICAL), all, "flat destination FFh");
	is(reach(0, 0, ICR_LOGICAL), 0, "flat destination 0");
}

/* Two CPUs a cluster; clusters count from 1. */
static u32 cluster_of(u32 cpu)
{
	return (cpu / 2 + 1) << 4 | 1u << cpu % 2;
}

static void set_cluster(void *unused)
{
	(void)unused;
	apic_write(APIC_DFR, 0);
	apic_write(APIC_LDR, cluster_of(this_vcpu()->id) << 24);
}

static void logical_cluster(u32 all)
{
	call_all(set_cluster, NULL);
	for (u32 i = 0; i < MAX_CPUS; i++)
		if (all & BIT(i))
			is(reach(BIT(i), cluster_of(i), ICR_LOGICAL), BIT(i),
			   "cluster destination of CPU %u", i);
	is(reach(all & 3, 0x1f, ICR_LOGICAL), all & 3, "all of a cluster");
	is(reach(0, 0x10, ICR_LOGICAL), 0, "none of a cluster");
	is(reach(0, 0x71, ICR_LOGICAL), 0, "a cluster that is not there");
	if (!tcg_lacks("FFh is a cluster like any other", "all clusters"))
		is(reach(all, 0xff, ICR_LOGICAL), all, "all clusters");
	call_all(apic_setup, NULL);
}

static void raise_tpr(void *to)
{
	apic_write(APIC_TPR, (u32)(u64)to);
}

static void lowest_priority(u32 all)
{
	u32 right = 0;

	for (u32 i = 0; i < 4; i++) {
		forget();
		apic_send(all, ICR_FIXED | ICR_LOGICAL | ICR_LOWEST | VECTOR);
		right += one_took(VECTOR);
	}
	is(right, 4, "lowest priority: one of the destinations gets it");
	is(reach(BIT(bsp), 1u << bsp, ICR_LOGICAL | ICR_LOWEST), BIT(bsp),
	   "lowest priority with one destination");
}

static volatile bool sits, let_go;

/* Runs with interrupts off: what comes stays pending. Not cpu_relax(), which has them on for the
 * length of an instruction: an NMI in there would return to where they are taken. */
static void sit(void *unused)
{
	u64 start = rdtsc();

	(void)unused;
	sits = true;
	while (!let_go && rdtsc() - start < ticks_of(BOUND_MS * 1000))
		asm volatile("pause" : : : "memory");
}

/* In the order that a CPU took its vectors, which only it could have noted. */
static volatile u32 other_order;

static void note(struct vcpu *v, struct frame *f)
{
	if (v->id != bsp)
		other_order = other_order << 8 | (u32)f->vector;
	eoi();
}

static void interrupts_off(u32 other)
{
	forget();
	sits = let_go = false;
	other_order = 0;
	rt_on(0x41, note);
	rt_on(0x91, note);
	start_call(other, sit, NULL);
	until_closed(BOUND_MS, sits);
	apic_send(other, ICR_FIXED | 0x41);
	apic_send(other, ICR_FIXED | 0x91);
	apic_send(other, ICR_ASSERT | ICR_NMI);
	ok(until_closed(BOUND_MS, hits[other][VECTOR_NMI]), "an NMI comes with interrupts off");
	pause_us(QUIET_US);
	is(other_order, 0, "fixed ones do not");
	let_go = true;
	end_call(other);
	until_closed(BOUND_MS, other_order & 0xff00);
	is(other_order, 0x9141, "they come later, the highest first");

	call(other, raise_tpr, (void *)0x60);
	is(reach(0, other, 0), 0, "TPR 60h of another CPU holds vector 52h");
	forget();
	/* The call's own vector is below that TPR. */
	rt_on(VECTOR + 0x20, NULL);
	start_call(other, raise_tpr, NULL);
	apic_send(other, ICR_FIXED | (VECTOR + 0x20));
	end_call(other);
	ok(until_closed(BOUND_MS, hits[other][VECTOR]), "until it is lowered");
}

static void nmi(u32 others)
{
	/* One that has not started has nowhere to take it. */
	if (others)
		is(reached_by(VECTOR_NMI, others, apic_send, NOBODY,
			      ICR_ASSERT | ICR_NMI | ICR_OTHERS),
		   others, "NMI to all but self");
	is(reached_by(VECTOR_NMI, BIT(bsp), apic_send, bsp, ICR_ASSERT | ICR_NMI), BIT(bsp),
	   "NMI to itself by its id");
}

static void after_reset(u32 cpu)
{
	const struct reset_state *s = &reset_of[cpu];

	is(s->svr, 0xff, "after INIT: SVR");
	is(s->tpr, 0, "after INIT: TPR");
	is(s->ldr, 0, "after INIT: LDR");
	is(s->dfr, 0xffffffff, "after INIT: DFR");
	is(s->lvt_timer, LVT_MASKED, "after INIT: LVT timer");
	is(s->lvt_lint0, LVT_MASKED, "after INIT: LVT LINT0");
	is(s->lvt_lint1, LVT_MASKED, "after INIT: LVT LINT1");
	is(s->lvt_error, LVT_MASKED, "after INIT: LVT error");
	is(s->initial, 0, "after INIT: the timer's initial count");
	is(s->id, cpu, "after INIT: the id stays");
	is(s->base, APIC_BASE_GPA | APIC_BASE_ENABLE, "after INIT: IA32_APIC_BASE stays");
}

static void init(u32 other)
{
	u64 starts = vcpus[other].starts;

	put_trampoline(TRAMPOLINE_OTHER);
	call(other, raise_tpr, (void *)0x10);
	apic_send(other, ICR_INIT);
	pause_us(1000);
	is(reach(0, other, 0), 0, "after INIT it takes no interrupts");
	is(vcpus[other].starts, starts, "and does not start by itself");
	reset_of[other].page = 0;
	apic_send(other, ICR_STARTUP | TRAMPOLINE_OTHER);
	ok(until_closed(BOUND_MS, vcpus[other].starts == starts + 1), "a SIPI starts it");
	is(reset_of[other].page, TRAMPOLINE_OTHER, "at the page it names");
	pause_us(1000);
	apic_send(other, ICR_STARTUP | TRAMPOLINE);
	is(reach(BIT(other), other, 0), BIT(other), "then it takes interrupts");
	is(vcpus[other].starts, starts + 1, "and another SIPI is nothing to it");
	after_reset(other);
}

void test_ipi(void)
{
	u32 all = all_cpus(), others = all & ~BIT(bsp);

	shorthands(all);
	physical(all);
	logical_flat(all);
	logical_cluster(all);
	lowest_priority(all);
	nmi(others);
	if (!others) {
		skip("there is one CPU", "a CPU with interrupts off");
		skip("there is one CPU", "INIT and SIPI");
		return;
	}
	interrupts_off((u32)__builtin_ctz(others));
	init(31 - (u32)__builtin_clz(others));
}
