/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs and invalidators as threads: each vCPU passes the real gate and then uses its guest's
 * pages through a TLB of its own; one or two invalidators move them meanwhile. No access is ever
 * stale, no write is lost, and there is no data race.
 * sanitizer: thread
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c apic/access.c
 * links: vmx/guestmem.c mm/backing.c mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c
 * links: tests/unit/cpus.c tests/unit/world.c tests/unit/fake.c
 */
#include <pthread.h>

#include "mm/frame.h"
#include "tests/unit/cpus.h"

#define PAGES 6 /* of data; moved all the time */
#define INVALIDATORS 2
#define MOVES 4000

static struct batch batches[INVALIDATORS];
static u64 moved[INVALIDATORS], apic_moved[INVALIDATORS];

static void *invalidator_thread(void *arg)
{
	unsigned index = (unsigned)(u64)arg;
	struct batch *b = &batches[index];
	u64 random = fake_seed * 1000 + index + 77;

	while (!cpus_running())
		cpu_relax();
	for (unsigned i = 0; i < MOVES; i++) {
		bool apic = random_next(&random) % 2;

		if (apic)
			batch_add(b, APIC_ACCESS_GFN);
		for (u64 n = random_next(&random) % (PAGES + 1); n; n--)
			batch_add(b, random_next(&random) % PAGES);
		apic = apic && b->npages && b->page[0].gfn == APIC_ACCESS_GFN;
		moved[index] += protocol_run(b);
		apic_moved[index] += apic;
	}
	return NULL;
}

static void start(unsigned invalidators, pthread_t *threads)
{
	memset(batches, 0, sizeof(batches));
	memset(moved, 0, sizeof(moved));
	memset(apic_moved, 0, sizeof(apic_moved));
	cpus_start();
	for (u64 i = 0; i < invalidators; i++) {
		batches[i].ept = &ept;
		assert_int_equal(pthread_create(&threads[i], NULL, invalidator_thread, (void *)i),
				 0);
	}
}

static void run(const char *protocol, unsigned invalidators)
{
	pthread_t inv[INVALIDATORS];
	u64 sum = 0, apic = 0, ipis = 0;

	ept.protocol = protocol_find(protocol);
	ept.large = invalidators == 2; /* the first moves then split leaves */
	populate(APIC_ACCESS_GFN); /* a guest has it from the start; its RAM comes with its use */
	start(invalidators, inv);
	for (unsigned i = 0; i < invalidators; i++) {
		pthread_join(inv[i], NULL);
		sum += moved[i];
		apic += apic_moved[i];
		ipis += batches[i].sum.ipis;
	}
	cpus_stop();
	cpus_join();
	ram_check();
	for (u64 gfn = 0; gfn < PAGES; gfn++)
		assert_int_equal(p_of(gfn) & ~P_ADDRESS, P_PRESENT);
	assert_int_equal(p_of(APIC_ACCESS_GFN) & ~P_ADDRESS, P_PRESENT);
	cpus_check_all();
	assert_true(sum > MOVES && apic > MOVES / 8 && ipis > 0);
	print_message("# %s, %u: moved %lu, %lu times the APIC page, %lu IPIs\n", protocol,
		      invalidators, sum, apic, ipis);
}

static int setup(void **state)
{
	int err;

	fake_frames(2200);
	err = ram_setup(state, ~0ul, 0);
	cpus_setup((struct cpus_use){ .pages = PAGES, .apic_every = 3, .host_every = 8 });
	return err;
}

#define RUNS(name, protocol)                                                                       \
	static void name##_1(void **state)                                                         \
	{                                                                                          \
		(void)state;                                                                       \
		run(protocol, 1);                                                                  \
	}                                                                                          \
	static void name##_2(void **state)                                                         \
	{                                                                                          \
		(void)state;                                                                       \
		run(protocol, 2);                                                                  \
	}
RUNS(ordered, "ordered")
RUNS(gated, "gated")
RUNS(range_notifier, "range-notifier")

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = {
		TEST(ordered_1), TEST(ordered_2),	 TEST(gated_1),
		TEST(gated_2),	 TEST(range_notifier_1), TEST(range_notifier_2),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
