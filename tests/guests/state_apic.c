/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state guest: interrupt priorities of the local APIC, end of interrupt, and its registers. */
#include "tests/guests/state.h"

#define VECTOR_LOWER 0x52
#define VECTOR_LOW 0x61
#define VECTOR_NESTING 0x62
#define VECTOR_MIDDLE 0x71
#define VECTOR_HIGH 0x92

void op_spin(void);

/* Which interrupts came, in order. */
static struct {
	volatile u64 count;
	u8 vector[16];
} journal[MAX_CPUS];

static bool bit(u32 reg, u32 vector)
{
	return apic_read(reg + vector / 32 * 0x10) >> vector % 32 & 1;
}

/* Sends itself VECTOR and waits, not long, until it is requested or came. */
static void self(struct vcpu *v, u32 vector)
{
	u64 before = journal[v->id].count;

	apic_write(APIC_ICR, ICR_FIXED | ICR_SELF | vector);
	for (u32 i = 0; i < 100 && !bit(APIC_IRR, vector) && journal[v->id].count == before; i++)
		cpu_relax();
}

static void note(struct vcpu *v, struct frame *f)
{
	journal[v->id].vector[journal[v->id].count % 16] = f->vector;
	journal[v->id].count++;
}

static void on_noted(struct vcpu *v, struct frame *f)
{
	note(v, f);
	apic_eoi();
}

static void on_high(struct vcpu *v, struct frame *f)
{
	note(v, f);
	check_true(v, CHECK_NEST_BOTH, bit(APIC_ISR, VECTOR_HIGH) && bit(APIC_ISR, VECTOR_NESTING));
	check(v, CHECK_NEST_PPR_HIGHER, apic_read(APIC_PPR), VECTOR_HIGH & 0xf0);
	apic_eoi();
	check_true(v, CHECK_EOI_HIGHER_FIRST,
		   !bit(APIC_ISR, VECTOR_HIGH) && bit(APIC_ISR, VECTOR_NESTING));
}

static void on_nesting(struct vcpu *v, struct frame *f)
{
	u64 before = journal[v->id].count;

	(void)f;
	check(v, CHECK_NEST_PPR, apic_read(APIC_PPR), VECTOR_NESTING & 0xf0);
	check_true(v, CHECK_NEST_ISR, bit(APIC_ISR, VECTOR_NESTING));
	irq_enable();
	self(v, VECTOR_HIGH);
	check_true(v, CHECK_NEST_HIGHER, rt_wait(&journal[v->id].count, before + 1));
	self(v, VECTOR_LOWER);
	op_spin();
	check(v, CHECK_NEST_LOWER_WAITS, journal[v->id].count, before + 1);
	irq_disable();
	apic_eoi();
	check_true(v, CHECK_EOI_LOWER, !bit(APIC_ISR, VECTOR_NESTING));
	irq_enable();
	check_true(v, CHECK_EOI_RELEASES, rt_wait(&journal[v->id].count, before + 2));
	irq_disable();
	journal[v->id].count++;
}

static void order(struct vcpu *v)
{
	u64 before = journal[v->id].count;
	u32 in_service = 0;

	irq_disable();
	self(v, VECTOR_LOW);
	self(v, VECTOR_MIDDLE);
	check_true(v, CHECK_IRR, bit(APIC_IRR, VECTOR_LOW) && bit(APIC_IRR, VECTOR_MIDDLE));
	for (u32 i = 0; i < 8; i++)
		in_service |= apic_read(APIC_ISR + 0x10 * i);
	check(v, CHECK_ISR_EMPTY, in_service, 0);
	check(v, CHECK_PPR_IDLE, apic_read(APIC_PPR), 0);
	irq_enable();
	check_true(v, CHECK_ORDER_COUNT, rt_wait(&journal[v->id].count, before + 2));
	check(v, CHECK_ORDER_FIRST, journal[v->id].vector[before % 16], VECTOR_MIDDLE);
	check(v, CHECK_ORDER_SECOND, journal[v->id].vector[(before + 1) % 16], VECTOR_LOW);

	before = journal[v->id].count;
	irq_disable();
	self(v, VECTOR_LOW);
	self(v, VECTOR_LOW);
	irq_enable();
	rt_wait(&journal[v->id].count, before + 1);
	op_spin();
	check(v, CHECK_MERGED, journal[v->id].count, before + 1);

	/* The instruction after STI still runs without interrupts: here it is CLI. */
	before = journal[v->id].count;
	irq_disable();
	self(v, VECTOR_LOW);
	asm volatile("sti; cli" : : : "memory");
	check(v, CHECK_STI_SHADOW, journal[v->id].count, before);
	irq_enable();
	rt_wait(&journal[v->id].count, before + 1);
}

