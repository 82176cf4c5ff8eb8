/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual CPU: its registers, its VMCS and what it shares with invalidators. It fills one frame.
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#include "apic/access.h"
#include "apic/vlapic.h"
#include "ept/order.h"
#include "vmx/vmcs.h"

/* The general registers but RSP, in the order of their encoding. */
struct guest_regs {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

enum vcpu_state {
	VCPU_WAIT_SIPI,
	VCPU_RUNNING,
	VCPU_HALTED, /* HLT: until something can be delivered */
	VCPU_DONE,
};

struct guest;

struct vcpu {
	struct guest_regs regs; /* first: vmx/entry.asm saves them by the address of the vCPU */
	struct gate gate;
	struct ept *ept;
	struct guest *guest;
	struct apic_access access;
	struct vlapic lapic;
	u64 vmcs; /* physical address */
	bool launched;
	bool nmi_pending;
	enum vcpu_state state;
	u32 proc_ctls, tpr_threshold; /* as the VMCS has them */
	u64 xcr0;
	bool apicv;
	bool bad_state; /* fault=entry */

	/* Counted since the guest was created. */
	u64 invepts;
	u64 retries; /* passes of the gate and EPT violations that had to wait or start over */
	u64 vmreads, vmwrites;
	u64 exits[EXIT_REASONS];

	/* What the guest said in its last hypercalls. */
	u64 rounds, timer_irqs, ipis_sent, ipis_received, checks;

	/* The line of text it is writing to the serial port. */
	char line[96];
	unsigned line_length;
};
_Static_assert(offsetof(struct vcpu, regs) == 0 && sizeof(struct guest_regs) == 15 * 8,
	       "vmx/entry.asm pushes 15 registers");
_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU is allocated as one frame");

/* A vCPU numbered ID of G, waiting for a SIPI, to run on the CPU of index CPU; or NULL when memory
 * is out. */
struct vcpu *vcpu_create(struct guest *g, unsigned id, unsigned cpu);
void vcpu_destroy(struct vcpu *v);

/* The body of a vCPU's CPU: runs V until it is done or stopped. To be called on V's CPU. */
void vcpu_main(void *vcpu);

/* Asks V for REQ; kicks or wakes its CPU so that it looks at once. From any CPU. */
void vcpu_request(struct vcpu *v, u32 req);

/* The guest's register by its number in the instruction encoding, other than RSP. */
static inline u64 *vcpu_reg(struct vcpu *v, unsigned n)
{
	return &(&v->regs.rax)[n - (n > 4)];
}

/* Registers and control state after INIT, then CS:IP as after a SIPI with VECTOR (SDM, "Processor
 * State Following INIT"). VMCS current. */
void vcpu_reset(struct vcpu *v, u8 vector);

/*
 * Past the instruction that caused the exit. Blocking by STI or MOV SS stays for one more
 * instruction, which no guest can tell from a slow one; it saves two VMCS accesses. HLT, which
 * would sleep through it, clears it.
 */
static inline void vcpu_skip(void)
{
	vmwrite(GUEST_RIP, vmread(GUEST_RIP) + vmread(EXIT_INSTRUCTION_LENGTH));
}

/* vmx/event.c. Exceptions replace what is to be delivered with the next entry. */
void vcpu_inject_exception(u8 vector, bool has_error, u32 error);
static inline void vcpu_inject_gp(void)
{
	vcpu_inject_exception(VECTOR_GP, true, 0);
}
static inline void vcpu_inject_ud(void)
{
	vcpu_inject_exception(VECTOR_UD, false, 0);
}

/* Delivers what can be, and has the processor exit when what waits can be. Clears VCPU_HALTED when
 * there was something. */
void vcpu_deliver(struct vcpu *v);

/* Puts an event whose delivery the exit interrupted back for the next entry (SDM, "Information for
 * VM Exits During Event Delivery"). */
void vcpu_redeliver(void);

/* Note that the vCPU must look for interrupts before it enters. */
static inline void vcpu_event(struct vcpu *v)
{
	order_or(event, &v->gate.requests, REQ_EVENT);
}

#endif
