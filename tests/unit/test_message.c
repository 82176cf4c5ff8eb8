/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to the guest's local APICs that no local APIC sends, or that x2APICs do; level triggers
 * and their end; the local interrupt pins; errors.
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c mm/frame.c tests/unit/fake.c
 * links: tests/unit/apics.c
 */
#include "tests/unit/apics.h"

#define MASKED 0x10000u
#define X2(reg) (MSR_X2APIC + (reg) / 16)

static void message(u32 dest, bool logical, u8 mode, u8 vector, bool level)
{
	struct apic_message m = {
		.dest = dest, .logical = logical, .mode = mode, .vector = vector, .level = level
	};

	vlapic_message(apics[0].peers, APICS, NULL, &m);
}

/* A bit for each APIC at which VECTOR waits; takes and ends it. */
static unsigned takers(u32 vector)
{
	unsigned set = 0;

	for (unsigned i = 0; i < APICS; i++) {
		if (vlapic_pending(&apics[i]) != (int)vector)
			continue;
		vlapic_accept(&apics[i], vector);
		vlapic_write(&apics[i], APIC_EOI, 0);
		set |= 1u << i;
	}
	return set;
}

static void to_x2apic(unsigned i)
{
	assert_int_equal(vlapic_wrmsr(&apics[i], MSR_APIC_BASE, apics[i].base | APIC_BASE_X2APIC),
			 1);
}

static void from_io_apic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < APICS; i++)
		vlapic_write(&apics[i], APIC_LDR, 1u << (24 + i));
	message(2, false, DELIVER_FIXED, 0x41, false);
	assert_int_equal(notified[2], 1);
	assert_int_equal(takers(0x41), 4);
	message(0xff, false, DELIVER_FIXED, 0x42, false);
	assert_int_equal(takers(0x42), 15);
	message(0xa, true, DELIVER_FIXED, 0x43, false);
	assert_int_equal(takers(0x43), 10);
	message(0xffffffff, false, DELIVER_FIXED, 0x44, false); /* no broadcast of eight bits */
	assert_int_equal(takers(0x44), 0);
	message(0x101, true, DELIVER_FIXED, 0x44, false);
	assert_int_equal(takers(0x44), 0);
	notified[1] = 0;
	message(1, false, DELIVER_SMI, 0, false);
	message(1, false, 3, 0x44, false); /* reserved */
	assert_int_equal(notified[1] | apics[1].startup, 0);
	message(1, false, DELIVER_NMI, 0x44, false);
	message(1, false, DELIVER_EXTINT, 0x44, false);
	assert_int_equal(apics[1].startup, STARTUP_NMI | STARTUP_EXTINT);
	assert_int_equal(notified[1], 2);
	message(1, false, DELIVER_INIT, 0, false);
	message(1, false, DELIVER_SIPI, 0x9f, false);
	assert_int_equal(apics[1].startup, STARTUP_INIT | STARTUP_SIPI | 0x9f);
	assert_int_equal(takers(0x44), 0);
}

/* Disabled by software: all but what goes by the IRR. Disabled altogether: nothing. */
static void disabled(void **state)
{
	(void)state;
	vlapic_write(&apics[1], APIC_SVR, 0xff);
	message(1, false, DELIVER_FIXED, 0x41, false);
	message(1, false, DELIVER_LOWEST, 0x41, false);
	assert_int_equal(notified[1], 0);
	message(1, false, DELIVER_NMI, 0, false);
	message(1, false, DELIVER_EXTINT, 0, false);
	message(1, false, DELIVER_INIT, 0, false);
	assert_int_equal(notified[1], 3);

	message(2, false, DELIVER_FIXED, 0x41, false); /* sent just before; lost then */
	assert_int_equal(vlapic_wrmsr(&apics[2], MSR_APIC_BASE, 0xfee00000), 1);
	assert_int_equal(vlapic_pending(&apics[2]), -1);
	notified[2] = 0;
	for (u8 mode = 0; mode < 8; mode++) {
		message(2, false, mode, 0x41, false);
		message(0xff, false, mode, 0x41, false);
		send(0, 2, (u32)mode << 8 | 0x41);
		send(0, 0, 2u << 18 | (u32)mode << 8 | 0x41);
	}
	assert_int_equal(notified[2] | apics[2].startup, 0);
	assert_int_equal(vlapic_pending(&apics[2]), -1);
	/* One who had looked at it before sends now. */
	apics[2].pending[2] = 2;
	apics[2].pending_words = 4;
	assert_int_equal(vlapic_pending(&apics[2]), -1);
	assert_int_equal(vlapic_wrmsr(&apics[2], MSR_APIC_BASE, 0xfee00800), 1);
	assert_int_equal(vlapic_pending(&apics[2]), -1);
}