static void task_priority(struct vcpu *v)
{
	u64 before = journal[v->id].count;

	apic_write(APIC_TPR, VECTOR_MIDDLE & 0xf0);
	self(v, VECTOR_MIDDLE);
	op_spin();
	check(v, CHECK_TPR_HOLDS, journal[v->id].count, before);
	check_true(v, CHECK_TPR_HOLDS, bit(APIC_IRR, VECTOR_MIDDLE));
	check(v, CHECK_TPR_PPR, apic_read(APIC_PPR), VECTOR_MIDDLE & 0xf0);
	apic_write(APIC_TPR, (VECTOR_MIDDLE & 0xf0) - 1);
	check_true(v, CHECK_TPR_RELEASES, rt_wait(&journal[v->id].count, before + 1));

	asm volatile("mov %0, %%cr8" : : "r"((u64)VECTOR_MIDDLE >> 4) : "memory");
	self(v, VECTOR_MIDDLE);
	op_spin();
	check(v, CHECK_CR8_HOLDS, journal[v->id].count, before + 1);
	asm volatile("mov %0, %%cr8" : : "r"(0ull) : "memory");
	check_true(v, CHECK_CR8_RELEASES, rt_wait(&journal[v->id].count, before + 2));
}

void state_priority(struct vcpu *v)
{
	u64 before;

	rt_on(VECTOR_LOWER, on_noted);
	rt_on(VECTOR_LOW, on_noted);
	rt_on(VECTOR_MIDDLE, on_noted);
	rt_on(VECTOR_HIGH, on_high);
	rt_on(VECTOR_NESTING, on_nesting);
	order(v);
	task_priority(v);
	before = journal[v->id].count;
	self(v, VECTOR_NESTING);
	rt_wait(&journal[v->id].count, before + 3);
}

/* Under the lock: for a moment this vCPU can take no IPIs. */
void state_apic_regs(struct vcpu *v)
{
	static const u16 read_only[] = { APIC_LVR,	  APIC_PPR,	   APIC_ISR + 0x20,
					 APIC_TMR + 0x20, APIC_IRR + 0x20, APIC_TIMER_CURRENT };

	state_lock();
	irq_disable();
	apic_write(APIC_TIMER_INITIAL, 0);
	for (u32 i = 0; i < ARRAY_SIZE(read_only); i++) {
		u32 before = apic_read(read_only[i]);

		apic_write(read_only[i], before ^ 0x00ff00f0);
		check(v, CHECK_READ_ONLY + i, apic_read(read_only[i]), before);
	}

	apic_write(APIC_LDR, 0xffffffff);
	check(v, CHECK_LDR_BITS, apic_read(APIC_LDR), 0xff000000);
	apic_write(APIC_LDR, 1u << (24 + v->id));
	apic_write(APIC_DFR, 0x0fffffff);
	check(v, CHECK_DFR_BITS, apic_read(APIC_DFR), 0x0fffffff);
	apic_write(APIC_DFR, 0xffffffff);

	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	check(v, CHECK_ESR_CLEAR, apic_read(APIC_ESR), 0);
	apic_write(APIC_ICR, ICR_FIXED | ICR_SELF | 3); /* vectors below 16 are illegal */
	apic_write(APIC_ESR, 0);
	check_true(v, CHECK_ESR_VECTOR, apic_read(APIC_ESR) & 0x60);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);

	/* Software-disabled, the APIC masks its LVT entries, and they stay masked when it is
	 * enabled again. */
	apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
	apic_write(APIC_SVR, VECTOR_SPURIOUS);
	check(v, CHECK_SVR_OFF, apic_read(APIC_SVR), VECTOR_SPURIOUS);
	check(v, CHECK_SVR_MASKS, apic_read(APIC_LVT_TIMER),
	      LVT_MASKED | LVT_PERIODIC | VECTOR_TIMER);
	apic_write(APIC_SVR, APIC_SVR_VALUE);
	check(v, CHECK_SVR_STAYS_MASKED, apic_read(APIC_LVT_TIMER),
	      LVT_MASKED | LVT_PERIODIC | VECTOR_TIMER);
	apic_timer_start(v, STATE_TIMER_TICKS);
	irq_enable();
	state_unlock();
}
