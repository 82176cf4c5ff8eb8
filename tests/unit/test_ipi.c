/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts between the guest's local APICs: who is addressed (SDM, "Determining IPI
 * Destination"), and with what.
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c mm/frame.c tests/unit/fake.c
 * links: tests/unit/apics.c
 */
#include "tests/unit/apics.h"

#define LOGICAL BIT(11)
#define ASSERT BIT(14)
#define LEVEL BIT(15)
#define LOWEST (1u << 8)
#define SMI (2u << 8)
#define NMI (4u << 8)
#define INIT (5u << 8)
#define SIPI (6u << 8)
enum { TO_SELF = 1u << 18, TO_ALL = 2u << 18, TO_OTHERS = 3u << 18 };

/* A bit for each APIC that got VECTOR; takes it from them. */
static unsigned takers(u32 vector)
{
	unsigned set = 0;

	for (unsigned i = 0; i < APICS; i++) {
		if (vlapic_pending(&apics[i]) < 0)
			continue;
		assert_int_equal(vlapic_pending(&apics[i]), vector);
		vlapic_accept(&apics[i], vector);
		vlapic_write(&apics[i], APIC_EOI, 0);
		set |= 1u << i;
	}
	return set;
}

static void destinations(void **state)
{
	static const struct {
		u32 dest, icr;
		unsigned takers; /* of a message from APIC 1 */
	} cases[] = {
		{ 0, 0, 1 },
		{ 1, 0, 2 },
		{ 3, 0, 8 },
		{ 4, 0, 0 },
		{ 0xff, 0, 15 },
		{ 0x0f, 0, 0 },
		{ 2, TO_SELF, 2 },
		{ 2, TO_ALL, 15 },
		{ 2, TO_OTHERS, 13 },
		{ 2, TO_OTHERS | LOGICAL, 13 },
		/* Flat: APIC i has bit i of the logical address. */
		{ 1, LOGICAL, 1 },
		{ 6, LOGICAL, 6 },
		{ 0xff, LOGICAL, 15 },
		{ 0xf0, LOGICAL, 0 },
		{ 0, LOGICAL, 0 },
		{ 0xc, LOWEST | LOGICAL, 4 },
		{ 2, LOWEST, 4 },
	};

	(void)state;
	for (unsigned i = 0; i < APICS; i++)
		vlapic_write(&apics[i], APIC_LDR, 1u << (24 + i));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		send(1, cases[i].dest, cases[i].icr | (0x40 + i));
		assert_int_equal(takers(0x40 + i), cases[i].takers);
		for (unsigned k = 0; k < APICS; k++) {
			assert_int_equal(notified[k], k != 1 && cases[i].takers >> k & 1);
			notified[k] = 0;
		}
	}
	assert_int_equal(vlapic_get(&apics[1], APIC_ICR2), 2u << 24);
}

/* Two clusters of two: the high half of the logical address names the cluster. */
static void clusters(void **state)
{
	static const u32 ldr[APICS] = { 0x11, 0x12, 0x21, 0x24 };

	(void)state;
	for (unsigned i = 0; i < APICS; i++) {
		vlapic_write(&apics[i], APIC_LDR, ldr[i] << 24);
		vlapic_write(&apics[i], APIC_DFR, 0x0fffffff);
	}
	send(0, 0x11, LOGICAL | 0x50);
	assert_int_equal(takers(0x50), 1);
	send(0, 0x13, LOGICAL | 0x51);
	assert_int_equal(takers(0x51), 3);
	send(0, 0x2f, LOGICAL | 0x52);
	assert_int_equal(takers(0x52), 12);
	send(0, 0x31, LOGICAL | 0x53);
	assert_int_equal(takers(0x53), 0);
	send(0, 0xff, LOGICAL | 0x54);
	assert_int_equal(takers(0x54), 15);
	send(0, 0xf1, LOGICAL | 0x56); /* the first of each cluster */
	assert_int_equal(takers(0x56), 5);
	send(0, 0x20, LOGICAL | 0x55);
	assert_int_equal(takers(0x55), 0);
}

/* All ones is everybody, also one whose logical address was never set. */
static void logical_broadcast(void **state)
{
	(void)state;
	send(0, 0xff, LOGICAL | 0x60);
	assert_int_equal(takers(0x60), 15);
}

