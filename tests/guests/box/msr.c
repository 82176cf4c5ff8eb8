/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every MSR of the two ranges that a processor's bitmap knows, and some beyond. */
#include "tests/guests/box/box.h"

#define HIGH 0xc0000000u
#define COUNT 0x2000u

struct access {
	u32 msr;
	u64 value;
};

static void get(void *arg)
{
	struct access *a = arg;

	a->value = rdmsr(a->msr);
}

static void set(void *arg)
{
	const struct access *a = arg;

	wrmsr(a->msr, a->value);
}

/* What a guest of Interlock has, and what it reads there after a reset, unless it is a kernel's own
 * business. */
enum { ZERO, ANY };
static const struct {
	u32 msr;
	u8 value;
} known[] = {
	{ MSR_TSC, ANY },
	{ MSR_TSC_ADJUST, ZERO },
	{ MSR_APIC_BASE, ANY },
	{ MSR_FEATURE_CONTROL, ANY },
	{ MSR_PLATFORM_ID, ANY },
	{ MSR_BIOS_SIGN_ID, ANY },
	{ MSR_SYSENTER_CS, ZERO },
	{ MSR_SYSENTER_ESP, ZERO },
	{ MSR_SYSENTER_EIP, ZERO },
	{ MSR_MISC_ENABLE, ANY },
	{ MSR_DEBUGCTL, ZERO },
	{ MSR_PAT, ANY },
	{ MSR_TSC_DEADLINE, ZERO },
	{ MSR_EFER, ANY },
	{ MSR_STAR, ZERO },
	{ MSR_LSTAR, ZERO },
	{ MSR_CSTAR, ZERO },
	{ MSR_FMASK, ZERO },
	{ MSR_FS_BASE, ZERO },
	{ MSR_GS_BASE, ZERO },
	{ MSR_KERNEL_GS_BASE, ZERO },
	{ MSR_TSC_AUX, ZERO },
};

static u32 number(u32 i)
{
	return i < COUNT ? i : HIGH + i - COUNT;
}

static bool is_mtrr(u32 msr)
{
	return msr == MSR_MTRR_CAP || msr == MSR_MTRR_DEF_TYPE ||
	       (msr >= MSR_MTRR_VARIABLE && msr < MSR_MTRR_VARIABLE + 16) || msr == 0x250 ||
	       msr == 0x258 || msr == 0x259 || (msr >= 0x268 && msr <= 0x26f);
}

static const char *judge(u32 msr, u64 value)
{
	if (is_mtrr(msr))
		return NULL;
	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].msr == msr)
			return known[i].value == ZERO && value ? "is not 0" : NULL;
	return "is readable";
}

/* The kernel's own clock; and a write may end its life on a machine that takes it: QEMU's emulation takes
 * anything. */
static bool spared(u32 msr)
{
	if (msr == MSR_TSC || msr == MSR_TSC_ADJUST)
		return true;
	return is_tcg() && (msr == MSR_APIC_BASE || msr == MSR_EFER || msr == MSR_TSC_DEADLINE);
}

static u32 odd_vectors;

static u32 attempt(void (*fn)(void *), struct access *a)
{
	u32 vector = rt_try(fn, a, this_vcpu());

	odd_vectors += vector != NO_FAULT && vector != VECTOR_GP;
	return vector;
}

static void sweep(void)
{
	u32 readable = 0, writable = 0, strange = 0;

	odd_vectors = 0;
	for (u32 i = 0; i < 2 * COUNT; i++) {
		struct access a = { .msr = number(i) };
		bool read = attempt(get, &a) == NO_FAULT;
		const char *why = read ? judge(a.msr, a.value) : NULL;
		u64 old = a.value;

		readable += read;
		if (why && !is_tcg()) {
			strange++;
			say("MSR %x %s: %lx", a.msr, why, a.value);
		}
		if (spared(a.msr))
			continue;
		if (attempt(set, &a) == NO_FAULT)
			writable++;
		a.value = ~0ull;
		attempt(set, &a);
		a.value = old;
		if (read)
			attempt(set, &a);
	}
	say("%u MSRs are readable, %u take a write", readable, writable);
	is(odd_vectors, 0, "MSRs: a value or #GP");
	if (!tcg_lacks("it has every MSR", "MSRs: none is readable that a guest should not have"))
		is(strange, 0, "MSRs: none is readable that a guest should not have");
}

