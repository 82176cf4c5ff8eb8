/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUID that guests see: the CPU's own, cut to the features whose state is kept or needs no
 * keeping. The leaves are read once, since CPUID is itself an exit when Interlock runs under
 * another hypervisor.
 */
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define BASIC_LEAVES 0x17
#define EXTENDED_LEAVES 9
#define SUBLEAVES 4
#define HYPERVISOR_LEAF 0x40000000u

static struct cpuid basic[BASIC_LEAVES], extended[EXTENDED_LEAVES], cache[SUBLEAVES], xsave[64];
static u32 basic_max, extended_max;
static u64 xcr0_allowed;

/*
 * Leaf 1. ECX: SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE,
 * AVX, F16C, RDRAND. EDX: FPU .. CX8 without the MSR-heavy ones, APIC, SEP, PGE, CMOV, PAT, PSE36,
 * CLFSH, MMX, FXSR, SSE, SSE2.
 */
#define FEATURES_1_ECX                                                                             \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) |    \
	 BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define FEATURES_1_EDX                                                                             \
	(BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) | BIT(11) |         \
	 BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | BIT(26))
#define FEATURE_1_ECX_OSXSAVE BIT(27)
#define FEATURE_1_ECX_HYPERVISOR BIT(31)
/* Leaf 7. FSGSBASE, BMI1, AVX2, SMEP, BMI2, ERMS, INVPCID, RDSEED, ADX, SMAP, CLFLUSHOPT, SHA. */
#define FEATURES_7_EBX                                                                             \
	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(20) |       \
	 BIT(23) | BIT(29))
#define FEATURE_7_EBX_INVPCID BIT(10)
/* Leaf 80000001h. LAHF, LZCNT, PREFETCHW; SYSCALL, NX, 1-GB pages, RDTSCP, long mode. */
#define FEATURES_EXT_ECX (BIT(0) | BIT(5) | BIT(8))
#define FEATURES_EXT_EDX (BIT(11) | BIT(20) | BIT(26) | BIT(29))
#define FEATURE_EXT_EDX_RDTSCP BIT(27)

/* x87, SSE and AVX: what vmx/state.c keeps. */
#define XCR0_KEPT 7ull
#define XCR0_AVX 4ull

static void vendor(struct cpuid *r, const char *text)
{
	memcpy(&r->ebx, text, 4);
	memcpy(&r->ecx, text + 4, 4);
	memcpy(&r->edx, text + 8, 4);
}

void cpuid_init(void)
{
	basic_max = MIN(cpuid(0, 0).eax, BASIC_LEAVES - 1);
	extended_max = MIN(cpuid(0x80000000, 0).eax - 0x80000000, EXTENDED_LEAVES - 1);
	for (u32 i = 0; i <= basic_max; i++)
		basic[i] = cpuid(i, 0);
	for (u32 i = 0; i <= extended_max; i++)
		extended[i] = cpuid(0x80000000 + i, 0);
	for (u32 i = 0; i < SUBLEAVES; i++) {
		cache[i] = cpuid(4, i);
		cache[i].eax &= 0x3fff; /* no sharing, one core */
	}
	basic[0].eax = basic_max;
	extended[0].eax = 0x80000000 + extended_max;
	basic[1].ecx &= FEATURES_1_ECX;
	basic[1].ecx |= FEATURE_1_ECX_HYPERVISOR;
	basic[1].edx &= FEATURES_1_EDX;
	basic[7] = (struct cpuid){
		.ebx = basic[7].ebx & (FEATURES_7_EBX |
				       (vmx_caps.proc2 & PROC2_INVPCID ? FEATURE_7_EBX_INVPCID : 0))
	};
	extended[1].ecx &= FEATURES_EXT_ECX;
	extended[1].edx &=
		FEATURES_EXT_EDX | (vmx_caps.proc2 & PROC2_RDTSCP ? FEATURE_EXT_EDX_RDTSCP : 0);
	/* MONITOR, thermal and power, direct cache access, performance counters, topology, RDT,
	 * SGX, processor trace. */
	static const u8 hidden[] = { 5, 6, 9, 10, 11, 15, 16, 18, 20 };
	for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
		basic[hidden[i]] = (struct cpuid){ 0 };
	if (basic[1].ecx & BIT(26)) {
		u64 all = (u64)cpuid(0xd, 0).edx << 32 | cpuid(0xd, 0).eax;

		xcr0_allowed = all & XCR0_KEPT;
		if (cpuid(0xd, 2).ebx + cpuid(0xd, 2).eax > sizeof(struct xsave_area))
			xcr0_allowed &= ~XCR0_AVX;
		xsave[0] = (struct cpuid){ .eax = (u32)xcr0_allowed, .ecx = 512 + 64 };
		xsave[1].eax = cpuid(0xd, 1).eax & 1; /* XSAVEOPT */
		for (u32 i = 2; i < 64; i++) {
			if (!(xcr0_allowed & BIT(i)))
				continue;
			xsave[i] = cpuid(0xd, i);
			xsave[0].ecx = xsave[i].eax + xsave[i].ebx;
		}
	}
	basic[0xd] = (struct cpuid){ 0 };
}

