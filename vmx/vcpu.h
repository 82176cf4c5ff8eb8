/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual CPU: its registers, its VMCS and what it shares with invalidators. It fills one frame.
 */
#ifndef VMX_VCPU_H
#define VMX_VCPU_H

#include "apic/access.h"
#include "apic/vlapic.h"
#include "ept/order.h"
#include "vmx/apicv.h"
#include "vmx/mtrr.h"
#include "vmx/vmcs.h"

/* The general registers but RSP, in the order of their encoding. */
struct guest_regs {
	u64 rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* The XSAVE area in its standard form, for x87, SSE and AVX; the FXSAVE area is its first part. */
struct xsave_area {
	u16 fcw, fsw;
	u8 ftw[20];
	u32 mxcsr, mxcsr_mask;
	u8 rest[480], header[64], avx[256];
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct xsave_area, mxcsr) == 24 &&
		       offsetof(struct xsave_area, header) == 512 &&
		       sizeof(struct xsave_area) == 832,
	       "SDM: FXSAVE area, XSAVE header, AVX state");

/* What VMX does not switch, while the vCPU is on no CPU. */
struct parked {
	struct xsave_area xsave;
	u64 dr[4], dr6, cr2;
	u64 star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
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
	bool extint_pending; /* by a message: asks the PIC once */
	enum vcpu_state state;
	u32 proc_ctls, proc2, tpr_threshold; /* as the VMCS has them */
	u64 eoi_exits[4];		     /* that too, with virtual-interrupt delivery */
	u64 xcr0;
	enum apicv apicv;
	bool bad_state; /* fault=entry */
	bool hopeless;	/* HALTED: with interrupts off. For who looks from outside */
	bool first;	/* it is to start as the guest does, not as a SIPI says */
	bool moving;	/* it has left by REQ_MOVE: vcpu_main() goes on where it was */
	bool lme; /* the guest's EFER.LME, which changes by exits alone; LMA follows CR0.PG without one */
	u64 pml; /* physical address of the page-modification log; 0: the CPU has none */
	struct parked parked;
	struct mtrr mtrr;

	/* vmx/fair.c: turned back in a row, where the guest was then, and by which generation. */
	unsigned turned;
	u64 turned_at, turned_by;

	/* Counted since the guest was created. */
	u64 invepts;
	u64 retries; /* passes of the gate and EPT violations that had to wait or start over */
	u64 vmreads, vmwrites;
	u64 exits[EXIT_REASONS];
	u64 pml_entries;
	u64 asleep;					  /* ticks */
	u64 faults_ticks[P_KINDS], faults_count[P_KINDS]; /* EPT violations, by what was there */
	u64 stall_max;		  /* ticks: the longest that the hypervisor held the guest up */
	const char *stall_reason; /* by what; NULL before the first */

	/* What the guest said in its last hypercalls. */
	u64 rounds, timer_irqs, ipis_sent, ipis_received, checks;
};
_Static_assert(offsetof(struct vcpu, regs) == 0 && sizeof(struct guest_regs) == 15 * 8,
	       "vmx/entry.asm pushes 15 registers");
_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU is allocated as one frame");

/* What one takes at most: its own frame, its APIC page, its VMCS, its page-modification log. */
#define VCPU_FRAMES 4

/* A vCPU numbered ID of G, waiting for a SIPI, to run on the CPU of index CPU; or NULL when memory
 * is out. */
struct vcpu *vcpu_create(struct guest *g, unsigned id, unsigned cpu);
void vcpu_destroy(struct vcpu *v);

/*
 * The body of a vCPU's CPU: runs V until it is done, or stopped, or asked to move. To be called on
 * V's CPU. When V->moving is set afterwards, and V->gate.cpu then names another CPU, the call there
 * goes on where V was; and it has to come, also when the guest is to stop.
 */
void vcpu_main(void *vcpu);

/* Both leave their CPUs, and go on on each other's. Returns when both are started there: 0, or
 * -EAGAIN when one is done or is stopping; then they stay where they are. On CPU 0. */
int vcpu_swap(struct vcpu *a, struct vcpu *b);

/* Asks V for REQ; kicks or wakes its CPU so that it looks at once. From any CPU. */
void vcpu_request(struct vcpu *v, u32 req);

static inline struct vcpu *vcpu_of_lapic(struct vlapic *l)
{
	return (struct vcpu *)((char *)l - offsetof(struct vcpu, lapic));
}

/* The guest's register by its number in the instruction encoding, other than RSP. */
static inline u64 *vcpu_reg(struct vcpu *v, unsigned n)
{
	return &(&v->regs.rax)[n - (n > 4)];
}

/* Registers and control state after INIT, then CS:IP as after a SIPI with VECTOR (SDM, "Processor
 * State Following INIT"). VMCS current. */
void vcpu_reset(struct vcpu *v, u8 vector);

/* After vcpu_reset(): in the mode, and with the registers, that START says. */
struct guest_start;
void vcpu_start_at(struct vcpu *v, const struct guest_start *start);

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
void vcpu_inject_pf(u64 address, u32 error);
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

/*
 * The PIC behind LINT0: has it an interrupt for V; and its vector, which is thereby acknowledged,
 * or -1 when there is none any more. Called on V's CPU, for a V that vlapic_takes_extint(); after an
 * ExtINT message the second alone. Who makes an interrupt wait there calls vcpu_request() with
 * REQ_EVENT, or vlapic_lint().
 */
bool pic_waits(struct vcpu *v);
int pic_accept(struct vcpu *v);

/* Puts an event whose delivery the exit interrupted back for the next entry (SDM, "Information for
 * VM Exits During Event Delivery"). */
void vcpu_redeliver(void);

/* An exception or INT1 that exited is delivered after all, as INFO of the exit says. */
void vcpu_inject_again(u32 info);

/* vmx/delivery.c: virtual-interrupt delivery. init: the controls of a new VMCS. deliver: the processor
 * is told what waits and what is in service; VECTOR waits, or -1. True: it would be delivered, if
 * RFLAGS.IF and the interruptibility let it. */
void delivery_init(struct vcpu *v);
bool delivery_update(struct vcpu *v, int vector);

/* The event whose delivery the exit interrupted, in the form of the IDT-vectoring information. */
u32 delivery_interrupted(struct vcpu *v);

/* The exception VECTOR came out of the delivery of BEFORE. True: the two are more than that exception,
 * and it has been seen to. */
bool delivery_double_fault(struct vcpu *v, u32 before, u8 vector);

/* Notes how long the hypervisor held the vCPU up, outside of what the guest asked it to do. */
static inline void vcpu_stalled(struct vcpu *v, u64 ticks, const char *reason)
{
	if (ticks > v->stall_max) {
		v->stall_max = ticks;
		v->stall_reason = reason;
	}
}

/* vmx/pml.c: hands what the processor has logged to the guest's dirty log. VMCS current. */
#define PML_ENTRIES 512u
#define PML_FIRST (PML_ENTRIES - 1) /* the index counts down */
void pml_drain(struct vcpu *v);

/*
 * vmx/fair.c. The vCPU could not go on: an EPT violation, or the gate. After an exit for REASON of a
 * vCPU that was turned back: has it got on? It has, or leaves. VMCS current.
 */
void vcpu_turned_back(struct vcpu *v);
void vcpu_look_again(struct vcpu *v, u32 reason);
void vcpu_got_on(struct vcpu *v);

/* Note that the vCPU must look for interrupts before it enters. */
static inline void vcpu_event(struct vcpu *v)
{
	order_or(event, &v->gate.requests, REQ_EVENT);
}

#endif
