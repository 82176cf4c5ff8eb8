/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUID that guests see: the CPU's own, cut to the features whose state is kept or needs no
 * keeping. The leaves are read once, since CPUID is itself an exit when Interlock runs under
 * another hypervisor.
 */
#include "apic/lapic.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define BASIC_LEAVES 0x17 /* offered whether the CPU has them or not: two of them tell of clocks */
#define EXTENDED_LEAVES 9
#define SUBLEAVES 4
#define HYPERVISOR_LEAF 0x40000000u
#define KVM_LEAF 0x40000100u
#define HYPERVISOR_CLOCKS_LEAF 0x40000010u

static struct cpuid basic[BASIC_LEAVES], extended[EXTENDED_LEAVES], cache[SUBLEAVES], xsave[64];
static u32 extended_max;
static u64 xcr0_allowed;

/*
 * Leaf 1. ECX: SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE,
 * AVX, F16C, RDRAND; x2APIC and TSC deadline are Interlock's own. EDX: FPU .. CX8 without the
 * MSR-heavy ones, APIC, SEP, PGE, CMOV, PAT, PSE36, CLFSH, MMX, FXSR, SSE, SSE2.
 */
#define FEATURES_1_ECX                                                                             \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(19) | BIT(20) | BIT(22) | BIT(23) |    \
	 BIT(25) | BIT(26) | BIT(28) | BIT(29) | BIT(30))
#define FEATURES_1_EDX                                                                             \
	(BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(9) |          \
	 BIT(11) | BIT(13) | BIT(15) | BIT(16) | BIT(17) | BIT(19) | BIT(23) | BIT(24) | BIT(25) | \
	 BIT(26))
#define FEATURES_1_ECX_APIC (BIT(21) | BIT(24)) /* x2APIC, TSC deadline */
#define FEATURE_1_ECX_OSXSAVE BIT(27)
#define FEATURE_1_ECX_HYPERVISOR BIT(31)
#define FEATURE_1_EDX_APIC BIT(9)
#define FEATURE_1_EDX_MTRR BIT(12) /* vmx/mtrr.c */
#define FEATURE_1_EDX_HTT BIT(28)  /* EBX says how many APIC ids the package has */
#define FEATURE_6_EAX_ARAT BIT(2)  /* the APIC timer does not stop */
/* Leaf 7. FSGSBASE, BMI1, AVX2, SMEP, BMI2, ERMS, INVPCID, RDSEED, ADX, SMAP, CLFLUSHOPT, SHA. */
#define FEATURES_7_EBX                                                                             \
	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(18) | BIT(19) | BIT(20) |       \
	 BIT(23) | BIT(29))
