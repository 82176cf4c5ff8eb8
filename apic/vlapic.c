/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apic/lapic.h"
#include "apic/vlapic.h"

#define LVT_MASKED BIT(16)
#define LVT_PERIODIC BIT(17)
#define SVR_ENABLED BIT(8)
#define ESR_SEND_ILLEGAL_VECTOR BIT(5)

#define ICR_LOGICAL BIT(11)
#define ICR_LEVEL_ASSERT BIT(14)
#define ICR_TRIGGER_LEVEL BIT(15)
#define ICR_MODE(icr) ((icr) >> 8 & 7)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define ICR_WRITABLE 0x000ccfffu
enum { MODE_FIXED = 0, MODE_LOWEST = 1, MODE_NMI = 4, MODE_INIT = 5, MODE_SIPI = 6 };
enum { TO_DESTINATION = 0, TO_SELF = 1, TO_ALL = 2, TO_OTHERS = 3 };

/* A guest whose timer fires faster than its interrupts are handled would only exit; no period is
 * shorter, in APIC timer ticks. */
#define TIMER_FLOOR 1000

/* IRR and ISR: eight words of 32 vectors, and a summary that finds the highest without a search. */
static void vector_set(struct vlapic *l, u32 base, u32 *words, unsigned vector)
{
	u32 reg = base + vector / 32 * 16;

	vlapic_put(l, reg, vlapic_get(l, reg) | 1u << vector % 32);
	*words |= 1u << vector / 32;
}

static void vector_clear(struct vlapic *l, u32 base, u32 *words, unsigned vector)
{
	u32 reg = base + vector / 32 * 16;
	u32 left = vlapic_get(l, reg) & ~(1u << vector % 32);

	vlapic_put(l, reg, left);
	if (!left)
		*words &= ~(1u << vector / 32);
}

static int vector_highest(const struct vlapic *l, u32 base, u32 words)
{
	unsigned word;

	if (!words)
		return -1;
	word = 31 - __builtin_clz(words);
	return word * 32 + 31 - __builtin_clz(vlapic_get(l, base + word * 16));
}

static bool enabled(const struct vlapic *l)
{
	return vlapic_get(l, APIC_SVR) & SVR_ENABLED;
}

void vlapic_reset(struct vlapic *l)
{
	memset(l->page, 0, PAGE_SIZE);
	vlapic_put(l, APIC_ID, l->id << 24);
	vlapic_put(l, APIC_LVR, VLAPIC_LVR);
	vlapic_put(l, APIC_DFR, 0xffffffff);
	vlapic_put(l, APIC_SVR, 0xff);
	for (u32 reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg += 16)
		vlapic_put(l, reg, LVT_MASKED);
	for (unsigned i = 0; i < ARRAY_SIZE(l->pending); i++)
		__atomic_store_n(&l->pending[i], 0, __ATOMIC_RELAXED);
	l->pending_words = l->irr_words = l->isr_words = 0;
	l->esr = 0;
	l->timer_left = 0;
	l->timer_rest = false;
	lapic_timer_set(0, 0, false);
}

u32 vlapic_ppr(const struct vlapic *l)
{
	int in_service = vector_highest(l, APIC_ISR, l->isr_words);
	u32 tpr = vlapic_get(l, APIC_TPR) & 0xff;

	if (in_service < 0 || (tpr & 0xf0) >= ((u32)in_service & 0xf0))
		return tpr;
	return in_service & 0xf0;
}

static void merge(struct vlapic *l)
{
	u32 words = __atomic_exchange_n(&l->pending_words, 0, __ATOMIC_ACQUIRE);

	for (; words; words &= words - 1) {
		unsigned word = __builtin_ctz(words);
		u32 bits = __atomic_exchange_n(&l->pending[word], 0, __ATOMIC_ACQUIRE);

		/* Nothing, when a merge came between the sender's two stores. */
		if (!bits)
			continue;
		vlapic_put(l, APIC_IRR + word * 16, vlapic_get(l, APIC_IRR + word * 16) | bits);
		l->irr_words |= 1u << word;
	}
}