static void beyond(void)
{
	static const u32 some[] = { 0x2000,	0x10000,    0x40000000, 0x4b564d00, 0x80000000,
				    0xbfffffff, 0xc0002000, 0xc0010000, 0xc0011000, 0xffffffff };
	u32 wrong = 0;

	for (u32 i = 0; i < ARRAY_SIZE(some); i++) {
		struct access a = { .msr = some[i] };

		wrong += attempt(get, &a) != VECTOR_GP;
		wrong += attempt(set, &a) != VECTOR_GP;
	}
	if (!tcg_lacks("it has every MSR", "MSRs outside of the bitmap's ranges: #GP"))
		is(wrong, 0, "MSRs outside of the bitmap's ranges: #GP");
}

static u32 try_set(u32 msr, u64 value)
{
	return attempt(set, &(struct access){ msr, value });
}

static void values(void)
{
	u64 efer = rdmsr(MSR_EFER);

	if (tcg_lacks("it takes anything", "EFER: reserved bits", "EFER: LME while paging",
		      "PAT: a reserved type", "DEBUGCTL: reserved bits",
		      "FEATURE_CONTROL is locked", "LSTAR: not canonical",
		      "SYSENTER_EIP: not canonical", "FS base: not canonical",
		      "APIC base: reserved bits", "APIC base: x2APIC mode without being enabled"))
		return;
	is(try_set(MSR_EFER, efer | BIT(12)), VECTOR_GP, "EFER: reserved bits");
	is(try_set(MSR_EFER, efer & ~EFER_LME), VECTOR_GP, "EFER: LME while paging");
	is(try_set(MSR_PAT, 0x0207040600070406), VECTOR_GP, "PAT: a reserved type");
	is(try_set(MSR_DEBUGCTL, BIT(63)), VECTOR_GP, "DEBUGCTL: reserved bits");
	is(try_set(MSR_FEATURE_CONTROL, 5), VECTOR_GP, "FEATURE_CONTROL is locked");
	is(try_set(MSR_LSTAR, BIT(63)), VECTOR_GP, "LSTAR: not canonical");
	is(try_set(MSR_SYSENTER_EIP, BIT(63)), VECTOR_GP, "SYSENTER_EIP: not canonical");
	is(try_set(MSR_FS_BASE, BIT(63)), VECTOR_GP, "FS base: not canonical");
	is(try_set(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(0)), VECTOR_GP,
	   "APIC base: reserved bits");
	is(try_set(MSR_APIC_BASE, (rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC) & ~APIC_BASE_ENABLE),
	   VECTOR_GP, "APIC base: x2APIC mode without being enabled");
}

static void machine_checks(void)
{
	struct access a = { .msr = 0x179 }; /* MCG_CAP */
	bool mca = cpuid(1, 0).edx & BIT(14);
	u64 cr4 = read_cr4();

	is(attempt(get, &a), mca ? NO_FAULT : VECTOR_GP, "MCG_CAP as CPUID says");
	a.msr = 0x400; /* MC0_CTL */
	is(attempt(get, &a), mca ? NO_FAULT : VECTOR_GP, "MC0_CTL as CPUID says");
	write_cr4(cr4 | CR4_MCE);
	is(read_cr4(), cr4 | CR4_MCE, "CR4.MCE is kept when it is set");
	write_cr4(cr4 & ~CR4_MCE);
	is(read_cr4(), cr4 & ~CR4_MCE, "CR4.MCE is kept when it is cleared");
	write_cr4(cr4);
}

void test_msrs(void)
{
	box_init();
	sweep();
	beyond();
	values();
	machine_checks();
	/* The kernel works. */
	apic_setup(NULL);
	forget();
	send_self(0x55);
	ok(until(BOUND_MS, my_hits(0x55)), "an interrupt comes afterwards");
}
