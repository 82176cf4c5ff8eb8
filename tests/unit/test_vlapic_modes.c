/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modes of the guest's local APIC and the changes between them; the MSRs of x2APIC mode; TSC
 * deadlines, and the timer's changes of mode.
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c mm/frame.c tests/unit/fake.c
 * links: tests/unit/apics.c
 */
#include "tests/unit/apics.h"

#define MASKED 0x10000u
#define PERIODIC 0x20000u
#define DEADLINE 0x40000u
#define X2(reg) (MSR_X2APIC + (reg) / 16)

static struct vlapic *const l = &apics[0];

static int setup(void **state)
{
	apics_setup(state);
	apics_cpu = 0;
	return 0;
}

static u64 msr(u32 number)
{
	u64 value = 0;

	assert_int_equal(vlapic_rdmsr(l, number, &value), 0);
	return value;
}

static void x2apic(void)
{
	assert_int_equal(vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00d00), 1);
}

static void transitions(void **state)
{
	enum { OFF = 0, INVALID = 0x400, XAPIC = 0x800, X2APIC = 0xc00 };
	static const struct {
		u32 from, to;
		bool legal;
	} cases[] = {
		{ OFF, OFF, true },	    { OFF, INVALID, false },  { OFF, XAPIC, true },
		{ OFF, X2APIC, false },	    { XAPIC, OFF, true },     { XAPIC, INVALID, false },
		{ XAPIC, XAPIC, true },	    { XAPIC, X2APIC, true },  { X2APIC, OFF, true },
		{ X2APIC, INVALID, false }, { X2APIC, XAPIC, false }, { X2APIC, X2APIC, true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 to = 0xfee00100 | cases[i].to;
		int want = !cases[i].legal ? -EINVAL : cases[i].from != cases[i].to;

		setup(state);
		if (cases[i].from != XAPIC)
			vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00100 | cases[i].from);
		vlapic_write(l, APIC_TPR, 0x35);
		assert_int_equal(vlapic_wrmsr(l, MSR_APIC_BASE, to), want);
		assert_int_equal(msr(MSR_APIC_BASE),
				 cases[i].legal ? to : 0xfee00100ul | cases[i].from);
		assert_int_equal(vlapic_get(l, APIC_TPR),
				 want == 1 && cases[i].to != X2APIC ? 0 : 0x35);
	}
	setup(state);
	for (unsigned bit = 0; bit < 64; bit++) /* reserved, and the address */
		if (bit != 8 && bit != 10 && bit != 11)
			assert_int_equal(vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00900 ^ BIT(bit)),
					 -EINVAL);
	assert_int_equal(vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00800), 0); /* BSP can be changed */
	assert_int_equal(msr(MSR_APIC_BASE), 0xfee00800);
}

/* What stays from xAPIC to x2APIC mode, what INIT leaves, and what being disabled does. */
static void registers_over_modes(void **state)
{
	(void)state;
	apics[0].id = 0x23;
	vlapic_write(l, APIC_LDR, 0x12000000);
	vlapic_write(l, APIC_TPR, 0x20);
	vlapic_write(l, APIC_LVT_ERROR, 0x51);
	send(0, 0x77, 1u << 18 | 0x41);
	vlapic_write(l, APIC_LVT_TIMER, PERIODIC | 0x40);
	vlapic_write(l, APIC_TIMER_INITIAL, 5000);
	vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00d00);
	assert_int_equal(msr(X2(APIC_ID)), 0x23);
	assert_int_equal(msr(X2(APIC_LDR)), 0x20008);
	assert_int_equal(msr(X2(APIC_TPR)), 0x20);
	assert_int_equal(msr(X2(APIC_SVR)), 0x1ff);
	assert_int_equal(msr(X2(APIC_LVT_ERROR)), 0x51);
	assert_int_equal(msr(X2(APIC_ICR)), 0x40041); /* the high half is lost */
	assert_int_equal(msr(X2(APIC_IRR + 0x20)), 2);
	assert_int_equal(msr(X2(APIC_TIMER_CURRENT)), 5000);

	vlapic_reset(l); /* INIT: the mode and the ids stay */
	assert_int_equal(msr(MSR_APIC_BASE), 0xfee00d00);
	assert_int_equal(msr(X2(APIC_ID)), 0x23);
	assert_int_equal(msr(X2(APIC_LDR)), 0x20008);
	assert_int_equal(msr(X2(APIC_SVR)), 0xff);
	assert_int_equal(msr(X2(APIC_TIMER_CURRENT)), 0);
	assert_int_equal(apics_timer_left(0), 0);

	vlapic_wrmsr(l, X2(APIC_TIMER_INITIAL), 5000);
	vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00100);
	assert_int_equal(apics_timer_left(0), 0);
	vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00900);
	assert_int_equal(vlapic_read(l, APIC_ID), 0x23000000);
	assert_int_equal(vlapic_read(l, APIC_LDR), 0);
	assert_int_equal(vlapic_read(l, APIC_SVR), 0xff);
	assert_int_equal(vlapic_read(l, APIC_LVT_ERROR), MASKED);
}

