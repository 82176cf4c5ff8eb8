/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks of the local APIC: registers that never change, TPR and ICR that do, IPIs and the
 * timer. */
#include "tests/guests/patrol.h"

/* What a vCPU remembers between checks. */
static struct {
	const volatile u64 *counter; /* of the vCPU that the last IPI went to; NULL: none sent */
	u64 awaited;		     /* what it is once that IPI has arrived */
	u64 tsc;		     /* when it was sent */
	u64 sent;		     /* to the next vCPU */
	u32 count, count_same; /* the timer's last current count, and how often it was the same */
	bool ipi_lost, timer_lost;
} memory[MAX_CPUS];

static void expect(struct vcpu *v, enum wrong_kind kind, u32 reg, u32 expected)
{
	u32 value = apic_read(reg);

	v->checks++;
	if (unlikely(value != expected))
		rt_wrong(v, kind, APIC_BASE_GPA + reg, value, expected);
}

void check_apic(struct vcpu *v)
{
	expect(v, WRONG_APIC_READ, APIC_LVR, APIC_LVR_VALUE);
	expect(v, WRONG_APIC_READ, APIC_ID, v->id << 24);
	expect(v, WRONG_APIC_READ, APIC_SVR, APIC_SVR_VALUE);
	expect(v, WRONG_APIC_READ, APIC_TPR, 0);
	expect(v, WRONG_APIC_READ, APIC_LDR, 1u << (24 + v->id));
	expect(v, WRONG_APIC_READ, APIC_LVR, APIC_LVR_VALUE);
}

void check_tpr(struct vcpu *v)
{
	u32 value = rt_random(v) >> 56;
	u64 cr8;

	apic_write(APIC_TPR, value);
	expect(v, WRONG_APIC_WRITE, APIC_TPR, value);
	asm volatile("mov %%cr8, %0" : "=r"(cr8) : : "memory");
	v->checks++;
	if (unlikely(cr8 != value >> 4))
		rt_wrong(v, WRONG_APIC_WRITE, APIC_BASE_GPA + APIC_TPR, cr8, value >> 4);
	apic_write(APIC_TPR, 0);
	expect(v, WRONG_APIC_WRITE, APIC_TPR, 0);
}

static bool arrived(struct vcpu *v)
{
	return !memory[v->id].counter || *memory[v->id].counter >= memory[v->id].awaited;
}

void settle_ipi(struct vcpu *v)
{
	if (arrived(v) || memory[v->id].ipi_lost ||
	    rt_wait(memory[v->id].counter, memory[v->id].awaited))
		return;
	memory[v->id].ipi_lost = true;
	rt_wrong(v, WRONG_LOST, APIC_BASE_GPA + APIC_ICR, *memory[v->id].counter,
		 memory[v->id].awaited);
}

void check_ipi(struct vcpu *v)
{
	struct vcpu *next = &vcpus[(v->id + 1) % GUEST_INFO->vcpus];
	u32 dest = v->id, command = ICR_FIXED | VECTOR_SELF;

	/* The wait costs nothing while rounds go on; only an IPI that is late is waited for in
	 * earnest. */
	if (!arrived(v) && rdtsc() - memory[v->id].tsc > BOUND_TICKS)
		settle_ipi(v);
	if (!arrived(v) || memory[v->id].ipi_lost)
		return;

	if (next != v && next->state == VCPU_RUNS) {
		dest = next->id;
		command = ICR_FIXED | VECTOR_IPI;
		memory[v->id].counter = &next->ipis_received;
		memory[v->id].awaited = ++memory[v->id].sent;
	} else {
		if (rt_random(v) >> 63)
			command |= ICR_SELF;
		memory[v->id].counter = &v->selves_received;
		memory[v->id].awaited = v->selves_received + 1;
	}
	memory[v->id].tsc = rdtsc();
	v->ipis_sent++;
	apic_write(APIC_ICR_HIGH, dest << 24);
	expect(v, WRONG_APIC_WRITE, APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, command);
	for (u32 i = 0; apic_read(APIC_ICR) & ICR_PENDING && i < 1000; i++)
		cpu_relax();
	expect(v, WRONG_APIC_WRITE, APIC_ICR, command);
}

void check_timer(struct vcpu *v)
{
	u32 count = apic_read(APIC_TIMER_CURRENT);

	/* A periodic count can meet itself now and then, not at every look. */
	v->checks++;
	if (count != memory[v->id].count) {
		memory[v->id].count = count;
		memory[v->id].count_same = 0;
	} else if (++memory[v->id].count_same == 8) {
		rt_wrong(v, WRONG_APIC_READ, APIC_BASE_GPA + APIC_TIMER_CURRENT, count, ~count);
	}

	if (memory[v->id].timer_lost || rdtsc() - v->timer_tsc < BOUND_TICKS ||
	    rt_wait(&v->timer_irqs, v->timer_irqs + 1))
		return;
	memory[v->id].timer_lost = true;
	rt_wrong(v, WRONG_LOST, APIC_BASE_GPA + APIC_LVT_TIMER, v->timer_irqs, v->timer_irqs + 1);
}
