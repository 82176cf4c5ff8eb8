/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rogue guest: what a local APIC may be asked to do. */
#include "tests/guests/patrol.h"
#include "tests/guests/rogue.h"

#define MODE(n) ((n) << 8)
#define DELIVERY_NMI 4
#define DELIVERY_STARTUP 6
#define VECTOR_FAST 0x57
#define FAST_MAX 100
#define NOBODY 0x77 /* no vCPU has this id */

static volatile u64 caught, fast;

static void on_any(struct vcpu *v, struct frame *f)
{
	(void)v;
	caught++;
	if (f->vector >= 16)
		apic_eoi();
}

/* An NMI gets no EOI. */
static void on_nmi(struct vcpu *v, struct frame *f)
{
	(void)v;
	(void)f;
	caught++;
}

static bool counted(u32 vector)
{
	return vector == VECTOR_IPI || vector == VECTOR_SELF || vector == VECTOR_TIMER;
}

/* With these the stub expects an error code, which an interrupt does not push. */
static bool has_error(u32 vector)
{
	return vector == 17 || vector == 21;
}

static void any_vector(u32 icr, u32 dest)
{
	for (u32 vector = 0; vector < VECTOR_SPURIOUS; vector++)
		if (!counted(vector) && !has_error(vector))
			apic_send(dest, icr | vector);
}

/* One delivery mode in each round. */
void rogue_storm(struct vcpu *v, u32 variant)
{
	u32 mode = v->rounds % 8;

	(void)variant;
	for (u32 i = 16; i < VECTOR_SPURIOUS; i++)
		if (!counted(i) && !has_error(i))
			rt_on(i, on_any);
	rt_on(2, on_nmi);

	for (u32 bits = 0; bits < 8; bits++) {
		/* Level, assert, and the bits that are reserved or read-only. */
		u32 icr = MODE(mode) | (bits & 1 ? 0x8000 : 0) | (bits & 2 ? 0x4000 : 0) |
			  (bits & 4 ? 0xfff33000 : 0);

		any_vector(icr | ICR_SELF, 0);
		any_vector(icr, NOBODY);
		if (mode >= DELIVERY_NMI && mode <= DELIVERY_STARTUP)
			continue;
		any_vector(icr, 0xff);
		any_vector(icr | ICR_LOGICAL, 0xff);
		any_vector(icr | ICR_LOGICAL, 0);
		any_vector(icr | ICR_OTHERS, 0);
	}
	v->checks++;
}

/* The handler stops the storm: with nothing but interrupts the guest would come no further. */
static void on_fast(struct vcpu *v, struct frame *f)
{
	(void)v;
	(void)f;
	if (++fast % FAST_MAX == 0)
		apic_write(APIC_TIMER_INITIAL, 0);
	apic_eoi();
}

/* A period that is over before its interrupt is handled. */
void rogue_timer(struct vcpu *v, u32 variant)
{
	(void)variant;
	rt_on(VECTOR_FAST, on_fast);
	for (u32 count = 1; count <= 64; count *= 4) {
		irq_disable();
		apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
		apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR_FAST);
		for (u32 i = 0; i < 20; i++) /* and many times anew */
			apic_write(APIC_TIMER_INITIAL, count);
		irq_enable();
		rogue_expect(v, 12, rt_wait(&fast, fast - fast % FAST_MAX + FAST_MAX), 1);
	}
	irq_disable();
	apic_timer_start(v, PATROL_TIMER_TICKS);
	irq_enable();
}

/* INIT to oneself is not defined; here it must do nothing. */
void rogue_init(struct vcpu *v, u32 variant)
{
	u64 starts = v->starts;

	if (variant == 1) {
		apic_send(1, ICR_INIT);
		return;
	}
	apic_send(v->id, ICR_INIT);
	apic_send(0, ICR_INIT | ICR_SELF);
	apic_send(1u << v->id, ICR_INIT | ICR_LOGICAL);
	apic_send(v->id, ICR_STARTUP | 8);
	apic_send(0, ICR_STARTUP | ICR_SELF | 8);
	rogue_expect(v, 15, v->starts, starts);
}

void rogue_restart(struct vcpu *v, u32 variant)
{
	(void)variant;
	for (u32 i = 1; i < GUEST_INFO->vcpus; i++) {
		u64 before = vcpus[i].starts;

		rt_start(i);
		if (!rt_wait(&vcpus[i].starts, before + 1))
			rt_wrong(v, WRONG_LOST, APIC_BASE_GPA + APIC_ICR, i, ICR_STARTUP | 8);
		rogue_expect(v, 23, vcpus[i].starts, before + 1);
	}
}
