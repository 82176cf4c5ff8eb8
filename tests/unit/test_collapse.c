/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 512 small pages that become a large one again, and memory that is made whole for it.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c ept/collapse.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c
 * links: tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"

#define LARGE 512ul

static int setup(void **state)
{
	return ram_setup(state, ~0ul, 0);
}

/* Small pages, used, with contents; in an order that leaves no frames in a row. */
static void fill_small(u64 first)
{
	ept.large = false;
	for (u64 i = 0; i < LARGE; i++) {
		u64 page = first + (171 * i + 5) % LARGE;

		assert_true(ram_write(page, page % PAGE_KINDS, page));
	}
	ept.large = true;
}

/* Looks at the first 2 MB. */
static bool collapse_first(void)
{
	reclaim.collapse_at = 0;
	return reclaim_collapse(&reclaim);
}

static void assert_large(u64 first)
{
	assert_int_equal(level_of(first), 0);
	assert_true(ept_empty(&ept, first << PAGE_SHIFT, 2));
	assert_true(ram_read(first + 100));
	assert_int_equal(level_of(first), 2);
	for (u64 page = first; page < first + LARGE; page++) {
		assert_true(ram_read(page));
		assert_int_equal(frame_at(page), frame_at(first) + page - first);
	}
	ram_check();
}

static void to_a_new_row(void **state)
{
	u64 old[LARGE], free;

	(void)state;
	fill_small(0);
	fill_small(LARGE);
	for (u64 i = 0; i < LARGE; i++)
		old[i] = frame_at(i);
	free = frames_free();
	assert_true(reclaim_collapse(&reclaim));
	assert_int_equal(frames_free(), free + 1); /* the table */
	for (u64 i = 0; i < LARGE; i++)
		assert_poisoned(old[i]);
	assert_int_equal(level_of(LARGE), 1);
	assert_large(0);
	assert_true(reclaim_collapse(&reclaim)); /* the next one by itself */
	assert_large(LARGE);
	assert_false(reclaim_collapse(&reclaim)); /* large already */
	assert_false(reclaim_collapse(&reclaim));
	assert_int_equal(reclaim.collapses, 2);
	assert_int_equal(reclaim.compactions, 0);
	ram_verify_all();
}

/* Only the leaf was split: the frames are in a row, and stay. */
static void in_a_row(void **state)
{
	u64 first, used;

	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, 1200, 0), 0); /* not enough for a new row */
	ept.large = true;
	assert_true(ram_write(5, PAGE_TEXT, 5));
	first = frame_at(0);
	assert_int_equal(ept_split(&ept, 0), 0);
	for (u64 page = 0; page < LARGE; page++)
		assert_true(ram_write(page, PAGE_TEXT, page));
	used = frame_used(OWNER);
	assert_true(collapse_first());
	assert_int_equal(frame_at(0), first);
	assert_int_equal(frame_used(OWNER), used);
	assert_large(0);
	fill_small(LARGE);
	assert_false(reclaim_collapse(&reclaim));
	assert_int_equal(reclaim.collapses, 1);
	ram_check();
}

static void not_worth_it(void **state)
{
	(void)state;
	fill_small(0);
	for (u64 i = 0; i < LARGE / 2 + 1; i++)
		ept_age(&ept, i << PAGE_SHIFT);
	assert_false(collapse_first());
	assert_true(ram_read(0)); /* half of them are used */
	ept.large = false;
	assert_false(collapse_first());
	ept.large = true;
	backing.entries[7] |= P_MOVING;
	assert_false(collapse_first());
	backing.entries[7] &= ~P_MOVING;
	assert_int_equal(ept_fault(&ept, 3 << PAGE_SHIFT, EPT_EXEC), 0);
	lru_mark(&backing.lru, 3, LRU_EXEC, 0);
	assert_false(collapse_first());
	lru_mark(&backing.lru, 3, 0, LRU_EXEC);
	assert_true(reclaim_begin(&reclaim));
	assert_false(collapse_first());
	reclaim_end(&reclaim);
	fake_frames_leave(reclaim.low);
	assert_false(collapse_first()); /* no room, were they all to go */
	fake_frames_back();
	ram_check();
	ept.large = false;
	for (u64 i = 0; i < LARGE; i++)
		assert_true(ram_read(i));
	ept.large = true;
	assert_true(collapse_first());
	assert_large(0);
	assert_false(collapse_first());
	ram_reclaim_all();
	assert_false(collapse_first()); /* not all there */
	ram_verify_all();
}