/* The lowest class of TPR, and turns among equals. */
static void lowest_priority(void **state)
{
	static const unsigned turns[] = { 1, 2, 4, 8, 1, 2 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(turns); i++) {
		message(0xff, false, DELIVER_LOWEST, 0x41, false);
		assert_int_equal(takers(0x41), turns[i]);
	}
	for (unsigned i = 0; i < APICS; i++)
		vlapic_write(&apics[i], APIC_TPR, 0x20 + i); /* one class */
	vlapic_write(&apics[1], APIC_TPR, 0x1f);
	for (unsigned i = 0; i < 3; i++) {
		message(0xff, false, DELIVER_LOWEST, 0x41, false);
		assert_int_equal(takers(0x41), 2);
	}
	vlapic_write(&apics[1], APIC_SVR, 0xff);
	message(3, false, DELIVER_LOWEST, 0x41, false);
	assert_int_equal(takers(0x41), 8);
	message(1, false, DELIVER_LOWEST, 0x41, false);
	assert_int_equal(takers(0x41), 0);
}

static void x2apic_destinations(void **state)
{
	static const u32 ids[APICS] = { 1, 0x13, 0x14, 0x102 };

	(void)state;
	for (unsigned i = 0; i < APICS; i++) {
		apics[i].id = ids[i];
		to_x2apic(i);
		assert_int_equal(vlapic_get(&apics[i], APIC_LDR),
				 ids[i] / 16 << 16 | 1u << ids[i] % 16);
	}
#define ICR(dest, low) vlapic_wrmsr(&apics[0], X2(APIC_ICR), (u64)(dest) << 32 | (low))
	assert_int_equal(ICR(0x102, 0x41), 1);
	assert_int_equal(takers(0x41), 8);
	ICR(0x18, 0x42 | BIT(11)); /* cluster 0 alone, and nobody in it */
	assert_int_equal(takers(0x42), 0);
	ICR(0x10018, 0x42 | BIT(11));
	assert_int_equal(takers(0x42), 6);
	ICR(0x1ffff, 0x42 | BIT(11));
	assert_int_equal(takers(0x42), 6);
	ICR(0x100004, 0x42 | BIT(11));
	assert_int_equal(takers(0x42), 8);
	ICR(0xff, 0x43); /* an id */
	assert_int_equal(takers(0x43), 0);
	ICR(0xffffffff, 0x44);
	assert_int_equal(takers(0x44), 15);
	ICR(0xffffffff, 0x45 | BIT(11));
	assert_int_equal(takers(0x45), 15);
	message(0xff, false, DELIVER_FIXED, 0x46, false); /* an I/O APIC's is everybody */
	assert_int_equal(takers(0x46), 15);
	message(2, true, DELIVER_FIXED, 0x47, false);
	assert_int_equal(takers(0x47), 1);
	assert_int_equal(vlapic_wrmsr(&apics[2], X2(APIC_SELF_IPI), 0x48), 1);
	assert_int_equal(takers(0x48), 4);
}

static bool tmr(unsigned i, u32 vector)
{
	return vlapic_get(&apics[i], APIC_TMR + vector / 32 * 16) >> vector % 32 & 1;
}

/* EOI tells of the end of what came by level, and of no other. */
static void level(void **state)
{
	(void)state;
	message(0, false, DELIVER_FIXED, 0x61, true);
	assert_false(tmr(0, 0x61)); /* not before it is accepted */
	assert_int_equal(vlapic_pending(&apics[0]), 0x61);
	assert_true(tmr(0, 0x61));
	vlapic_accept(&apics[0], 0x61);
	message(0, false, DELIVER_FIXED, 0x81, false);
	assert_int_equal(vlapic_pending(&apics[0]), 0x81);
	assert_true(tmr(0, 0x61));
	vlapic_accept(&apics[0], 0x81);
	vlapic_write(&apics[0], APIC_EOI, 0);
	assert_int_equal(ended[0], 0);
	vlapic_write(&apics[0], APIC_EOI, 0);
	assert_int_equal(ended[0], 0x61);
	ended[0] = 0;
	vlapic_write(&apics[0], APIC_EOI, 0); /* nothing is in service */
	assert_int_equal(ended[0], 0);

	/* The trigger mode is that of the last time, by message or by IPI. */
	message(0, false, DELIVER_FIXED, 0x61, true);
	message(0, false, DELIVER_FIXED, 0x61, false);
	assert_int_equal(takers(0x61), 1);
	assert_int_equal(ended[0], 0);
	assert_false(tmr(0, 0x61));
	message(0, false, DELIVER_FIXED, 0x61, true);
	vlapic_pending(&apics[0]);
	send(0, 0, 0x61 | BIT(15) | BIT(14)); /* in an IPI the bit says nothing */
	assert_int_equal(takers(0x61), 1);
	assert_int_equal(ended[0], 0);
	message(3, false, DELIVER_LOWEST, 0xff, true);
	assert_int_equal(takers(0xff), 8);
	assert_int_equal(ended[3], 0xff);
	to_x2apic(3);
	message(3, false, DELIVER_FIXED, 0x10, true);
	assert_int_equal(vlapic_pending(&apics[3]), 0x10);
	vlapic_accept(&apics[3], 0x10);
	assert_int_equal(vlapic_wrmsr(&apics[3], X2(APIC_EOI), 0), 1);
	assert_int_equal(ended[3], 0x10);
}

