/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state guest: every way to say where an IPI goes, and the timer. */
#include "tests/guests/state.h"

#define VECTOR_FROM 0x80 /* + the sender */
#define VECTOR_ONCE 0x58
#define LATE_MAX 3

void op_spin(void);

static volatile u64 received[MAX_CPUS][MAX_CPUS]; /* [receiver][sender] */
static volatile u64 once[MAX_CPUS];
static u32 late[MAX_CPUS];

static void on_from(struct vcpu *v, struct frame *f)
{
	received[v->id][f->vector - VECTOR_FROM]++;
	v->ipis_received++;
	apic_eoi();
}

static void on_once(struct vcpu *v, struct frame *f)
{
	(void)f;
	once[v->id]++;
	apic_eoi();
}

/* True when exactly the vCPUs of MASK got what this one sends. Each that gets none costs the wait's
 * bound. */
static bool reaches(struct vcpu *v, u32 dest, u32 command, u32 mask)
{
	u64 before[MAX_CPUS];
	u32 got = 0;

	for (u32 i = 0; i < GUEST_INFO->vcpus; i++)
		before[i] = received[i][v->id], v->ipis_sent += mask >> i & 1;
	apic_send(dest, command | ICR_FIXED | (VECTOR_FROM + v->id));
	for (u32 i = 0; i < GUEST_INFO->vcpus; i++)
		if (mask & BIT(i) && !rt_wait(&received[i][v->id], before[i] + 1))
			late[v->id]++;
	op_spin();
	for (u32 i = 0; i < GUEST_INFO->vcpus; i++)
		got |= (received[i][v->id] - before[i] == 1) << i;
	return got == mask;
}

void state_ipi(struct vcpu *v)
{
	u32 n = GUEST_INFO->vcpus, all = (1u << n) - 1, me = 1u << v->id, some;

	for (u32 i = 0; i < MAX_CPUS; i++)
		rt_on(VECTOR_FROM + i, on_from);
	if (late[v->id] >= LATE_MAX || !rt_wait_all(VCPU_RUNS))
		return;
	state_lock();
	check_true(v, CHECK_SELF, reaches(v, 0, ICR_SELF, me));
	check_true(v, CHECK_ALL, reaches(v, 0, ICR_ALL, all));
	check_true(v, CHECK_OTHERS, reaches(v, 0, ICR_OTHERS, all & ~me));
	for (u32 i = 0; i < n; i++)
		check_true(v, CHECK_PHYSICAL, reaches(v, i, 0, 1u << i));
	check_true(v, CHECK_PHYSICAL_ALL, reaches(v, 0xff, 0, all));
	some = (rt_random(v) >> 40) & all;
	if (some)
		check_true(v, CHECK_LOGICAL, reaches(v, some, ICR_LOGICAL, some));
	if (n > 1)
		check_true(v, CHECK_LOGICAL_NOT_SELF,
			   reaches(v, all & ~me, ICR_LOGICAL, all & ~me));
	check_true(v, CHECK_LOGICAL_ALL, reaches(v, 0xff, ICR_LOGICAL, all));
	state_unlock();
}

/* Counts per 2^16 ticks of the TSC. */
static u64 rate(u32 divide)
{
	u64 tsc;
	u32 count;

	apic_write(APIC_TIMER_DIVIDE, divide);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
	tsc = rdtsc();
	rt_pause(STATE_TIMER_TICKS);
	count = 0xffffffff - apic_read(APIC_TIMER_CURRENT);
	return ((u64)count << 16) / (rdtsc() - tsc);
}

static void one_shot(struct vcpu *v, u32 count)
{
	u64 before = once[v->id], tsc;

	apic_write(APIC_LVT_TIMER, VECTOR_ONCE);
	tsc = rdtsc();
	apic_write(APIC_TIMER_INITIAL, count);
	if (!rt_wait(&once[v->id], before + 1)) {
		check(v, CHECK_TIMER_ONCE, 0, 1);
		return;
	}
	check_true(v, CHECK_TIMER_EARLY, rdtsc() - tsc >= STATE_TIMER_TICKS / 4);
	check(v, CHECK_TIMER_ZERO, apic_read(APIC_TIMER_CURRENT), 0);
	check(v, CHECK_TIMER_INITIAL, apic_read(APIC_TIMER_INITIAL), count);
	rt_pause(2 * STATE_TIMER_TICKS);
	check(v, CHECK_TIMER_ONCE, once[v->id] - before, 1);

	/* It came while this vCPU ran, so a HLT can be trusted to end. */
	irq_disable();
	apic_write(APIC_TIMER_INITIAL, count);
	while (once[v->id] == before + 1)
		irq_wait();
	irq_enable();
	check(v, CHECK_TIMER_HLT, once[v->id] - before, 2);
}

void state_timer(struct vcpu *v)
{
	static const u8 divides[] = { 0, 1, 2, 3, 8, 9, 10, 11 };
	u64 fast = 0, slow, before;
	bool right = false;
	u32 count;

	rt_on(VECTOR_ONCE, on_once);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_ONCE);
	for (u32 i = 0; i < ARRAY_SIZE(divides); i++) {
		apic_write(APIC_TIMER_DIVIDE, divides[i]);
		check(v, CHECK_TIMER_DIVIDE, apic_read(APIC_TIMER_DIVIDE), divides[i]);
	}
	/* A vCPU may be held up between its looks at the two clocks: then once more. */
	for (u32 i = 0; i < 4 && !right; i++) {
		slow = rate(3); /* by 16 */
		fast = rate(TIMER_DIVIDE_1);
		right = fast > 8 * slow && fast < 32 * (slow + 1);
	}
	check_true(v, CHECK_TIMER_DIVIDE_RATE, right);
	count = fast * STATE_TIMER_TICKS >> 16;

	apic_write(APIC_TIMER_INITIAL, 0);
	one_shot(v, count);

	before = once[v->id];
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_ONCE);
	apic_write(APIC_TIMER_INITIAL, count);
	rt_pause(2 * STATE_TIMER_TICKS);
	check(v, CHECK_TIMER_MASKED, once[v->id], before);
	check(v, CHECK_TIMER_MASKED_COUNTS, apic_read(APIC_TIMER_CURRENT), 0);

	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_ONCE);
	apic_write(APIC_TIMER_INITIAL, count);
	check_true(v, CHECK_TIMER_PERIODIC, rt_wait(&once[v->id], before + 3));
	apic_write(APIC_TIMER_INITIAL, 0);
	rt_pause(STATE_TIMER_TICKS / 2);
	before = once[v->id];
	rt_pause(2 * STATE_TIMER_TICKS);
	check(v, CHECK_TIMER_STOPPED, once[v->id], before);
	check(v, CHECK_TIMER_STOPPED, apic_read(APIC_TIMER_CURRENT), 0);

	irq_disable();
	apic_timer_start(v, STATE_TIMER_TICKS);
	irq_enable();
}