int vlapic_pending(struct vlapic *l)
{
	if (__atomic_load_n(&l->pending_words, __ATOMIC_RELAXED))
		merge(l);
	return vector_highest(l, APIC_IRR, l->irr_words);
}

void vlapic_accept(struct vlapic *l, unsigned vector)
{
	vector_clear(l, APIC_IRR, &l->irr_words, vector);
	vector_set(l, APIC_ISR, &l->isr_words, vector);
	vlapic_put(l, APIC_PPR, vlapic_ppr(l));
}

static void eoi(struct vlapic *l)
{
	int vector = vector_highest(l, APIC_ISR, l->isr_words);

	if (vector >= 0)
		vector_clear(l, APIC_ISR, &l->isr_words, vector);
	vlapic_put(l, APIC_PPR, vlapic_ppr(l));
}

static bool timer_periodic(const struct vlapic *l)
{
	return vlapic_get(l, APIC_LVT_TIMER) & LVT_PERIODIC;
}

static void timer_start(struct vlapic *l)
{
	bool periodic = timer_periodic(l);
	u32 count = vlapic_get(l, APIC_TIMER_INITIAL);
	u32 divide = vlapic_get(l, APIC_TIMER_DIVIDE);

	if (periodic && count && count < TIMER_FLOOR)
		count = TIMER_FLOOR;
	l->timer_rest = false;
	lapic_timer_set(count, divide, periodic);
}

void vlapic_timer(struct vlapic *l)
{
	u32 lvt = vlapic_get(l, APIC_LVT_TIMER);

	l->timer_left = 0;
	if (l->timer_rest && timer_periodic(l))
		timer_start(l);
	if (!(lvt & LVT_MASKED) && (lvt & 0xff) >= 16)
		vector_set(l, APIC_IRR, &l->irr_words, lvt & 0xff);
}

void vlapic_suspend(struct vlapic *l)
{
	l->timer_left = lapic_timer_count();
	l->timer_rest = false;
	lapic_timer_set(0, 0, false);
}

/*
 * A periodic timer goes on with the rest of its count, once, and then by whole periods: one that was
 * started anew would never come when the vCPU moves more often than that.
 */
void vlapic_resume(struct vlapic *l)
{
	if (l->timer_left) {
		l->timer_rest = true;
		lapic_timer_set(l->timer_left, vlapic_get(l, APIC_TIMER_DIVIDE), false);
	} else if (timer_periodic(l)) {
		timer_start(l);
	}
}

/* Is L among those the message is for? SDM, "Determining IPI Destination". */
static bool addressed(const struct vlapic *from, const struct vlapic *l, u32 icr, u32 dest)
{
	u32 ldr = vlapic_get(l, APIC_LDR) >> 24;

	switch (ICR_SHORTHAND(icr)) {
	case TO_SELF:
		return l == from;
	case TO_ALL:
		return true;
	case TO_OTHERS:
		return l != from;
	}
	if (dest == 0xff) /* everybody, in either mode and whatever the logical address */
		return true;
	if (!(icr & ICR_LOGICAL))
		return dest == l->id;
	if (vlapic_get(l, APIC_DFR) >> 28 == 0xf)
		return dest & ldr;
	return (dest >> 4 == 0xf || dest >> 4 == ldr >> 4) && (dest & ldr & 0xf);
}

static void receive(struct vlapic *from, struct vlapic *l, u32 icr)
{
	u32 vector = icr & 0xff;

	switch (ICR_MODE(icr)) {
	case MODE_FIXED:
	case MODE_LOWEST:
		if (!enabled(l))
			return;
		if (l == from) {
			vector_set(l, APIC_IRR, &l->irr_words, vector);
			break;
		}
		__atomic_fetch_or(&l->pending[vector / 32], 1u << vector % 32, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&l->pending_words, 1u << vector / 32, __ATOMIC_SEQ_CST);
		break;
	case MODE_NMI:
		__atomic_fetch_or(&l->startup, STARTUP_NMI, __ATOMIC_SEQ_CST);
		break;
	case MODE_INIT:
		/* An INIT cancels a SIPI that has not been seen yet. */
		__atomic_store_n(&l->startup, STARTUP_INIT, __ATOMIC_SEQ_CST);
		break;
	case MODE_SIPI:
		__atomic_fetch_and(&l->startup, ~(STARTUP_SIPI | 0xffu), __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&l->startup, STARTUP_SIPI | vector, __ATOMIC_SEQ_CST);
		break;
	}
	if (l != from)
		vlapic_notify(l);
}

