/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the guest's local APIC share. All of it on the vCPU's CPU, if not said
 * otherwise. */
#ifndef APIC_VPARTS_H
#define APIC_VPARTS_H

#include "apic/vlapic.h"

#define SVR_ENABLED BIT(8)
#define LVT_MASKED BIT(16)
#define LVT_MODE(lvt) ((lvt) >> 8 & 7)
#define LVT_TIMER_MODE(lvt) ((lvt) >> 17 & 3)
#define ESR_SEND_ILLEGAL_VECTOR BIT(5)
#define ESR_RECEIVE_ILLEGAL_VECTOR BIT(6)
#define ESR_ILLEGAL_REGISTER BIT(7)
#define FIRST_LEGAL_VECTOR 16

/* In pending_words, above the bits for the words: a vector that is illegal came. */
#define PENDING_ILLEGAL BIT(8)

/* Enabled by software. From any CPU. */
static inline bool vlapic_enabled(const struct vlapic *l)
{
	return vlapic_get(l, APIC_SVR) & SVR_ENABLED;
}

/* apic/vlapic.c: which bits of the LVT entry at REG can be written. */
u32 vlapic_lvt_writable(u32 reg);

/* apic/vlapic.c: notes ERRORS, ESR_*, for the next write of ESR. Of those between two writes the
 * first raises the error interrupt. */
void vlapic_error(struct vlapic *l, u32 errors);

/* apic/vlapic.c: raises the interrupt that the LVT entry at REG names: the timer's or the error's,
 * which are always fixed. */
void vlapic_local(struct vlapic *l, u32 reg);

/* apic/vx2apic.c: writes the ids as the mode has them. */
void vlapic_put_ids(struct vlapic *l);

/* apic/vpriority.c: accepts VECTOR into the IRR. post does it from any CPU, for the vCPU to
 * find: it also takes vectors that are illegal, and vlapic_notify() is the caller's. */
void vlapic_raise(struct vlapic *l, u32 vector, bool level);
void vlapic_post(struct vlapic *l, u32 vector, bool level);
void vlapic_end(struct vlapic *l);
void vlapic_drop_all(struct vlapic *l);

/* apic/vipi.c: the write of the interrupt command register, with DEST from its high half. */
void vlapic_command(struct vlapic *l, u32 icr, u32 dest);

/* apic/vtimer.c: after the LVT entry was written; writes of the other registers; their reads. */
void vtimer_reset(struct vlapic *l);
void vtimer_lvt(struct vlapic *l);
void vtimer_set_initial(struct vlapic *l, u32 value);
void vtimer_set_divide(struct vlapic *l, u32 value);
u32 vtimer_current(const struct vlapic *l);
void vtimer_set_deadline(struct vlapic *l, u64 value);
u64 vtimer_deadline(struct vlapic *l);

#endif
