/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CPUID tells a guest of its APIC, its clocks and its topology, on the CPU that runs the test.
 * links: vmx/cpuid.c mm/frame.c tests/unit/fake.c
 */
#include "apic/lapic.h"
#include "tests/unit/fake.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

struct vmx_caps vmx_caps;
static struct guest guest;
static struct vcpu vcpu;
static u64 timer_hz;

u64 lapic_timer_hz(u32 ticks_per_us)
{
	assert_int_equal(ticks_per_us, guest.ticks_per_us);
	return timer_hz;
}

static int setup(void **state)
{
	(void)state;
	fake_vmcs_clear();
	guest = (struct guest){ .nvcpus = 3, .ticks_per_us = 2904 };
	vcpu = (struct vcpu){ .guest = &guest, .gate.id = 2 };
	vcpu.lapic = (struct vlapic){ .id = 2, .base = VLAPIC_BASE_RESET };
	timer_hz = 24000000;
	cpuid_init();
	return 0;
}

static struct cpuid ask(u32 leaf, u32 sub)
{
	vcpu.regs =
		(struct guest_regs){ .rax = 0xfeed00000000 | leaf, .rcx = 0xfeed00000000 | sub };
	exit_cpuid(&vcpu);
	return (struct cpuid){ (u32)vcpu.regs.rax, (u32)vcpu.regs.rbx, (u32)vcpu.regs.rcx,
			       (u32)vcpu.regs.rdx };
}

static bool is(struct cpuid r, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	return r.eax == eax && r.ebx == ebx && r.ecx == ecx && r.edx == edx;
}

static void features(void **state)
{
	struct cpuid one = ask(1, 0);

	(void)state;
	assert_true(ask(0, 0).eax == 0x16);
	assert_true(one.ecx & BIT(21)); /* x2APIC */
	assert_true(one.ecx & BIT(24)); /* TSC deadline */
	assert_true(one.edx & BIT(9));
	assert_true(one.edx & BIT(28));
	assert_int_equal(one.ebx >> 16, 0x0203);
	assert_false(one.ecx & (BIT(3) | BIT(5))); /* MONITOR, VMX */
	assert_true(is(ask(6, 0), 4, 0, 0, 0));	   /* ARAT */
	assert_true(ask(7, 0).ebx & BIT(1));	   /* TSC_ADJUST */
	assert_int_equal(ask(0x80000007, 0).edx & ~0x100u, 0);
	assert_int_equal(ask(0x80000007, 0).eax | ask(0x80000007, 0).ebx, 0);
	vcpu.lapic.base |= APIC_BASE_X2APIC;
	assert_true(ask(1, 0).edx & BIT(9));
	vcpu.lapic.base = 0xfee00000;
	assert_true((ask(1, 0).edx ^ one.edx) == BIT(9)); /* disabled */
	guest.nvcpus = 1;
	assert_false(ask(1, 0).edx & BIT(28));
}

static void topology(void **state)
{
	static const u8 bits[] = { 0, 0, 1, 2, 2, 3, 3, 3, 3 };

	(void)state;
	for (guest.nvcpus = 1; guest.nvcpus <= 8; guest.nvcpus++) {
		assert_true(is(ask(0xb, 0), 0, 1, 0x100, 2));
		assert_true(is(ask(0xb, 1), bits[guest.nvcpus], guest.nvcpus, 0x201, 2));
		assert_true(is(ask(0xb, 2), 0, 0, 2, 2));
		assert_true(is(ask(0xb, 0x1ff), 0, 0, 0xff, 2));
		if (ask(4, 0).eax)
			assert_int_equal(ask(4, 0).eax >> 14, ((1u << bits[guest.nvcpus]) - 1)
								      << 12);
	}
	assert_int_equal(ask(4, 1000).eax, 0);
}

/* How far EBX / EAX is from what it should be, in a thousand millionth. */
static u64 off(u64 tsc, u64 crystal, u64 n, u64 d)
{
	u64 a = n * crystal, b = tsc * d;

	return (u64)((unsigned __int128)(a > b ? a - b : b - a) * 1000000000 / b);
}

static void clocks(void **state)
{
	static const struct {
		u32 tsc_mhz;
		u64 hz;
	} cases[] = { { 2904, 24000000 },   { 3000, 1000000000 }, { 2995, 1000000000 },
		      { 1000, 62489000 },   { 2400, 99996000 },	  { 1, 1000000 },
		      { 5300, 38400000 },   { 50, 12345678 },	  { 3999, 4294967295 },
		      { 2000, 2000000000 }, { 2001, 2000000000 }, { 2900, 8000 } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 tsc = cases[i].tsc_mhz * 1000ul, crystal = cases[i].hz / 1000, best = ~0ul;
		struct cpuid r;

		guest.ticks_per_us = cases[i].tsc_mhz;
		timer_hz = cases[i].hz;
		r = ask(0x15, 0);
		assert_int_equal(r.ecx, crystal * 1000);
		assert_true(r.eax && r.ebx && !r.edx);
		assert_true(crystal * r.ebx < 1ul << 32);
		for (u64 n = 1; n * crystal < 1ul << 32 && n < 100000; n++) {
			u64 d = n * crystal / tsc;

			if (d)
				best = MIN(best, off(tsc, crystal, n, d));
			best = MIN(best, off(tsc, crystal, n, d + 1));
		}
		assert_true(off(tsc, crystal, r.ebx, r.eax) <= best);
		assert_true(is(ask(0x40000010, 0), (u32)tsc, (u32)crystal, 0, 0));
		assert_true(is(ask(0x16, 0), cases[i].tsc_mhz, cases[i].tsc_mhz,
			       (u32)(crystal / 1000), 0));
	}
	timer_hz = 999; /* none to speak of */
	assert_true(is(ask(0x15, 0), 0, 0, 0, 0));
	timer_hz = ~0ul;
	assert_true(ask(0x15, 0).ecx == 4294967000u);
}

static void leaves_of_nobody(void **state)
{
	struct cpuid last = ask(0x16, 0);

	(void)state;
	assert_true(is(ask(0x17, 0), last.eax, last.ebx, last.ecx, last.edx));
	assert_true(is(ask(0x3fffffff, 0), last.eax, last.ebx, last.ecx, last.edx));
	assert_int_equal(ask(0x40000000, 0).eax, 0x40000010);
	assert_true(ask(0x40000000, 0).ebx == 0x65746e49); /* "Inte" */
	assert_true(is(ask(0x40000001, 0), 0, 0, 0, 0));
	assert_true(is(ask(0x4000000f, 0), 0, 0, 0, 0));
	assert_true(is(ask(0x40000011, 0), 0, 0, 0, 0));
}

/* The leaves that are asked for most need four accesses, two of them here. */
static void accesses(void **state)
{
	(void)state;
	fake_vmcs_clear();
	ask(0, 0);
	assert_int_equal(fake_vmwrites[GUEST_RIP], 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = { TEST(features), TEST(topology), TEST(clocks),
					    TEST(leaves_of_nobody), TEST(accesses) };

	return cmocka_run_group_tests_name("cpuid", tests, NULL, NULL);
}
