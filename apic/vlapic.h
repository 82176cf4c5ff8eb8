/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's local APIC, in xAPIC and x2APIC mode. Its registers live in the virtual-APIC page,
 * where the processor itself serves what it virtualizes (TPR by the TPR shadow; in xAPIC mode reads
 * of most others by APIC-register virtualization). In x2APIC mode they lie there as the SDM has
 * them for "virtualize x2APIC mode". The timer is the host CPU's own APIC timer, which nothing else
 * uses on a vCPU's CPU: the guest's counts are the host's.
 */
#ifndef APIC_VLAPIC_H
#define APIC_VLAPIC_H

#include "apic/message.h"
#include "mm/x86.h"

/* Register offsets; SDM, "Local APIC Register Address Map". */
enum {
	APIC_ID = 0x20,
	APIC_LVR = 0x30,
	APIC_TPR = 0x80,
	APIC_APR = 0x90,
	APIC_PPR = 0xa0,
	APIC_EOI = 0xb0,
	APIC_RRD = 0xc0,
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
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERFMON = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
	APIC_SELF_IPI = 0x3f0, /* x2APIC mode alone */
};

/* Version 14h, six LVT entries (so no CMCI), no suppression of EOI broadcasts. */
#define VLAPIC_LVR 0x00050014u

/* What came for the vCPU besides fixed interrupts. SIPI's low byte is its vector. */
#define STARTUP_INIT BIT(8)
#define STARTUP_SIPI BIT(9)
#define STARTUP_NMI BIT(10)
#define STARTUP_EXTINT BIT(11) /* by a message: ask the PIC once */

/* IA32_APIC_BASE after power-up, but for the BSP flag. The address cannot be moved. */
#define VLAPIC_BASE_RESET (0xfee00000ul | APIC_BASE_ENABLE)

/* What the host's timer was set to do for the guest's. */
enum vlapic_timer {
	TIMER_OFF,	/* nothing; or a one-shot count has run out */
	TIMER_ONCE,	/* the count of a one-shot timer */
	TIMER_REST,	/* what is left of a period, then whole ones */
	TIMER_WHOLE,	/* whole periods, by itself */
	TIMER_DEADLINE, /* the way to the deadline, or a part of it */
};

struct vlapic {
	u8 *page; /* the virtual-APIC page */
	u32 id;
	/* Each is said to be atomic where others than the vCPU's CPU use it. */
	u64 base;	/* IA32_APIC_BASE; written by the vCPU. Atomic */
	u32 pending[8]; /* vectors that others have sent; merged into the IRR by the vCPU. Atomic */
	u32 pending_level[8]; /* those of them that are level-triggered. Atomic */
	u32 pending_words; /* a bit for each word of pending that may hold one, PENDING_*. Atomic */
	u32 irr_words, isr_words; /* a bit for each word of the IRR and ISR that is not 0 */
	u32 startup;		  /* STARTUP_*. Atomic */
	u32 lint;		  /* a bit for each pin that is asserted. Atomic */
	u32 turn; /* of the first peer: where the next arbitration among all begins. Atomic */
	u32 esr;  /* errors since the last write of ESR */