/*
 * Copies of pages that a collapse moves stay good, until something is written by the large leaf:
 * its flag is for all, whatever it is split into.
 */
static void copies(void **state)
{
	(void)state;
	fill_small(0);
	ram_reclaim_all();
	ept.large = false;
	for (u64 page = 0; page < LARGE; page++)
		assert_true(ram_read(page));
	ept.large = true;
	assert_true(collapse_first());
	assert_true(backing.store.pages > LARGE / 4);
	assert_large(0);
	assert_true(ram_write(3, PAGE_TEXT, 77));
	assert_true(ram_write(9, PAGE_ZERO, 0));
	assert_int_equal(level_of(3), 2);
	ram_reclaim_all();
	ram_check();
	ram_verify_all();
	ram_check();
}

/* The first 2 MB are used, the second are not, and there is no room for 2 MB more. */
static void cold_and_full(void)
{
	fill_small(0);
	fill_small(LARGE);
	for (u64 page = LARGE; page < 2 * LARGE; page++) {
		assert_true(ram_write(page, PAGE_SAME, page));
		ept_age(&ept, page << PAGE_SHIFT);
		lru_add(&backing.lru, page, LRU_INACTIVE);
	}
	for (u64 page = 0; page < LARGE; page++)
		lru_add(&backing.lru, page, LRU_ACTIVE);
	fake_frames_leave(300);
}

/* What was cold makes room. */
static void makes_room(void **state)
{
	(void)state;
	cold_and_full();
	assert_true(collapse_first());
	assert_large(0);
	assert_in_range(reclaim.reclaimed, LARGE / 2, LARGE);
	assert_int_equal(reclaim.direct + reclaim.background, 0);
	fake_frames_back();
	ram_verify_all();
	ram_check();
}

static unsigned claims;

/* Another invalidator claims a page just when it is to move. */
static void claim_one(const char *step)
{
	if (reclaim.batch.npages == LARGE && !strcmp(step, "begin") && claims++ == 0)
		*reclaim.batch.page[100].p |= P_MOVING;
}

static void claimed_by_another(void **state)
{
	u64 used;

	(void)state;
	fill_small(0);
	used = frame_used(OWNER);
	claims = 0;
	fake_on_trace = claim_one;
	assert_false(collapse_first());
	fake_on_trace = NULL;
	assert_int_equal(claims, 1);
	assert_int_equal(frame_used(OWNER), used);
	backing.entries[100] &= ~P_MOVING;
	for (u64 page = 0; page < LARGE; page++) {
		assert_true(ram_read(page));
		assert_int_equal(level_of(page), 1);
	}
	ram_check();
	assert_true(collapse_first());
	assert_large(0);
}

/* Another invalidator claims one of the pages while room is made. */
static void claim_meanwhile(const char *step)
{
	if (!strcmp(step, "end") && claims++ == 0)
		backing.entries[100] |= P_MOVING;
}

static void gone_meanwhile(void **state)
{
	(void)state;
	cold_and_full();
	claims = 0;
	fake_on_trace = claim_meanwhile;
	assert_false(collapse_first());
	fake_on_trace = NULL;
	assert_true(claims > 0);
	backing.entries[100] &= ~P_MOVING;
	assert_in_range(backing_resident(&backing), LARGE, 2 * LARGE - 1);
	fake_frames_back();
	ram_check();
	ram_verify_all();
	assert_true(collapse_first());
	assert_large(0);
}

/* Moves and fetches take it apart again, and again. */
static void again_and_again(void **state)
{
	(void)state;
	fill_small(0);
	for (unsigned i = 0; i < 20; i++) {
		assert_true(collapse_first());
		assert_large(0);
		assert_int_equal(batch_add(&batch, i * 7), 0);
		assert_int_equal(batch_add(&batch, 511 - i), 0);
		assert_int_equal(protocol_run(&batch), 2);
		for (u64 page = 0; page < LARGE; page++)
			assert_true(ram_write(page, page % PAGE_KINDS, i));
	}
	assert_int_equal(reclaim.collapses, 20);
	assert_int_equal(ept_fault(&ept, 9 << PAGE_SHIFT, EPT_EXEC), 0);
	assert_int_equal(ept.splits, 20);
	assert_false(collapse_first());
	ram_check();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = {
		TEST(to_a_new_row),	  TEST(in_a_row),
		TEST(not_worth_it),	  TEST(copies),
		TEST(makes_room),	  TEST(gone_meanwhile),
		TEST(claimed_by_another), TEST(again_and_again),
	};

	return cmocka_run_group_tests_name("collapse", tests, NULL, NULL);
}