/* Which exist, and which bits of them a write may set; SDM, "x2APIC Register Address Space". */
static void msr_rules(void **state)
{
	static const struct {
		u32 reg;
		bool read;
		u64 bits; /* that may be written, one by one; ~1: only 0 may; 0: not writable */
	} rules[] = {
		{ APIC_ID, true, 0 },
		{ APIC_LVR, true, 0 },
		{ APIC_TPR, true, 0xff },
		{ APIC_PPR, true, 0 },
		{ APIC_EOI, false, BIT(63) },
		{ APIC_LDR, true, 0 },
		{ APIC_SVR, true, 0x3ff },
		{ APIC_ESR, true, BIT(63) },
		{ APIC_ICR, true, 0xffffffff000cdfff },
		{ APIC_LVT_TIMER, true, 0x750ff },
		{ APIC_LVT_THERMAL, true, 0x157ff },
		{ APIC_LVT_PERFMON, true, 0x157ff },
		{ APIC_LVT_LINT0, true, 0x1f7ff },
		{ APIC_LVT_LINT1, true, 0x1f7ff },
		{ APIC_LVT_ERROR, true, 0x150ff },
		{ APIC_TIMER_INITIAL, true, 0xffffffff },
		{ APIC_TIMER_CURRENT, true, 0 },
		{ APIC_TIMER_DIVIDE, true, 0xb },
		{ APIC_SELF_IPI, false, 0xff },
	};

	for (u32 reg = 0; reg < 0x1000; reg += 16) {
		bool read = reg >= APIC_ISR && reg < APIC_ESR;
		u64 bits = 0, value;

		for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
			if (rules[i].reg == reg) {
				read = rules[i].read;
				bits = rules[i].bits;
			}
		setup(state);
		assert_int_equal(vlapic_rdmsr(l, X2(reg), &value), -EINVAL); /* in xAPIC mode */
		assert_int_equal(vlapic_wrmsr(l, X2(reg), 0), -EINVAL);
		x2apic();
		assert_int_equal(vlapic_rdmsr(l, X2(reg), &value), read ? 0 : -EINVAL);
		assert_int_equal(vlapic_wrmsr(l, X2(reg), 0) >= 0, bits != 0);
		for (unsigned bit = 0; bit < 64; bit++)
			assert_int_equal(vlapic_wrmsr(l, X2(reg), BIT(bit)) >= 0,
					 bits != BIT(63) && bits >> bit & 1);
		vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00100); /* disabled */
		assert_int_equal(vlapic_rdmsr(l, X2(reg), &value), -EINVAL);
		assert_int_equal(vlapic_wrmsr(l, X2(reg), 0), -EINVAL);
	}
}

/* Time passes, and the host's timer interrupts come when they are due. */
static void pass(u64 ticks)
{
	u64 until = apics_now + ticks;

	while (apics_timer_next(apics_cpu) <= until) {
		apics_now = apics_timer_next(apics_cpu);
		assert_true(apics_timer_due(apics_cpu));
		vlapic_timer(l);
	}
	apics_now = until;
}

/* How often the vector waited since; at most once. */
static bool came(void)
{
	bool is = vlapic_pending(l) == 0x40;

	if (is) {
		vlapic_accept(l, 0x40);
		vlapic_write(l, APIC_EOI, 0);
	}
	return is;
}

static void set_deadline(u64 when)
{
	assert_int_equal(vlapic_wrmsr(l, MSR_TSC_DEADLINE, when), 1);
}