static void send(struct vlapic *l, u32 icr)
{
	u32 mode = ICR_MODE(icr);
	u32 dest = vlapic_get(l, APIC_ICR2) >> 24;

	if (mode == MODE_INIT && (icr & ICR_TRIGGER_LEVEL) && !(icr & ICR_LEVEL_ASSERT))
		return; /* INIT level de-assert does nothing since the Pentium 4 */
	if (mode <= MODE_LOWEST && (icr & 0xff) < 16) {
		l->esr |= ESR_SEND_ILLEGAL_VECTOR;
		return;
	}
	for (unsigned i = 0; i < l->npeers; i++) {
		if (!addressed(l, l->peers[i], icr, dest))
			continue;
		/* INIT and SIPI to oneself are not defined; the vCPU stays as it is. */
		if (l->peers[i] == l && (mode == MODE_INIT || mode == MODE_SIPI))
			continue;
		/* Nor has one that is disabled by software a part in the arbitration. */
		if (mode == MODE_LOWEST && !enabled(l->peers[i]))
			continue;
		receive(l, l->peers[i], icr);
		if (mode == MODE_LOWEST)
			break;
	}
}

u32 vlapic_read(struct vlapic *l, u32 reg)
{
	switch (reg) {
	case APIC_TIMER_CURRENT:
		return vlapic_get(l, APIC_TIMER_INITIAL) ? lapic_timer_count() : 0;
	case APIC_PPR:
		return vlapic_ppr(l);
	case APIC_EOI:
		return 0;
	}
	return vlapic_get(l, reg);
}

static u32 lvt_writable(u32 reg)
{
	switch (reg) {
	case APIC_LVT_TIMER:
		return 0x000300ff; /* vector, mask, periodic */
	case APIC_LVT_LINT0:
	case APIC_LVT_LINT1:
		return 0x0001a7ff; /* vector, delivery mode, polarity, trigger, mask */
	case APIC_LVT_ERROR:
		return 0x000100ff;
	}
	return 0x000107ff; /* thermal sensor, performance counters */
}

bool vlapic_write(struct vlapic *l, u32 reg, u32 value)
{
	switch (reg) {
	case APIC_ID: /* read-only; the processor may have stored the guest's value */
		vlapic_put(l, reg, l->id << 24);
		return false;
	case APIC_TPR:
		vlapic_put(l, reg, value & 0xff);
		return true;
	case APIC_EOI:
		eoi(l);
		return true;
	case APIC_LDR:
		vlapic_put(l, reg, value & 0xff000000);
		return false;
	case APIC_DFR:
		vlapic_put(l, reg, value | 0x0fffffff);
		return false;
	case APIC_SVR:
		vlapic_put(l, reg, value & 0x1ff);
		for (u32 lvt = APIC_LVT_TIMER; !enabled(l) && lvt <= APIC_LVT_ERROR; lvt += 16)
			vlapic_put(l, lvt, vlapic_get(l, lvt) | LVT_MASKED);
		return true;
	case APIC_ESR:
		vlapic_put(l, reg, l->esr);
		l->esr = 0;
		return false;
	case APIC_ICR:
		vlapic_put(l, reg, value & ICR_WRITABLE);
		send(l, value);
		return true;
	case APIC_ICR2:
		vlapic_put(l, reg, value & 0xff000000);
		return false;
	case APIC_LVT_TIMER ... APIC_LVT_ERROR:
		value &= lvt_writable(reg);
		if (!enabled(l))
			value |= LVT_MASKED;
		vlapic_put(l, reg, value);
		return false;
	case APIC_TIMER_INITIAL:
		vlapic_put(l, reg, value);
		timer_start(l);
		return false;
	case APIC_TIMER_DIVIDE:
		vlapic_put(l, reg, value & 0xb);
		if (vlapic_get(l, APIC_TIMER_INITIAL))
			timer_start(l);
		return false;
	}
	return false; /* the rest is read-only or reserved */
}
