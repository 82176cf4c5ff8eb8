/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random interrupts, ends of interrupts and priorities against a model of plain sets of vectors.
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c mm/frame.c tests/unit/fake.c
 * links: tests/unit/apics.c
 */
#include "tests/unit/apics.h"

#define STEPS 100000
#define TO_ALL (2u << 18)

/* The model: a flag for each vector. */
static bool irr[APICS][256], isr[APICS][256];
static u32 tpr[APICS];

static int highest(const bool *set)
{
	for (int v = 255; v >= 0; v--)
		if (set[v])
			return v;
	return -1;
}

static void compare(unsigned i)
{
	int serving = highest(isr[i]);
	u32 ppr = tpr[i];

	if (serving >= 0 && (u32)serving >> 4 > tpr[i] >> 4)
		ppr = (u32)serving & 0xf0;
	CHECK(vlapic_pending(&apics[i]) == highest(irr[i]));
	CHECK(vlapic_ppr(&apics[i]) == ppr);
	CHECK(vlapic_read(&apics[i], APIC_PPR) == ppr);
	for (unsigned v = 0; v < 256; v++) {
		u32 reg = v / 32 * 16, bit = 1u << v % 32;

		CHECK(!(vlapic_get(&apics[i], APIC_IRR + reg) & bit) == !irr[i][v]);
		CHECK(!(vlapic_get(&apics[i], APIC_ISR + reg) & bit) == !isr[i][v]);
	}
}

static void random_sequences(void **state)
{
	(void)state;
	fake_random_start();
	memset(irr, 0, sizeof(irr));
	memset(isr, 0, sizeof(isr));
	memset(tpr, 0, sizeof(tpr));
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		unsigned from = fake_random() % APICS, to = fake_random() % APICS;
		u32 vector = 16 + fake_random() % 240;
		int v = highest(irr[to]);

		switch (fake_random() % 8) {
		case 0 ... 2:
			send(from, to, vector);
			irr[to][vector] = true;
			break;
		case 3:
			send(from, to, TO_ALL | vector);
			for (unsigned i = 0; i < APICS; i++)
				irr[i][vector] = true;
			break;
		case 4 ... 5:
			if (v < 0)
				break;
			CHECK(vlapic_pending(&apics[to]) == v);
			vlapic_accept(&apics[to], (unsigned)v);
			irr[to][v] = false;
			isr[to][v] = true;
			break;
		case 6:
			CHECK(vlapic_write(&apics[to], APIC_EOI, 0));
			if (highest(isr[to]) >= 0)
				isr[to][highest(isr[to])] = false;
			break;
		case 7:
			tpr[to] = fake_random() & 0xff;
			vlapic_write(&apics[to], APIC_TPR, tpr[to]);
			break;
		}
		compare(to);
	}
	for (unsigned i = 0; i < APICS; i++)
		compare(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(random_sequences, apics_setup) };

	return cmocka_run_group_tests_name("vlapic_random", tests, NULL, NULL);
}