/* The one that is chosen must be able to take it. */
static void lowest_skips_the_disabled(void **state)
{
	(void)state;
	vlapic_write(&apics[0], APIC_SVR, 0xff);
	vlapic_write(&apics[1], APIC_SVR, 0xff);
	send(3, 0xff, LOWEST | 0x60);
	assert_int_equal(takers(0x60), 4);
	send(3, 0xff, 0x61); /* fixed: those that are enabled */
	assert_int_equal(takers(0x61), 12);
	send(3, 0, NMI);
	assert_int_equal(apics[0].startup, STARTUP_NMI); /* comes all the same */
}

static void illegal_vectors(void **state)
{
	(void)state;
	for (u32 vector = 0; vector < 16; vector++) {
		send(0, 1, vector);
		send(0, 1, LOWEST | vector);
		assert_int_equal(takers(0), 0);
		assert_int_equal(vlapic_read(&apics[0], APIC_ESR), 0); /* until it is written */
		vlapic_write(&apics[0], APIC_ESR, 0xff);
		assert_int_equal(vlapic_read(&apics[0], APIC_ESR), 0x20);
		vlapic_write(&apics[0], APIC_ESR, 0);
		assert_int_equal(vlapic_read(&apics[0], APIC_ESR), 0);
	}
	send(0, 1, 16);
	assert_int_equal(takers(16), 2);
	vlapic_write(&apics[0], APIC_ESR, 0);
	assert_int_equal(vlapic_read(&apics[0], APIC_ESR), 0);
}

static void start_up(void **state)
{
	(void)state;
	send(0, 2, INIT | ASSERT | LEVEL);
	assert_int_equal(apics[2].startup, STARTUP_INIT);
	assert_int_equal(notified[2], 1);
	send(0, 2, INIT | LEVEL); /* de-assert */
	assert_int_equal(notified[2], 1);
	send(0, 2, SIPI | 0x08);
	assert_int_equal(apics[2].startup, STARTUP_INIT | STARTUP_SIPI | 0x08);
	send(0, 2, SIPI | 0x41); /* the vector is replaced, not mixed */
	assert_int_equal(apics[2].startup, STARTUP_INIT | STARTUP_SIPI | 0x41);
	send(0, 2, INIT | ASSERT);
	assert_int_equal(apics[2].startup, STARTUP_INIT);
	send(0, 2, NMI);
	assert_int_equal(apics[2].startup, STARTUP_INIT | STARTUP_NMI);
	assert_int_equal(notified[2], 5);

	send(0, 2, INIT); /* by edge: the level does not matter */
	assert_int_equal(apics[2].startup, STARTUP_INIT);

	/* To itself: an NMI is one, INIT and SIPI are nothing. */
	send(1, 0, TO_SELF | NMI);
	assert_int_equal(apics[1].startup, STARTUP_NMI);
	send(1, 0, TO_ALL | INIT | ASSERT);
	assert_int_equal(apics[1].startup, STARTUP_NMI);
	assert_int_equal(apics[0].startup, STARTUP_INIT);
	assert_int_equal(apics[3].startup, STARTUP_INIT);
	send(1, 0, TO_OTHERS | SIPI | 9);
	assert_int_equal(apics[1].startup, STARTUP_NMI);
	assert_int_equal(apics[3].startup, STARTUP_INIT | STARTUP_SIPI | 9);
	/* No vector of theirs is an interrupt. */
	assert_int_equal(takers(0), 0);
	send(1, 3, SMI);
	assert_int_equal(apics[3].startup, STARTUP_INIT | STARTUP_SIPI | 9);
	assert_int_equal(takers(0), 0);
}

/* The delivery status reads as idle, and reserved bits as 0. */
static void icr_bits(void **state)
{
	(void)state;
	send(0, 9, 0xfff33fff & ~0x700u);
	assert_int_equal(vlapic_get(&apics[0], APIC_ICR), 0xfff33fff & ~0x700u & 0x000ccfff);
	assert_int_equal(vlapic_get(&apics[0], APIC_ICR) & BIT(12), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(destinations, apics_setup),
		cmocka_unit_test_setup(clusters, apics_setup),
		cmocka_unit_test_setup(logical_broadcast, apics_setup),
		cmocka_unit_test_setup(lowest_skips_the_disabled, apics_setup),
		cmocka_unit_test_setup(illegal_vectors, apics_setup),
		cmocka_unit_test_setup(start_up, apics_setup),
		cmocka_unit_test_setup(icr_bits, apics_setup),
	};

	return cmocka_run_group_tests_name("ipi", tests, NULL, NULL);
}