#define FEATURE_7_EBX_TSC_ADJUST BIT(1) /* vmx/msr.c has it. Without it Linux suspects its TSC */
#define FEATURE_7_EBX_INVPCID BIT(10)
/* Leaf 80000001h. LAHF, LZCNT, PREFETCHW; SYSCALL, NX, 1-GB pages, RDTSCP, long mode. */
#define FEATURES_EXT_ECX (BIT(0) | BIT(5) | BIT(8))
#define FEATURES_EXT_EDX (BIT(11) | BIT(20) | BIT(26) | BIT(29))
#define FEATURE_EXT_EDX_RDTSCP BIT(27)
#define FEATURE_EXT_7_EDX_INVARIANT_TSC BIT(8)

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
	u32 basic_max = MIN(cpuid(0, 0).eax, BASIC_LEAVES - 1);

	extended_max = MIN(cpuid(0x80000000, 0).eax - 0x80000000, EXTENDED_LEAVES - 1);
	for (u32 i = 0; i <= basic_max; i++)
		basic[i] = cpuid(i, 0);
	for (u32 i = 0; i <= extended_max; i++)
		extended[i] = cpuid(0x80000000 + i, 0);
	for (u32 i = 0; i < SUBLEAVES; i++) {
		cache[i] = cpuid(4, i);
		cache[i].eax &= 0x3fff; /* no sharing */
	}
	basic[0].eax = BASIC_LEAVES - 1;
	extended[0].eax = 0x80000000 + extended_max;
	vmx_caps.physical_bits = extended_max >= 8 ? extended[8].eax & 0xff : 36;
	basic[1].ecx &= FEATURES_1_ECX;
	basic[1].ecx |= FEATURES_1_ECX_APIC | FEATURE_1_ECX_HYPERVISOR;
	basic[1].edx = (basic[1].edx & FEATURES_1_EDX) | FEATURE_1_EDX_MTRR;
	basic[7] = (struct cpuid){
		.ebx = (basic[7].ebx &
			(FEATURES_7_EBX |
			 (vmx_caps.proc2 & PROC2_INVPCID ? FEATURE_7_EBX_INVPCID : 0))) |
		       FEATURE_7_EBX_TSC_ADJUST
	};
	extended[1].ecx &= FEATURES_EXT_ECX;
	extended[1].edx &=
		FEATURES_EXT_EDX | (vmx_caps.proc2 & PROC2_RDTSCP ? FEATURE_EXT_EDX_RDTSCP : 0);
	if (extended_max >= 7)
		extended[7] =
			(struct cpuid){ .edx = extended[7].edx & FEATURE_EXT_7_EDX_INVARIANT_TSC };
	/* MONITOR, thermal and power, direct cache access, performance counters, topology, RDT,
	 * SGX, processor trace. */
	static const u8 hidden[] = { 5, 6, 9, 10, 11, 15, 16, 18, 20 };
	for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
		basic[hidden[i]] = (struct cpuid){ 0 };
	basic[6].eax = FEATURE_6_EAX_ARAT;
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
	if (v->guest->nvcpus > 1)
		r.edx |= FEATURE_1_EDX_HTT;
	if (!vlapic_present(&v->lapic))
		r.edx &= ~FEATURE_1_EDX_APIC;
	if (vmread(GUEST_CR4) & CR4_OSXSAVE)
		r.ecx |= FEATURE_1_ECX_OSXSAVE;
	return r;
}

/* How many bits of an APIC id tell the guest's cores apart. */
static u32 id_bits(const struct vcpu *v)
{
	u32 bits = 0;

	while (1u << bits < v->guest->nvcpus)
		bits++;
	return bits;
}

/* No sharing of caches; EAX 31:26 is the highest APIC id that a core of the package may have. */
static struct cpuid leaf_4(const struct vcpu *v, u32 sub)
{
	struct cpuid r = { 0 };

	if (sub < SUBLEAVES && cache[sub].eax & 0x1f) {
		r = cache[sub];
		r.eax |= ((1u << id_bits(v)) - 1) << 26;
	}
	return r;
}

/* Topology: one thread in each core, all cores in one package. */
static struct cpuid leaf_b(const struct vcpu *v, u32 sub)
{
	enum { LEVEL_SMT = 1 << 8, LEVEL_CORE = 2 << 8 };
	struct cpuid r = { .ecx = sub & 0xff, .edx = v->lapic.id };

	if (sub == 0) {
		r.ebx = 1;
		r.ecx |= LEVEL_SMT;
	} else if (sub == 1) {
		r.eax = id_bits(v);
		r.ebx = v->guest->nvcpus;
		r.ecx |= LEVEL_CORE;
	}
	return r;
}

/* The clocks of a guest, in kHz. */
static u32 tsc_khz(const struct guest *g)
{
	return g->ticks_per_us * 1000;
}

static u32 timer_khz(const struct guest *g)
{
	return (u32)(MIN(lapic_timer_hz(g->ticks_per_us), 0xffffffffu) / 1000);
}

/*
 * The TSC and the crystal that it comes from, which is that of the APIC timer: TSC = ECX * EBX /
 * EAX. Who computes that in kHz and 32 bits, as Linux does, must not overflow at EBX. So the
 * fraction is the best one with so small an EBX: the convergents of the continued fraction, and the
 * one between the last two that still fits.
 */