static void pins(void **state)
{
	struct vlapic *l = &apics[1];

	(void)state;
	vlapic_lint(l, 0, true); /* masked */
	vlapic_lint(l, 1, true);
	vlapic_lint(l, 2, true); /* there is no such pin */
	assert_int_equal(notified[1] | l->startup, 0);
	vlapic_write(l, APIC_LVT_LINT0, 0x41);
	vlapic_write(l, APIC_LVT_LINT1, 0x400);
	vlapic_lint(l, 0, true); /* no edge: it was asserted */
	vlapic_lint(l, 1, true);
	assert_int_equal(notified[1] | l->startup, 0);
	vlapic_lint(l, 0, false);
	vlapic_lint(l, 1, false);
	assert_int_equal(notified[1] | l->startup, 0);
	vlapic_lint(l, 0, true);
	assert_int_equal(notified[1], 1);
	assert_int_equal(takers(0x41), 2);
	vlapic_lint(l, 1, true);
	assert_int_equal(l->startup, STARTUP_NMI);
	assert_int_equal(notified[1], 2);
	vlapic_write(l, APIC_LVT_LINT1, 0x500); /* INIT is not offered */
	vlapic_lint(l, 1, false);
	vlapic_lint(l, 1, true);
	assert_int_equal(notified[1], 2);

	/* ExtINT: the vCPU is to look, and finds the PIC's behind the pin. */
	assert_false(vlapic_takes_extint(l));
	vlapic_write(l, APIC_LVT_LINT0, 0x700);
	assert_true(vlapic_takes_extint(l));
	vlapic_lint(l, 0, false);
	vlapic_lint(l, 0, true);
	assert_int_equal(notified[1], 3);
	vlapic_write(l, APIC_LVT_LINT0, 0x700 | MASKED);
	assert_false(vlapic_takes_extint(l));
	vlapic_write(l, APIC_LVT_LINT0, 0x700);
	vlapic_write(l, APIC_SVR, 0xff);
	assert_false(vlapic_takes_extint(l));

	/* Disabled: INTR and NMI. */
	l->startup = 0;
	vlapic_wrmsr(l, MSR_APIC_BASE, 0xfee00000);
	vlapic_lint(l, 1, false);
	vlapic_lint(l, 1, true);
	assert_int_equal(l->startup, STARTUP_NMI);
	vlapic_lint(l, 0, false);
	vlapic_lint(l, 0, true);
	assert_int_equal(notified[1], 5);
	assert_false(vlapic_takes_extint(l));
	vlapic_wrmsr(&apics[0], MSR_APIC_BASE, 0xfee00100);
	assert_true(vlapic_takes_extint(&apics[0])); /* the bootstrap processor */
}

static u32 errors(struct vlapic *l)
{
	vlapic_write(l, APIC_ESR, 0);
	return vlapic_read(l, APIC_ESR);
}

static void error_interrupt(void **state)
{
	struct vlapic *l = &apics[0];

	(void)state;
	vlapic_write(l, APIC_LVT_ERROR, 0x51);
	send(0, 1, 3);
	assert_int_equal(takers(0x51), 1);
	send(0, 1, 3); /* not again, until the ESR is written */
	assert_int_equal(vlapic_read(l, 0x3f0), 0);
	assert_int_equal(takers(0x51), 0);
	assert_int_equal(errors(l), 0xa0);
	assert_int_equal(errors(l), 0);
	notified[0] = 0;
	assert_int_equal(vlapic_read(l, 0x40), 0);
	assert_int_equal(notified[0], 1); /* a read, and there is something to deliver */
	assert_int_equal(takers(0x51), 1);
	assert_int_equal(errors(l), 0x80);
	assert_true(vlapic_write(l, 0x40, 0));
	assert_int_equal(takers(0x51), 1);
	assert_int_equal(errors(l), 0x80);
	send(0, 0, 1u << 18 | 3); /* to itself: both ways */
	assert_int_equal(takers(0x51), 1);
	assert_int_equal(errors(l), 0x60);
	message(0, false, DELIVER_FIXED, 15, false); /* received */
	assert_int_equal(takers(0x51), 1);
	assert_int_equal(errors(l), 0x40);
	vlapic_write(l, APIC_LVT_LINT0, 5);
	vlapic_lint(l, 0, true);
	assert_int_equal(takers(0x51), 1);
	assert_int_equal(errors(l), 0x40);

	vlapic_write(l, APIC_LVT_ERROR,
		     0xf); /* an illegal vector there is one error more, no loop */
	send(0, 1, 3);
	assert_int_equal(vlapic_pending(l), -1);
	assert_int_equal(errors(l), 0x60);
	vlapic_write(l, APIC_LVT_ERROR, 0x51 | MASKED);
	send(0, 1, 3);
	assert_int_equal(takers(0x51), 0);
	assert_int_equal(errors(l), 0x20);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, apics_setup)
	const struct CMUnitTest tests[] = {
		TEST(from_io_apic),	   TEST(disabled), TEST(lowest_priority),
		TEST(x2apic_destinations), TEST(level),	   TEST(pins),
		TEST(error_interrupt),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
