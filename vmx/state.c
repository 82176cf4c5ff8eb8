/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor state that VMX does not switch and the host does not use: x87, SSE, AVX, XCR0, DR0-3,
 * DR6, CR2 and the SYSCALL MSRs. It stays in the CPU over VM exits, which so cost nothing for it. A
 * vCPU starts with a clean set, and what it leaves is wiped before the next one. (The compressor does
 * use XMM0-15, and puts them back: mm/lz4.c.)
 */
#include "vmx/vmx.h"

/* FXSAVE layout with the XSAVE header: XSTATE_BV = 0 gives every component its initial state (SDM,
 * XRSTOR); FCW and MXCSR as FXRSTOR takes them. */
static const struct {
	u16 fcw, fsw;
	u8 ftw[20];
	u32 mxcsr, mxcsr_mask;
	u8 rest[480], header[64];
} __attribute__((aligned(64))) clean = { .fcw = 0x37f, .mxcsr = 0x1f80 };
_Static_assert(offsetof(typeof(clean), mxcsr) == 24 && sizeof(clean) == 576,
	       "SDM: FXSAVE area and XSAVE header");

void state_init(void)
{
	asm volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(0ull));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
	write_cr2(0);
}

static void wipe(void)
{
	u64 all = cpuid_xcr0_allowed();

	if (all) {
		xsetbv(0, all);
		asm volatile("xrstor64 %0" : : "m"(clean), "a"((u32)all), "d"((u32)(all >> 32)));
		xsetbv(0, 1);
	} else {
		asm volatile("fxrstor64 %0" : : "m"(clean));
	}
	state_init();
	wrmsr(MSR_STAR, 0);
	wrmsr(MSR_LSTAR, 0);
	wrmsr(MSR_CSTAR, 0);
	wrmsr(MSR_FMASK, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	if (vmx_caps.proc2 & PROC2_RDTSCP)
		wrmsr(MSR_TSC_AUX, 0);
}

void state_load(struct vcpu *v)
{
	wipe();
	v->xcr0 = 1;
}

void state_put(struct vcpu *v)
{
	(void)v;
	wipe();
}
