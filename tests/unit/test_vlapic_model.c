/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random accesses, messages, pins, time and moves between CPUs against the plain model of
 * apicmodel.c.
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c mm/frame.c
 * links: tests/unit/fake.c tests/unit/apics.c tests/unit/apicmodel.c
 */
#include "tests/unit/apicmodel.h"

#define STEPS 60000
#define RUNS 3

void apicmodel_differs(const char *what, unsigned i, u64 is, u64 should_be)
{
	fail_msg("APIC %u: %s is %lx and not %lx; step %lu with SEED=%lu", i, what, is, should_be,
		 fake_step, fake_seed);
}

static void random_sequences(void **state)
{
	(void)state;
	fake_random_start();
	for (unsigned run = 0; run < RUNS; run++) {
		apicmodel_start();
		for (u64 i = 0; i < STEPS / RUNS; i++, fake_step++) {
			u64 op = fake_random();

			apicmodel_step((const u8 *)&op);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_sequences) };

	return cmocka_run_group_tests_name("vlapic_model", tests, NULL, NULL);
}