static struct cpuid leaf_15(const struct guest *g)
{
	u64 crystal = timer_khz(g), tsc = tsc_khz(g), a = tsc, b = crystal, max, k;
	u64 n0 = 0, d0 = 1, n1 = 1, d1 = 0;

	if (!crystal)
		return (struct cpuid){ 0 };
	for (max = 0xffffffffu / crystal; b; k = a % b, a = b, b = k) {
		u64 whole = a / b, left = n1 ? MIN(whole, (max - n0) / n1) : whole;
		u64 n = n0 + left * n1, d = d0 + left * d1;

		if (left < whole && 2 * left < whole)
			break; /* further from it than the last convergent */
		n0 = n1;
		d0 = d1;
		n1 = n;
		d1 = d;
		if (left < whole)
			break;
	}
	return (struct cpuid){ .eax = (u32)d1, .ebx = (u32)n1, .ecx = (u32)crystal * 1000 };
}

/* In MHz: the base, the maximum, the bus. */
static struct cpuid leaf_16(const struct guest *g)
{
	return (struct cpuid){ .eax = g->ticks_per_us,
			       .ebx = g->ticks_per_us,
			       .ecx = timer_khz(g) / 1000 };
}

/*
 * Linux uses x2APIC mode without interrupt remapping only where it knows the hypervisor. So who asks for
 * x2apic gets the leaves of KVM behind our own, with none of its features.
 */
static struct cpuid hypervisor_leaf(const struct guest *g, u32 leaf)
{
	struct cpuid r = { 0 };

	if (leaf == HYPERVISOR_LEAF) {
		r.eax = HYPERVISOR_CLOCKS_LEAF;
		vendor(&r, "Interlock   ");
	} else if (leaf == HYPERVISOR_CLOCKS_LEAF) {
		r.eax = tsc_khz(g);
		r.ebx = timer_khz(g);
	} else if (leaf == KVM_LEAF && g->x2apic) {
		r.eax = KVM_LEAF + 1;
		vendor(&r, "KVMKVMKVM\0\0");
	}
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
		return leaf_4(v, sub);
	case 7:
		return sub == 0 ? basic[7] : r;
	case 0xb:
		return leaf_b(v, sub);
	case 0xd:
		return leaf_d(v, sub);
	case 0x15:
		return leaf_15(v->guest);
	case HYPERVISOR_LEAF ... KVM_LEAF:
		return hypervisor_leaf(v->guest, leaf);
	}
	if (leaf - 0x80000000u <= extended_max)
		return extended[leaf - 0x80000000u];
	/* An unknown leaf answers as the highest basic one (SDM, CPUID). */
	return leaf < HYPERVISOR_LEAF ? leaf_16(v->guest) : r;
}

#define SPECIAL_LEAVES                                                                             \
	(BIT(1) | BIT(4) | BIT(7) | BIT(0xb) | BIT(0xd) | BIT(0x15) | BIT(BASIC_LEAVES - 1))
_Static_assert(BASIC_LEAVES <= 64, "SPECIAL_LEAVES has a bit for each");

static inline void answer(struct vcpu *v, struct cpuid r)
{
	v->regs.rax = r.eax;
	v->regs.rbx = r.ebx;
	v->regs.rcx = r.ecx;
	v->regs.rdx = r.edx;
	vcpu_skip();
}

static __attribute__((noinline)) void exit_special(struct vcpu *v)
{
	answer(v, special(v, (u32)v->regs.rax, (u32)v->regs.rcx));
}

void exit_cpuid(struct vcpu *v)
{
	u32 leaf = (u32)v->regs.rax;

	if (likely(leaf < BASIC_LEAVES && !(SPECIAL_LEAVES >> leaf & 1)))
		answer(v, basic[leaf]);
	else
		exit_special(v);
}