static void deadlines(void **state)
{
	(void)state;
	set_deadline(apics_now + 1000); /* in another mode it is nothing */
	assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
	pass(5000);
	assert_false(came());

	vlapic_write(l, APIC_LVT_TIMER, DEADLINE | 0x40);
	vlapic_write(l, APIC_TIMER_DIVIDE, 3); /* divides no deadline */
	for (u64 wait = 1; wait < 1ul << 50; wait = wait * 3 + 1) {
		u64 when = apics_now + wait;

		set_deadline(when);
		assert_int_equal(msr(MSR_TSC_DEADLINE), when);
		pass(wait - 1);
		assert_false(came());
		assert_int_equal(msr(MSR_TSC_DEADLINE), when);
		assert_int_equal(vlapic_read(l, APIC_TIMER_CURRENT), 0);
		pass(3); /* the host's timer counts every other tick */
		assert_true(came());
		assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
		pass(100000);
		assert_false(came());
	}
	set_deadline(apics_now); /* past: at once, once */
	assert_true(came());
	assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
	pass(100000);
	assert_false(came());
	set_deadline(apics_now + 500);
	set_deadline(0);
	pass(100000);
	assert_false(came());
	set_deadline(apics_now + 500);
	set_deadline(apics_now + 5000); /* in its place */
	pass(4990);
	assert_false(came());
	pass(12);
	assert_true(came());

	vlapic_write(l, APIC_LVT_TIMER, MASKED | DEADLINE | 0x40);
	set_deadline(apics_now + 500);
	pass(502);
	assert_false(came());
	assert_int_equal(msr(MSR_TSC_DEADLINE), 0); /* over all the same */
	vlapic_write(l, APIC_TIMER_INITIAL, 77);
	assert_int_equal(vlapic_get(l, APIC_TIMER_INITIAL), 0);
}

/* The deadline is by the guest's TSC, whatever the host's has. */
static void deadline_by_guests_tsc(void **state)
{
	u64 when = apics_now + 1000000;

	(void)state;
	vlapic_write(l, APIC_LVT_TIMER, DEADLINE | 0x40);
	set_deadline(when);
	vlapic_set_tsc_offset(l, 999000); /* 1000 to go */
	assert_int_equal(msr(MSR_TSC_DEADLINE), when);
	pass(999);
	assert_false(came());
	pass(3);
	assert_true(came());
	set_deadline(apics_now + 999000 + 1000);
	vlapic_set_tsc_offset(l, 1000000); /* over by that */
	assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
	assert_true(came());
}

/* It has been reached, and the host's interrupt is on its way: the guest sees it over at once, and
 * gets one interrupt. */
static void deadline_just_reached(void **state)
{
	(void)state;
	vlapic_write(l, APIC_LVT_TIMER, DEADLINE | 0x40);
	set_deadline(apics_now + 500);
	apics_now += 502;
	notified[0] = 0;
	assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
	assert_int_equal(notified[0], 1);
	assert_true(came());
	vlapic_timer(l);
	assert_false(came());

	set_deadline(apics_now + 500);
	apics_now += 502;
	set_deadline(apics_now + 1000); /* the first one is not lost */
	assert_true(came());
	vlapic_timer(l);
	assert_false(came());
	pass(1002);
	assert_true(came());
	set_deadline(apics_now + 500);
	apics_now += 502;
	set_deadline(0);
	assert_true(came());
	vlapic_timer(l);
	assert_false(came());
}

static void deadline_moves(void **state)
{
	(void)state;
	vlapic_write(l, APIC_LVT_TIMER, DEADLINE | 0x40);
	set_deadline(apics_now + 5000);
	pass(1000);
	vlapic_suspend(l);
	assert_int_equal(apics_timer_left(0), 0);
	vlapic_timer(l); /* an early one that was on its way: nothing is set on this CPU */
	assert_int_equal(apics_timer_left(0), 0);
	apics_now += 1000;
	apics_cpu = 3;
	vlapic_resume(l);
	pass(2990);
	assert_false(came());
	pass(12);
	assert_true(came());

	set_deadline(apics_now + 5000);
	vlapic_suspend(l);
	apics_now += 6000; /* it passes meanwhile */
	vlapic_timer(l);
	apics_cpu = 1;
	vlapic_resume(l);
	assert_true(came());
	pass(10000);
	assert_false(came());
	assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
	vlapic_suspend(l); /* disarmed */
	vlapic_resume(l);
	pass(10000);
	assert_false(came());
}

