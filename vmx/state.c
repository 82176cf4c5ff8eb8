/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor state that VMX does not switch and the host does not use: x87, SSE, AVX, XCR0, DR0-3,
 * DR6, CR2 and the SYSCALL MSRs. It stays in the CPU over VM exits, which so cost nothing for it. A
 * vCPU starts with a clean set, and what it leaves is wiped before the next one; a vCPU that moves to
 * another CPU takes it along. (The compressor does use XMM0-15, and puts them back: mm/lz4.c.)
 */
#include "vmx/vmx.h"

/* XSTATE_BV = 0 gives every component its initial state (SDM, XRSTOR); FCW and MXCSR as FXRSTOR
 * takes them. */
static const struct xsave_area clean = { .fcw = 0x37f, .mxcsr = 0x1f80 };

/* Of all components that a guest may have on, whether it has them on now or not. */
static void load_area(const struct xsave_area *area, u64 xcr0)
{
	u64 all = cpuid_xcr0_allowed();

	if (!all) {
		asm volatile("fxrstor64 %0" : : "m"(*area));
		return;
	}
	xsetbv(0, all);
	asm volatile("xrstor64 %0" : : "m"(*area), "a"((u32)all), "d"((u32)(all >> 32)));
	xsetbv(0, xcr0);
}

static void save_area(struct xsave_area *area)
{
	u64 all = cpuid_xcr0_allowed();

	if (!all) {
		asm volatile("fxsave64 %0" : "+m"(*area));
		return;
	}
	xsetbv(0, all);
	asm volatile("xsave64 %0" : "+m"(*area) : "a"((u32)all), "d"((u32)(all >> 32)));
}

void state_init(void)
{
	asm volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(0ull));
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
	write_cr2(0);
}

static void wipe(void)
{
	load_area(&clean, 1);
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

void state_save(struct vcpu *v)
{
	struct parked *p = &v->parked;

	save_area(&p->xsave);
	asm volatile("mov %%dr0, %0; mov %%dr1, %1; mov %%dr2, %2; mov %%dr3, %3"
		     : "=r"(p->dr[0]), "=r"(p->dr[1]), "=r"(p->dr[2]), "=r"(p->dr[3]));
	asm volatile("mov %%dr6, %0" : "=r"(p->dr6));
	p->cr2 = read_cr2();
	p->star = rdmsr(MSR_STAR);
	p->lstar = rdmsr(MSR_LSTAR);
	p->cstar = rdmsr(MSR_CSTAR);
	p->fmask = rdmsr(MSR_FMASK);
	p->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	if (vmx_caps.proc2 & PROC2_RDTSCP)
		p->tsc_aux = rdmsr(MSR_TSC_AUX);
}

void state_restore(struct vcpu *v)
{
	const struct parked *p = &v->parked;

	load_area(&p->xsave, v->xcr0);
	asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3"
		     :
		     : "r"(p->dr[0]), "r"(p->dr[1]), "r"(p->dr[2]), "r"(p->dr[3]));
	asm volatile("mov %0, %%dr6" : : "r"(p->dr6));
	write_cr2(p->cr2);
	wrmsr(MSR_STAR, p->star);
	wrmsr(MSR_LSTAR, p->lstar);
	wrmsr(MSR_CSTAR, p->cstar);
	wrmsr(MSR_FMASK, p->fmask);
	wrmsr(MSR_KERNEL_GS_BASE, p->kernel_gs_base);
	if (vmx_caps.proc2 & PROC2_RDTSCP)
		wrmsr(MSR_TSC_AUX, p->tsc_aux);
}
