/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks of the state guest. A check that fails is reported with its number as the address. */
#ifndef TESTS_GUESTS_STATE_H
#define TESTS_GUESTS_STATE_H

#include "tests/guests/rt.h"

/* The numbers stay what they are: reports and tests name them. */
enum state_check {
	/* Registers across an operation; plus 20 * the operation (see ops in state_regs.c). */
	CHECK_GPR = 1000,   /* + register: rax rbx rcx rdx rsi rdi rbp r8..r15 */
	CHECK_X87 = 1200,   /* + 0 control, 1 status, 2 tag word, 3 MXCSR, 4..11 ST0..7 */
	CHECK_XMM = 1400,   /* + register */
	CHECK_YMM = 1600,   /* + register */
	CHECK_DEBUG = 1800, /* + 0..3, 6, 7 */
	CHECK_CR2 = 1808,
	CHECK_CR8 = 1809,
	CHECK_RFLAGS = 1810,
	CHECK_MSR = 1900, /* + index in kept_msrs[] of state_cpu.c */

	CHECK_FS_READ = 2000,
	CHECK_SWAPGS,
	CHECK_BREAKPOINT, /* a data breakpoint in DR0 raises #DB */
	CHECK_BREAKPOINT_DR6,
	CHECK_PF_VECTOR,
	CHECK_PF_ERROR,
	CHECK_PF_CR2,
	CHECK_TPR_FROM_CR8,
	CHECK_CR8_FROM_TPR,
	CHECK_TSC_FORWARD,
	CHECK_XCR0 = 2020,	/* + value written */
	CHECK_XCR0_ZERO = 2030, /* #GP */
	CHECK_XCR0_AVX_ALONE,
	CHECK_XCR1,
	CHECK_CR0_TOGGLED = 2040, /* + bit */
	CHECK_CR0_NW = 2080,	  /* NW without CD: #GP */
	CHECK_CR0_PE,		  /* PG without PE: #GP */
	CHECK_CR0_HIGH,		  /* #GP */
	CHECK_CR0_PG,		  /* leaving paging in 64-bit mode: #GP */
	CHECK_TS_NM,		  /* SSE with TS: #NM */
	CHECK_CLTS,
	CHECK_LMSW,
	CHECK_WP_SET,
	CHECK_WP_CLEAR,
	CHECK_CR3_HIGH,
	CHECK_CR4_PAE,
	CHECK_CR4_RESERVED,
	CHECK_CR4_VMXE,
	CHECK_CR4_PGE,
	CHECK_VMXON,
	CHECK_VMPTRLD,
	CHECK_INVEPT,
	CHECK_GETSEC,
	CHECK_MSR_UNKNOWN,
	CHECK_MSR_UNKNOWN_HIGH,
	CHECK_MSR_UNKNOWN_WRITE,
	CHECK_MSR_VMX_BASIC,
	CHECK_PAT_RESERVED,
	CHECK_EFER_RESERVED,
	CHECK_EFER_LME,
	CHECK_CANONICAL, /* WRMSR of a non-canonical FS base: #GP */
	CHECK_CPUID_VMX = 2120,
	CHECK_CPUID_X2APIC,
	CHECK_CPUID_DEADLINE,
	CHECK_CPUID_HYPERVISOR,
	CHECK_CPUID_LEAF,
	CHECK_CPUID_SIGNATURE,
	CHECK_CPUID_ID,
	CHECK_CPUID_OSXSAVE_OFF,
	CHECK_CPUID_OSXSAVE_ON,
	CHECK_STEP_OVER_CPUID, /* #DB by TF right after an instruction that exits */
	CHECK_MODE_32,	       /* protected mode without paging, and back */
	CHECK_MODE_32_APIC,
	CHECK_MODE_16, /* real mode, and back */
	CHECK_MODE_BACK,