/* With deadlines and the reserved mode the timer is disarmed; from one-shot to periodic and back it
 * goes on. */
static void timer_modes(void **state)
{
	(void)state;
	vlapic_write(l, APIC_TIMER_DIVIDE, 0xb);
	for (u32 mode = 2; mode < 4; mode++) {
		vlapic_write(l, APIC_LVT_TIMER, PERIODIC | 0x40);
		vlapic_write(l, APIC_TIMER_INITIAL, 5000);
		vlapic_write(l, APIC_LVT_TIMER, mode << 17 | 0x40);
		assert_int_equal(vlapic_get(l, APIC_TIMER_INITIAL), 0);
		set_deadline(apics_now + 500);
		vlapic_write(l, APIC_LVT_TIMER, 0x40);
		pass(100000);
		assert_false(came());
		vlapic_write(l, APIC_LVT_TIMER, mode << 17 | 0x40);
		assert_int_equal(msr(MSR_TSC_DEADLINE), 0);
		vlapic_timer(l); /* one that was on its way */
		assert_false(came());
		vlapic_suspend(l);
		vlapic_resume(l);
		pass(100000);
		assert_false(came());
	}
	/* One-shot, then periodic, while it counts. */
	vlapic_write(l, APIC_LVT_TIMER, 0x40);
	vlapic_write(l, APIC_TIMER_INITIAL, 5000);
	pass(4000);
	vlapic_write(l, APIC_LVT_TIMER, PERIODIC | 0x40);
	assert_int_equal(vlapic_read(l, APIC_TIMER_CURRENT), 3000);
	pass(6000);
	assert_true(came());
	pass(10000);
	assert_true(came());
	/* Back. */
	pass(4000);
	vlapic_write(l, APIC_LVT_TIMER, 0x40);
	assert_int_equal(vlapic_read(l, APIC_TIMER_CURRENT), 3000);
	pass(6000);
	assert_true(came());
	pass(100000);
	assert_false(came());
	/* After it has run out: it stays where it is. */
	vlapic_write(l, APIC_LVT_TIMER, PERIODIC | 0x40);
	vlapic_suspend(l);
	vlapic_resume(l);
	pass(100000);
	assert_false(came());
	/* The rate changes while it counts: what is left stays. */
	vlapic_write(l, APIC_TIMER_INITIAL, 5000);
	pass(4000);
	vlapic_write(l, APIC_TIMER_DIVIDE, 0);
	assert_int_equal(vlapic_read(l, APIC_TIMER_CURRENT), 3000);
	pass(11996);
	assert_false(came());
	pass(4);
	assert_true(came());
	pass(20000 - 4);
	assert_false(came());
	pass(4);
	assert_true(came());
}

/* The host's interrupt is on its way when the guest sets the timer anew: it had run out before. */
static void stale_interrupts(void **state)
{
	(void)state;
	vlapic_write(l, APIC_TIMER_DIVIDE, 0xb);
	vlapic_write(l, APIC_LVT_TIMER, 0x40);
	vlapic_write(l, APIC_TIMER_INITIAL, 5000);
	apics_now += 10000;
	assert_true(apics_timer_due(0));
	vlapic_write(l, APIC_TIMER_INITIAL, 7000);
	vlapic_timer(l);
	assert_true(came());
	assert_int_equal(vlapic_read(l, APIC_TIMER_CURRENT), 7000);
	vlapic_write(l, APIC_LVT_TIMER, PERIODIC | 0x40);
	pass(14000);
	assert_true(came());
	pass(13999);
	assert_false(came());
	pass(1);
	assert_true(came());
	/* A period is over, and the rest of the next one is at another rate: it goes on. */
	apics_now += 16000;
	assert_true(apics_timer_due(0));
	vlapic_write(l, APIC_TIMER_DIVIDE, 0);
	vlapic_timer(l);
	assert_true(came());
	assert_int_equal(vlapic_read(l, APIC_TIMER_CURRENT), 6000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		TEST(transitions), TEST(registers_over_modes),	TEST(msr_rules),
		TEST(deadlines),   TEST(deadline_by_guests_tsc), TEST(deadline_just_reached),
		TEST(deadline_moves), TEST(timer_modes), TEST(stale_interrupts),
	};

	return cmocka_run_group_tests_name("vlapic_modes", tests, NULL, NULL);
}
