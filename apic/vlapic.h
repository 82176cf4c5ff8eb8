/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's local APIC in xAPIC mode. Its registers live in the virtual-APIC page, where the
 * processor itself serves what it virtualizes (TPR by the TPR shadow; reads of most others by
 * APIC-register virtualization). The timer is the host CPU's own APIC timer, which nothing else
 * uses on a vCPU's CPU: the guest's counts are the host's.
 */
#ifndef APIC_VLAPIC_H
#define APIC_VLAPIC_H

#include "mm/types.h"

/* Register offsets; SDM, "Local APIC Register Address Map". */
enum {
	APIC_ID = 0x20,
	APIC_LVR = 0x30,
	APIC_TPR = 0x80,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_LDR = 0xd0,
	APIC_DFR = 0xe0,
	APIC_SVR = 0xf0,
	APIC_ISR = 0x100,
	APIC_TMR = 0x180,
	APIC_IRR = 0x200,
	APIC_ESR = 0x280,
	APIC_ICR = 0x300,
	APIC_ICR2 = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};

/* Version 14h, six LVT entries. */
#define VLAPIC_LVR 0x00050014u

/* What came for the vCPU besides fixed interrupts. SIPI's low byte is its vector. */
#define STARTUP_INIT BIT(8)
#define STARTUP_SIPI BIT(9)
#define STARTUP_NMI BIT(10)

struct vlapic {
	u8 *page; /* the virtual-APIC page */
	u32 id;
	u32 pending[8]; /* vectors that others have sent; merged into the IRR by the vCPU. Atomic */
	u32 pending_words;	  /* a bit for each word of pending that may hold one. Atomic */
	u32 irr_words, isr_words; /* a bit for each word of the IRR and ISR that is not 0 */
	u32 startup;		  /* STARTUP_*. Atomic */
	u32 esr;		  /* errors since the last write of ESR */
	u32 timer_left;	 /* between suspend and resume: what was left of the timer's count */
	bool timer_rest; /* the host's timer runs the rest of a count that was suspended */
	struct vlapic **peers;
	unsigned npeers;
};

static inline u32 vlapic_get(const struct vlapic *l, u32 reg)
{
	return *(volatile u32 *)(l->page + reg);
}

static inline void vlapic_put(struct vlapic *l, u32 reg, u32 value)
{
	*(volatile u32 *)(l->page + reg) = value;
}

/* The state after INIT (SDM, "Local APIC State After an INIT Reset"); the timer stops. On the
 * vCPU's CPU. */
void vlapic_reset(struct vlapic *l);

/*
 * A guest's read or write of the register at REG, 16-byte aligned, as APIC-access and APIC-write
 * exits bring them. On the vCPU's CPU. True from a write: what can be delivered may have changed.
 */
u32 vlapic_read(struct vlapic *l, u32 reg);
bool vlapic_write(struct vlapic *l, u32 reg, u32 value);

/* The host's timer interrupt came. On the vCPU's CPU. */
void vlapic_timer(struct vlapic *l);

/*
 * The vCPU leaves its CPU, and goes on on another: the timer stops, and runs on from where it was. A
 * timer interrupt of the host's that comes after suspend, or was pending then, is still the guest's:
 * vlapic_timer() may be called in between. On the CPU that it leaves, and on the one it comes to.
 */
void vlapic_suspend(struct vlapic *l);
void vlapic_resume(struct vlapic *l);

/* Moves what others have sent into the IRR, and returns the highest vector that waits there, or -1.
 * On the vCPU's CPU. */
int vlapic_pending(struct vlapic *l);

/* Processor priority: the higher of TPR and the class of the highest vector in service. */
u32 vlapic_ppr(const struct vlapic *l);

/* VECTOR is being delivered: IRR to ISR. */
void vlapic_accept(struct vlapic *l, unsigned vector);

/* What vmx/ defines: something came for TARGET from another vCPU; it must look soon. */
void vlapic_notify(struct vlapic *target);

#endif