	/* The local APIC: reported as kind 0. */
	CHECK_IRR = 3000,
	CHECK_ISR_EMPTY,
	CHECK_PPR_IDLE,
	CHECK_ORDER_COUNT,
	CHECK_ORDER_FIRST,
	CHECK_ORDER_SECOND,
	CHECK_MERGED,
	CHECK_TPR_HOLDS,
	CHECK_TPR_PPR,
	CHECK_TPR_RELEASES,
	CHECK_CR8_HOLDS,
	CHECK_CR8_RELEASES,
	CHECK_STI_SHADOW,
	CHECK_NEST_PPR,
	CHECK_NEST_ISR,
	CHECK_NEST_HIGHER, /* a higher vector interrupts a handler */
	CHECK_NEST_BOTH,   /* both in service */
	CHECK_NEST_PPR_HIGHER,
	CHECK_NEST_LOWER_WAITS,
	CHECK_EOI_HIGHER_FIRST,
	CHECK_EOI_LOWER,
	CHECK_EOI_RELEASES,
	CHECK_READ_ONLY = 3040, /* + index in read_only[] of state_apic.c */
	CHECK_LDR_BITS = 3060,
	CHECK_DFR_BITS,
	CHECK_ESR_CLEAR,
	CHECK_ESR_VECTOR,
	CHECK_SVR_OFF,
	CHECK_SVR_MASKS,
	CHECK_SVR_STAYS_MASKED,
	CHECK_SELF = 3080,
	CHECK_ALL,
	CHECK_OTHERS,
	CHECK_OTHERS_NOT_SELF,
	CHECK_PHYSICAL,
	CHECK_PHYSICAL_ALL,
	CHECK_LOGICAL,
	CHECK_LOGICAL_NOT_SELF,
	CHECK_LOGICAL_ALL,
	CHECK_TIMER_ONCE = 3100,
	CHECK_TIMER_ZERO,
	CHECK_TIMER_INITIAL,
	CHECK_TIMER_MASKED,
	CHECK_TIMER_MASKED_COUNTS,
	CHECK_TIMER_STOPPED,
	CHECK_TIMER_PERIODIC,
	CHECK_TIMER_DIVIDE,
	CHECK_TIMER_DIVIDE_RATE,
	CHECK_TIMER_HLT,
	CHECK_TIMER_EARLY,
	CHECK_BASE = 3120,
	CHECK_BASE_REFUSED, /* #GP: elsewhere, a reserved bit, a transition that there is none of */
	CHECK_X2APIC_MODE,
	CHECK_X2APIC_ID,
	CHECK_X2APIC_LDR,
	CHECK_X2APIC_KEEPS,	     /* the registers that xAPIC mode had */
	CHECK_X2APIC_REFUSED = 3130, /* + index in refused_msrs[] of state_x2apic.c */
	CHECK_X2APIC_TPR = 3150,
	CHECK_X2APIC_CR8,
	CHECK_X2APIC_HELD,
	CHECK_X2APIC_RELEASED,
	CHECK_X2APIC_ICR,
	CHECK_X2APIC_MEMORY, /* the page is memory like any other */
	CHECK_DEADLINE,
	CHECK_DEADLINE_EARLY,
	CHECK_DEADLINE_OVER,
	CHECK_DEADLINE_PAST,
	CHECK_DISABLED_CPUID,
	CHECK_DISABLED_MSR,
	CHECK_DISABLED_MEMORY,
	CHECK_ENABLED_CPUID,
	CHECK_ENABLED_RESET,
	CHECK_CPUID_TOPOLOGY,
	CHECK_CPUID_CLOCKS,
};

/* One check: reports when VALUE is not what is EXPECTED. */
void check(struct vcpu *v, u32 number, u64 value, u64 expected);
static inline void check_true(struct vcpu *v, u32 number, bool holds)
{
	check(v, number, holds, 1);
}

/* The groups. Interrupts are on, the periodic timer runs; both again at the end. */
void state_regs(struct vcpu *v);
void state_msrs(struct vcpu *v);
void state_cr(struct vcpu *v);
void state_cpu(struct vcpu *v);
void state_priority(struct vcpu *v);
void state_apic_regs(struct vcpu *v);
void state_x2apic(struct vcpu *v);
void state_ipi(struct vcpu *v);
void state_timer(struct vcpu *v);
void state_setup(void); /* vCPU 0, before the first of them */

/* Instructions whose exception is what is looked at: arguments for rt_try(). */
void do_read(void *address);
void do_write(void *address);
void do_write_cr0(void *value);
void do_write_cr3(void *value);
void do_write_cr4(void *value);
struct msr_write {
	u32 msr;
	u64 value;
};
void do_rdmsr(void *msr);
void do_wrmsr(void *msr_write);
void do_xsetbv(void *msr_write);

/* A page that only this vCPU maps, at window(v): entry(v) is its page-table entry, 0 at first. */
static inline u64 window(struct vcpu *v)
{
	return 0x40000000ull + ((u64)v->id << 21);
}
volatile u64 *window_entry(struct vcpu *v);
static inline void invlpg(u64 address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* One lock for what touches a register that other vCPUs' checks depend on. Interrupts stay on while
 * waiting. */
void state_lock(void);
void state_unlock(void);

#define VECTOR_GP 13
#define VECTOR_UD 6
#define VECTOR_PF 14
#define VECTOR_NM 7
#define VECTOR_DB 1
#define STATE_TIMER_TICKS 60000

#endif
