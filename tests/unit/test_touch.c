/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EPT violations of several vCPUs at the same pages at the same time. ept/fault.c is compiled in,
 * so that a rival can come at the worst moment.
 * sanitizer: thread
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/ept.c ept/reclaim.c mm/backing.c mm/store.c
 * links: mm/lz4.c
 * links: mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include <pthread.h>

#include "mm/frame.h"
#include "tests/unit/world.h"

#define VCPUS 2

/* What another vCPU does while this one gets itself frames, or just before it claims a page. */
static _Thread_local void (*rival)(void), (*rival_to_claim)(void);
static u64 fills; /* frames that were got for single pages; atomic */

static void let_run(void (**who)(void))
{
	void (*run)(void) = *who;

	*who = NULL;
	if (run)
		run();
}

static u64 alloc_late(u16 owner)
{
	u64 pfn = frame_alloc_dirty(owner);

	__atomic_fetch_add(&fills, 1, __ATOMIC_RELAXED);
	let_run(&rival);
	return pfn;
}

static u64 alloc_run_late(u16 owner, u64 count, u64 align)
{
	u64 pfn = frame_alloc_run(owner, count, align);

	let_run(&rival);
	return pfn;
}

static bool claim_late(u64 *p, u64 *old, u64 new)
{
	let_run(&rival_to_claim);
	return __atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

#define frame_alloc_dirty alloc_late
#define frame_alloc_run alloc_run_late
#undef order_cas
#define order_cas(name, p, old, new) claim_late(p, old, new)
#include "ept/fault.c"
#undef frame_alloc_dirty
#undef frame_alloc_run

static u64 arrived;

static u64 touched[VCPUS][RAM_PAGES];

static void *touch_thread(void *arg)
{
	u64 index = (u64)arg, failures = 0;

	for (u64 gfn = 0; gfn < RAM_PAGES; gfn++) {
		int err;

		__atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
		while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < (gfn + 1) * VCPUS)
			cpu_relax();
		while ((err = ept_fault(&ept, gfn << PAGE_SHIFT, EPT_READ)))
			failures += err != -EAGAIN;
		touched[index][gfn] = leaf_of(gfn);
	}
	return (void *)failures;
}

/* All vCPUs touch each page for the first time at once: it gets one frame, which is the same for
 * all. */
static void touch_all(void)
{
	pthread_t thread[VCPUS];

	arrived = 0;
	for (u64 i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, touch_thread, (void *)i), 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		void *failures;

		pthread_join(thread[i], &failures);
		assert_null(failures);
	}
	for (u64 gfn = 0; gfn < RAM_PAGES; gfn++)
		for (unsigned i = 0; i < VCPUS; i++)
			assert_int_equal(touched[i][gfn], frame_at(gfn) << PAGE_SHIFT);
}

static void first_touch(void **state)
{
	u64 before = frames_free();

	(void)state;
	fills = 0;
	touch_all();
	assert_int_equal(fills, RAM_PAGES); /* one of them did the work */
	/* With the tables: one page table for 2 MB, and two levels above. */
	assert_int_equal(before - frames_free(), RAM_PAGES + RAM_PAGES / 512 + 2);
}

/*
 * The same by 2-MB leaves. What comes of a meeting may be small leaves, but each address has
 * one.
 */
static void first_touch_large(void **state)
{
	u64 before = frames_free(), used;

	(void)state;
	ept.large = true;
	touch_all();
	used = before - frames_free();
	assert_in_range(used, RAM_PAGES + 2, RAM_PAGES + RAM_PAGES / 512 + 2);
}

static void fill_first(void)
{
	assert_int_equal(ept_fault(&ept, 0, EPT_WRITE), 0);
}

static void fill_in_vain(void)
{
	assert_int_equal(ept_fault(&ept, 0, EPT_WRITE), -EAGAIN);
	assert_int_equal(ept_bring_in(&ept, 0), -EAGAIN);
}

static void fill_and_move(void)
{
	fill_first();
	*backing_entry(&backing, 0) |= P_MOVING;
}

static void fill_another(void)
{
	ept.large = false;
	assert_int_equal(ept_fault(&ept, 3ul << PAGE_SHIFT, EPT_WRITE), 0);
	ept.large = true;
}

/* Who comes while the page is claimed does nothing, and comes back. */
static void first_by_a_moment(void **state)
{
	u64 before = frames_free();

	(void)state;
	rival = fill_in_vain;
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), 0);
	assert_int_equal(before - frames_free(), 1 + 3);
	assert_int_equal(leaf_of(0), frame_at(0) << PAGE_SHIFT);
}

/* What the other vCPU put into P stays. */
static void second_by_a_moment(void **state)
{
	u64 before = frames_free(), frame;

	(void)state;
	rival_to_claim = fill_first;
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), -EAGAIN);
	frame = frame_at(0);
	assert_int_equal(before - frames_free(), 1 + 3);
	assert_int_equal(leaf_of(0), frame << PAGE_SHIFT);
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), 0);
	assert_int_equal(frame_at(0), frame);
	assert_int_equal(before - frames_free(), 1 + 3);
}

/* The other one is so fast that its page moves already. */
static void second_by_a_move(void **state)
{
	u64 before = frames_free();

	(void)state;
	rival_to_claim = fill_and_move;
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), -EAGAIN);
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), -EAGAIN);
	assert_int_equal(before - frames_free(), 1 + 3);
	*backing_entry(&backing, 0) &= ~P_MOVING;
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), 0);
}

/* One page of 2 MB was filled while this vCPU got itself frames for all: that one keeps its own. */
static void second_within_2mb(void **state)
{
	u64 before = frames_free(), first;

	(void)state;
	ept.large = true;
	rival = fill_another;
	assert_int_equal(ept_fault(&ept, 0, EPT_READ), 0);
	assert_int_equal(before - frames_free(), 512 + 3);
	first = frame_at(0);
	assert_int_not_equal(frame_at(3), first + 3);
	assert_int_equal(leaf_of(3), frame_at(3) << PAGE_SHIFT);
	assert_int_equal(frame_owner(first + 3), OWNER_FREE);
	for (u64 gfn = 0; gfn < 512; gfn++) {
		assert_int_equal(ept_fault(&ept, gfn << PAGE_SHIFT, EPT_READ), 0);
		assert_int_equal(ept_walk(&ept, gfn << PAGE_SHIFT).level, 1);
		assert_int_equal(leaf_of(gfn), frame_at(gfn) << PAGE_SHIFT);
		assert_true(gfn == 3 || frame_at(gfn) == first + gfn);
	}
}

static int setup(void **state)
{
	fake_frames(2200); /* runs of 512 frames */
	return world_setup(state);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_touch),	  TEST(first_touch_large), TEST(first_by_a_moment),
		TEST(second_by_a_moment), TEST(second_by_a_move),  TEST(second_within_2mb),
	};

	return cmocka_run_group_tests_name("touch", tests, NULL, NULL);
}