u64 cpuid_xcr0_allowed(void)
{
	return xcr0_allowed;
}

static struct cpuid leaf_1(struct vcpu *v)
{
	struct cpuid r = basic[1];

	r.ebx = (r.ebx & 0xff00) | v->gate.id << 24 | v->guest->nvcpus << 16;
	if (vmread(GUEST_CR4) & CR4_OSXSAVE)
		r.ecx |= FEATURE_1_ECX_OSXSAVE;
	return r;
}

/* EBX is the size of the area for what XCR0 has on now. */
static struct cpuid leaf_d(struct vcpu *v, u32 sub)
{
	struct cpuid r = sub < 64 ? xsave[sub] : (struct cpuid){ 0 };

	if (sub != 0)
		return r;
	r.ebx = 512 + 64;
	for (u32 i = 2; i < 64; i++)
		if (v->xcr0 & BIT(i))
			r.ebx = xsave[i].eax + xsave[i].ebx;
	return r;
}

/* The leaves that depend on the vCPU or on ECX. */
static struct cpuid special(struct vcpu *v, u32 leaf, u32 sub)
{
	struct cpuid r = { 0 };

	switch (leaf) {
	case 1:
		return leaf_1(v);
	case 4:
		return sub < SUBLEAVES ? cache[sub] : r;
	case 7:
		return sub == 0 ? basic[7] : r;
	case 0xd:
		return leaf_d(v, sub);
	case HYPERVISOR_LEAF:
		r.eax = HYPERVISOR_LEAF;
		vendor(&r, "Interlock   ");
		return r;
	}
	if (leaf - 0x80000000u <= extended_max)
		return extended[leaf - 0x80000000u];
	/* An unknown leaf answers as the highest basic one (SDM, CPUID). */
	return leaf < HYPERVISOR_LEAF ? basic[basic_max] : r;
}

#define SPECIAL_LEAVES (BIT(1) | BIT(4) | BIT(7) | BIT(0xd))
_Static_assert(BASIC_LEAVES <= 64, "SPECIAL_LEAVES has a bit for each");

void exit_cpuid(struct vcpu *v)
{
	u32 leaf = (u32)v->regs.rax;
	struct cpuid r;

	if (likely(leaf <= basic_max && !(SPECIAL_LEAVES >> leaf & 1)))
		r = basic[leaf];
	else
		r = special(v, leaf, (u32)v->regs.rcx);
	v->regs.rax = r.eax;
	v->regs.rbx = r.ebx;
	v->regs.rcx = r.ecx;
	v->regs.rdx = r.edx;
	vcpu_skip();
}
