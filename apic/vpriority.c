/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's local APIC: which interrupts wait, which are in service, and which comes next (SDM,
 * "Interrupt Acceptance for Fixed Interrupts"). The one that comes next is taken in one step with
 * the look at the priorities, so no spurious interrupt arises.
 */
#include "apic/vparts.h"

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

/* The trigger mode of BITS in WORD is what they were last accepted with. */
static void set_triggers(struct vlapic *l, unsigned word, u32 bits, u32 level)
{
	u32 reg = APIC_TMR + word * 16, tmr = vlapic_get(l, reg);
	u32 now = (tmr & ~bits) | (level & bits);

	if (now != tmr)
		vlapic_put(l, reg, now);
}

void vlapic_raise(struct vlapic *l, u32 vector, bool level)
{
	set_triggers(l, vector / 32, 1u << vector % 32, level ? ~0u : 0);
	vector_set(l, APIC_IRR, &l->irr_words, vector);
}

void vlapic_post(struct vlapic *l, u32 vector, bool level)
{
	u32 word = vector / 32, bit = 1u << vector % 32;

	if (vector < FIRST_LEGAL_VECTOR) {
		__atomic_fetch_or(&l->pending_words, PENDING_ILLEGAL, __ATOMIC_SEQ_CST);
		return;
	}
	/* Before the vector itself: who takes that finds the trigger mode that it came with. */
	if (level)
		__atomic_fetch_or(&l->pending_level[word], bit, __ATOMIC_SEQ_CST);
	else if (__atomic_load_n(&l->pending_level[word], __ATOMIC_RELAXED) & bit)
		__atomic_fetch_and(&l->pending_level[word], ~bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&l->pending[word], bit, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&l->pending_words, 1u << word, __ATOMIC_SEQ_CST);
}

static void merge(struct vlapic *l)
{
	u32 words = __atomic_exchange_n(&l->pending_words, 0, __ATOMIC_ACQUIRE);

	if (words & PENDING_ILLEGAL)
		vlapic_error(l, ESR_RECEIVE_ILLEGAL_VECTOR);
	for (words &= PENDING_ILLEGAL - 1; words; words &= words - 1) {
		unsigned word = __builtin_ctz(words);
		u32 bits = __atomic_exchange_n(&l->pending[word], 0, __ATOMIC_ACQUIRE);

		/* Nothing, when a merge came between the sender's two stores. */
		if (!bits)
			continue;
		set_triggers(l, word, bits,
			     __atomic_load_n(&l->pending_level[word], __ATOMIC_RELAXED));
		vlapic_put(l, APIC_IRR + word * 16, vlapic_get(l, APIC_IRR + word * 16) | bits);
		l->irr_words |= 1u << word;
	}
}

/* What was sent before a reset, or while the APIC was disabled, is lost. */
void vlapic_drop_all(struct vlapic *l)
{
	for (unsigned i = 0; i < ARRAY_SIZE(l->pending); i++)
		__atomic_store_n(&l->pending[i], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&l->pending_words, 0, __ATOMIC_RELAXED);
	l->irr_words = l->isr_words = 0;
}

int vlapic_pending(struct vlapic *l)
{
	if (__atomic_load_n(&l->pending_words, __ATOMIC_RELAXED)) {
		if (!vlapic_present(l)) {
			vlapic_drop_all(l); /* sent before it was disabled */
			return -1;
		}
		merge(l);
	}
	return vector_highest(l, APIC_IRR, l->irr_words);
}

void vlapic_refresh(struct vlapic *l)
{
	l->irr_words = l->isr_words = 0;
	for (unsigned word = 0; word < 8; word++) {
		l->irr_words |= (u32)!!vlapic_get(l, APIC_IRR + word * 16) << word;
		l->isr_words |= (u32)!!vlapic_get(l, APIC_ISR + word * 16) << word;
	}
}

int vlapic_in_service(const struct vlapic *l)
{
	return vector_highest(l, APIC_ISR, l->isr_words);
}

u32 vlapic_ppr(const struct vlapic *l)
{
	int in_service = vlapic_in_service(l);
	u32 tpr = vlapic_get(l, APIC_TPR) & 0xff;

	if (in_service < 0 || (tpr & 0xf0) >= ((u32)in_service & 0xf0))
		return tpr;
	return in_service & 0xf0;
}

void vlapic_accept(struct vlapic *l, unsigned vector)
{
	vector_clear(l, APIC_IRR, &l->irr_words, vector);
	vector_set(l, APIC_ISR, &l->isr_words, vector);
	vlapic_put(l, APIC_PPR, vlapic_ppr(l));
}

/* EOI: the highest in service ends. */
void vlapic_end(struct vlapic *l)
{
	int vector = vlapic_in_service(l);

	if (vector >= 0)
		vector_clear(l, APIC_ISR, &l->isr_words, vector);
	vlapic_put(l, APIC_PPR, vlapic_ppr(l));
	if (vector >= 0 && vlapic_get(l, APIC_TMR + vector / 32 * 16) >> vector % 32 & 1)
		vlapic_level_ended(l, (u8)vector);
}
