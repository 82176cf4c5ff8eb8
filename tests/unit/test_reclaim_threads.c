/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs that use four times the memory they have, while it is reclaimed, moved and collapsed by
 * other threads. No access is stale, nothing that was written is lost, each page that comes in is
 * brought in once, and there is no data race. ept/fault.c is compiled in, to count that.
 * sanitizer: thread
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/ept.c ept/reclaim.c ept/collapse.c apic/access.c
 * links: vmx/guestmem.c mm/backing.c mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c
 * links: tests/unit/cpus.c tests/unit/world.c tests/unit/fake.c
 */
#include <pthread.h>
#include <sched.h>

#include "mm/frame.h"
#include "tests/unit/cpus.h"

static u32 collapsed; /* atomic */
static u64 fills;     /* frames that were got for single pages; atomic */

static u64 alloc_counted(u16 owner)
{
	u64 pfn = frame_alloc_dirty(owner);

	__atomic_fetch_add(&fills, pfn != 0, __ATOMIC_RELAXED);
	return pfn;
}

#define frame_alloc_dirty alloc_counted
#include "ept/fault.c"
#undef frame_alloc_dirty

static void *background_thread(void *arg)
{
	for (; !cpus_stopped(); cpu_relax())
		reclaim_background(arg);
	return NULL;
}

static void *collapse_thread(void *arg)
{
	for (; !cpus_stopped(); cpu_relax())
		if (reclaim_collapse(arg))
			__atomic_fetch_add(&collapsed, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* However slow the threads are: there was something of everything. */
static bool enough(u64 moved)
{
	return moved >= 1000 && (ept.large ? __atomic_load_n(&collapsed, __ATOMIC_RELAXED) >= 20
					   : __atomic_load_n(&fills, __ATOMIC_RELAXED) >= 25000);
}

static void *mover_thread(void *arg)
{
	u64 random = fake_seed + 77, *moved = arg;

	while (!cpus_running())
		cpu_relax();
	batch.prune = true;
	while (!enough(*moved)) {
		if (random_next(&random) % 2)
			batch_add(&batch, APIC_ACCESS_GFN);
		for (u64 n = random_next(&random) % 8; n; n--)
			batch_add(&batch, random_next(&random) % cpus_use.pages);
		*moved += protocol_run(&batch);
		sched_yield();
	}
	return NULL;
}

static void run(const char *protocol)
{
	pthread_t background, collapse, mover;
	struct cpus_counts sum;
	u64 moved = 0;

	ept.protocol = protocol_find(protocol);
	fills = collapsed = 0;
	cpus_start();
	assert_int_equal(pthread_create(&background, NULL, background_thread, &reclaim), 0);
	assert_int_equal(pthread_create(&collapse, NULL, collapse_thread, &reclaim), 0);
	assert_int_equal(pthread_create(&mover, NULL, mover_thread, &moved), 0);
	pthread_join(mover, NULL);
	cpus_stop();
	sum = cpus_join();
	pthread_join(background, NULL);
	pthread_join(collapse, NULL);
	ram_check();
	if (!ept.large)
		assert_int_equal(fills, reclaim.reclaimed + backing_resident(&backing));
	print_message("# %s: %lu uses, %lu moved, %lu reclaimed (runs: %lu direct, %lu not), %lu "
		      "clean, %lu waits, %lu collapses\n",
		      protocol, sum.checks, moved, reclaim.reclaimed, reclaim.direct,
		      reclaim.background, reclaim.batch.sum.clean, sum.late, reclaim.collapses);
	cpus_check_all();
	ram_check();
}

/* The guest has room for LIMIT of the PAGES that it uses. */
static int setup_with(void **state, u64 limit, u64 pages, unsigned reclaim_every)
{
	int err = ram_setup(state, limit, 16);

	cpus_setup((struct cpus_use){ .pages = pages,
				      .apic_every = 16,
				      .read_every = 2,
				      .zero_every = 4,
				      .host_every = 16,
				      .reclaim_every = reclaim_every,
				      .short_of_memory = true });
	return err;
}

static int setup(void **state)
{
	return setup_with(state, RAM_PAGES / 4, RAM_PAGES, 0);
}

static void ordered(void **state)
{
	(void)state;
	run("ordered");
	assert_true(reclaim.direct > 0 && reclaim.background > 0);
	assert_true(reclaim.batch.sum.clean > 0 && reclaim.copies_dropped > 0);
}

static void gated(void **state)
{
	(void)state;
	run("gated");
}

static void range_notifier(void **state)
{
	(void)state;
	run("range-notifier");
}

static int setup_large(void **state)
{
	int err = setup_with(state, 2200, 512, 50);

	ept.large = true;
	return err;
}

static void large(void **state)
{
	(void)state;
	run("ordered");
	assert_true(reclaim.direct > 0 && ept.splits > 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = {
		TEST(ordered),
		TEST(gated),
		TEST(range_notifier),
		cmocka_unit_test_setup_teardown(large, setup_large, ram_teardown),
	};

	return cmocka_run_group_tests_name("reclaim_threads", tests, NULL, NULL);
}
