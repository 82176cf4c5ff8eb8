/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest programs share: the hypervisor's interface, the vCPUs, interrupts, the local APIC.
 */
#ifndef TESTS_GUESTS_RT_H
#define TESTS_GUESTS_RT_H

#include "mm/types.h"
#include "mm/x86.h"

#define GUEST_INFO ((const struct guest_info *)0x7000)
#define GUEST_MAGIC 0x4b4c4e49
struct guest_info {
	u32 magic, vcpus, ram_pages, arg;
	u64 seed;
	u32 ticks_per_us; /* of the TSC */
	u32 budget_pages; /* frames that back its RAM at a time, at most; 0: no limit */
};

/* Memory below 1 MB: see layout.inc. Above it the data pages of data.c. */
#define TSS 0x6000
#define IST_STACKS 0x70000
#define DATA_START 0x100000
#define SEL_CODE64 0x08
#define SEL_CODE32 0x18
#define SEL_CODE16 0x20
#define SEL_TSS 0x28

enum hypercall {
	HC_ROUND,
	HC_WRONG,
	HC_DONE,
	HC_NOP,
	HC_RESULT,
	HC_PUTS,
	HC_COUNT, /* VMCS accesses on this CPU so far */
};

enum wrong_kind {
	WRONG_APIC_READ,
	WRONG_APIC_WRITE,
	WRONG_DATA,
	WRONG_LOST,
	WRONG_STATE,
};

/* What interrupt stubs save; a handler may change what the interrupted code goes on with. */
struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

struct fault {
	u64 vector, error, rip, cr2;
};

enum vcpu_state {
	VCPU_OFF,
	VCPU_RUNS,
	VCPU_CLOSING, /* sends no more IPIs to others */
	VCPU_DONE,
};

struct vcpu {
	u64 try_rsp;	    /* not 0: an exception returns from rt_try() */
	struct fault fault; /* the last one that rt_try() caught */
	u32 id;
	volatile u32 state;
	volatile u64 timer_irqs, timer_tsc;	     /* count, and TSC of the last */
	volatile u64 ipis_received, selves_received; /* of VECTOR_IPI and VECTOR_SELF */
	volatile u64 starts;			     /* how often start.asm came to rt_entry() */
	u64 ipis_sent, rounds, checks, wrongs, random;
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct vcpu, try_rsp) == 0, "start.asm uses it");

extern struct vcpu vcpus[MAX_CPUS];

/* This vCPU, by its task register: STR neither exits nor touches memory, and no test changes TR. */
static inline struct vcpu *this_vcpu(void)
{
	u64 sel;

	asm volatile("str %0" : "=r"(sel));
	return &vcpus[(sel - SEL_TSS) / 16];
}

/* Each program. Called on every vCPU with interrupts off, the APIC enabled and the IDT loaded; the
 * others may not be there yet. Must end with rt_done(). */
void guest_main(struct vcpu *v);

/* Hypercalls. */
u64 hypercall(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e);
/* Tells that a round is done. True: finish. */
bool rt_round(struct vcpu *v);
/* Reports a wrong value; after WRONG_MAX of one vCPU it only counts. */
void rt_wrong(struct vcpu *v, enum wrong_kind kind, u64 address, u64 value, u64 expected);
_Noreturn void rt_done(struct vcpu *v);
void rt_puts(const char *text);
#define WRONG_MAX 1000

/* Interrupts. A handler runs with interrupts off and does its own EOI. */
typedef void (*irq_handler)(struct vcpu *v, struct frame *f);
void rt_on(u8 vector, irq_handler handler);
/* Calls fn(arg). Returns the vector of the exception it raised, which v->fault describes, or
 * NO_FAULT. */
#define NO_FAULT (~0u)
u32 rt_try(void (*fn)(void *), void *arg, struct vcpu *v);
/* Has VECTOR go to CODE, on the stack IST of the TSS when that is not 0. On every vCPU: they share
 * the IDT. */
void rt_gate(u8 vector, u64 code, u64 ist);
/* INIT, then two SIPIs to vCPU ID as the SDM's start-up algorithm has it; the second finds it
 * running and must do nothing. */
void rt_start(u32 id);
/* For a handler of an exception: true when rt_try() waits for one, which it then gets. */
bool rt_catch(struct vcpu *v, struct frame *f);
static inline void irq_enable(void)
{
	asm volatile("sti" : : : "memory");
}

#define VECTOR_IPI 0x40	 /* to another vCPU */
#define VECTOR_SELF 0x41 /* to itself: one vector for both could merge two interrupts into one */
#define VECTOR_TIMER 0x50
#define VECTOR_SPURIOUS 0xff

/* The local APIC, by offset. */
#define APIC_BASE_GPA 0xfee00000ull
enum apic_register {
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
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
};
#define APIC_LVR_VALUE 0x00050014u /* version 14h, six LVT entries */
#define APIC_SVR_VALUE (0x100u | VECTOR_SPURIOUS)
#define ICR_INIT 0x4500u
#define ICR_STARTUP 0x4600u
#define ICR_FIXED 0x4000u
#define ICR_LOGICAL BIT(11)
#define ICR_PENDING BIT(12)
#define ICR_SELF (1u << 18)
#define ICR_ALL (2u << 18)
#define ICR_OTHERS (3u << 18)
#define LVT_MASKED BIT(16)
#define LVT_PERIODIC BIT(17)
#define TIMER_DIVIDE_1 0xbu

/* One 32-bit MOV each, which is what the SDM allows for these registers. Other forms are for rogue
 * to try. */
static inline u32 apic_read(u32 reg)
{
	u32 value;

	asm volatile("movl (%1), %0" : "=r"(value) : "r"(APIC_BASE_GPA + reg) : "memory");
	return value;
}

static inline void apic_write(u32 reg, u32 value)
{
	asm volatile("movl %0, (%1)" : : "r"(value), "r"(APIC_BASE_GPA + reg) : "memory");
}

static inline void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* Sends COMMAND to the vCPU DEST, or by shorthand. */
void apic_send(u32 dest, u32 command);
/* Starts the periodic timer at VECTOR_TIMER, an interrupt every TICKS ticks of the TSC, about,
 * or less often where that would leave the guest no time. Interrupts must be off. */
void apic_timer_start(struct vcpu *v, u64 ticks);

/* Waiting: true as soon as *COUNTER is at least VALUE, false when neither BOUND_TICKS of the TSC
 * nor BOUND_SPINS looks were enough. Both, because a vCPU that does not run sees ticks go by, and a
 * fast one many looks. Interrupts stay as they are. */
bool rt_wait(const volatile u64 *counter, u64 value);
#define BOUND_TICKS (1000000ull * GUEST_INFO->ticks_per_us)
#define BOUND_SPINS 2000000ull

/* Spins for TICKS ticks of the TSC. */
void rt_pause(u64 ticks);

/* True once every vCPU's state is at least STATE; false when the bound of rt_wait() is over. */
bool rt_wait_all(enum vcpu_state state);

/* xorshift64: next pseudo-random number of this vCPU. */
u64 rt_random(struct vcpu *v);

#endif