	enum vlapic_timer timer;
	u32 timer_mode, timer_divide; /* as the registers have them */
	u64 deadline;		      /* IA32_TSC_DEADLINE; 0: not armed */
	u64 tsc_offset;		      /* the guest's TSC less the host's: IA32_TSC_ADJUST */
	bool away;		      /* between suspend and resume */
	u32 timer_left;		      /* then: what was left of the timer's count */
	u64 suspended_at;	      /* in TSC ticks */

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

/* Not disabled through IA32_APIC_BASE. */
static inline bool vlapic_present(const struct vlapic *l)
{
	return __atomic_load_n(&l->base, __ATOMIC_RELAXED) & APIC_BASE_ENABLE;
}

static inline bool vlapic_x2apic(const struct vlapic *l)
{
	return __atomic_load_n(&l->base, __ATOMIC_RELAXED) & APIC_BASE_X2APIC;
}

/* The state after INIT (SDM, "Local APIC State After an INIT Reset"); the timer stops. The mode
 * stays as it is, and in x2APIC mode the ids do. On the vCPU's CPU. */
void vlapic_reset(struct vlapic *l);

/* As a PC's firmware leaves the boot processor's: on, LINT0 takes the PIC's interrupts and LINT1 NMIs
 * (MultiProcessor Specification 1.4, "Virtual Wire Mode"). Of a kernel told to let the APIC alone that
 * is all it has. Right after vlapic_reset(). */
void vlapic_virtual_wire(struct vlapic *l);

/*
 * A guest's read or write of the register at REG, 16-byte aligned, as APIC-access and APIC-write
 * exits bring them. Reserved registers read as 0 and set the ESR's bit for it. On the vCPU's CPU.
 * True from a write: what can be delivered may have changed.
 */
u32 vlapic_read(struct vlapic *l, u32 reg);
bool vlapic_write(struct vlapic *l, u32 reg, u32 value);

/*
 * A guest's RDMSR and WRMSR of IA32_APIC_BASE, IA32_TSC_DEADLINE and 800h .. 8ffh, by the rules of
 * the SDM ("x2APIC Register Address Space", "x2APIC State Transitions"; "TSC-Deadline Mode"). On
 * the vCPU's CPU. -EINVAL: #GP, and nothing has changed. From a write 1: what can be delivered may
 * have changed, else 0. After a write of IA32_APIC_BASE the caller sees to what vlapic_present()
 * and vlapic_x2apic() mean to the processor.
 */
int vlapic_rdmsr(struct vlapic *l, u32 msr, u64 *value);
int vlapic_wrmsr(struct vlapic *l, u32 msr, u64 value);

/*
 * Brings M to those of PEERS that it is for (SDM, "Determining IPI Destination"). FROM is the
 * sender, NULL an I/O APIC; a DEST of 32 bits comes from an APIC in x2APIC mode alone. Lowest
 * priority: of those that are enabled by software the one whose TPR has the lowest class, as far as
 * it can be seen while they run; equals take turns. SMI is dropped. From any CPU that runs a vCPU
 * of the guest or none; not from two on behalf of the same FROM.
 */
void vlapic_message(struct vlapic *const *peers, unsigned npeers, struct vlapic *from,
		    const struct apic_message *m);

/*
 * The local interrupt PIN, 0 or 1, is asserted or not: LINT0 is INTR and LINT1 is NMI while the
 * APIC is disabled. Fixed interrupts and NMIs come at the change to asserted, whatever the trigger
 * mode; for ExtINT the vCPU looks at the PIC then. From any CPU.
 */
void vlapic_lint(struct vlapic *l, unsigned pin, bool asserted);

/* Do the PIC's interrupts come to the vCPU? With the APIC disabled they do, to the bootstrap
 * processor; else by LINT0 in ExtINT mode. */
bool vlapic_takes_extint(const struct vlapic *l);

/* The host's timer interrupt came. On the vCPU's CPU. */
void vlapic_timer(struct vlapic *l);

/* The guest's TSC is the host's and OFFSET from now on; its IA32_TSC_DEADLINE is by that. As
 * vlapic_timer(), it may make an interrupt pending. */
void vlapic_set_tsc_offset(struct vlapic *l, u64 offset);

/*
 * The vCPU leaves its CPU, and goes on on another: the timer stops, and runs on from where it would
 * be by then if it had not. A timer interrupt of the host's that comes after suspend, or was
 * pending then, is still the guest's: vlapic_timer() may be called in between. On the CPU that it
 * leaves, and on the one it comes to.
 */
void vlapic_suspend(struct vlapic *l);
void vlapic_resume(struct vlapic *l);

/* Moves what others have sent into the IRR, and returns the highest vector that waits there, or -1.
 * On the vCPU's CPU. */
int vlapic_pending(struct vlapic *l);

/* Processor priority: the higher of TPR and the class of the highest vector in service. */
u32 vlapic_ppr(const struct vlapic *l);

/* The processor has changed IRR and ISR (virtual-interrupt delivery). To be called before anything that
 * looks at what waits or is in service. On the vCPU's CPU. */
void vlapic_refresh(struct vlapic *l);

/* The highest vector in service, or -1. */
int vlapic_in_service(const struct vlapic *l);

/* VECTOR is being delivered: IRR to ISR. */
void vlapic_accept(struct vlapic *l, unsigned vector);

/* What vmx/ defines: something came for TARGET that its vCPU has not done itself; it must look
 * soon. */
void vlapic_notify(struct vlapic *target);

/* What vmx/ defines: a level-triggered interrupt has ended at L, by EOI. On the vCPU's CPU. */
void vlapic_level_ended(struct vlapic *l, u8 vector);

#endif
