/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages are reclaimed, and when: second chance, watermarks, the dirty log; and lists from
 * which no page gets lost.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"

#define BATCH 32
#define LIMIT 320

static int setup(void **state)
{
	return ram_setup(state, LIMIT, BATCH);
}

static enum lru_list list_of(u64 page)
{
	assert_true(backing.lru.pages[page].on);
	return backing.lru.pages[page].on - 1u;
}

/* Pages up to the low watermark, each without a leaf: not used. */
static u64 bring_in_until_low(u64 page)
{
	for (; frame_left(OWNER) > reclaim.low; page++)
		assert_int_equal(ept_bring_in(&ept, page), 0);
	return page;
}

static void watermarks(void **state)
{
	u64 page = bring_in_until_low(0), left = frame_left(OWNER);

	(void)state;
	assert_int_equal(left, reclaim.low);
	assert_true(reclaim.low > reclaim_reserve(BATCH) && reclaim.low < LIMIT / 2);
	assert_true(reclaim.high > reclaim.low + reclaim_reserve(BATCH) / 2);
	assert_int_equal(reclaim_background(&reclaim), 0);
	assert_int_equal(reclaim.scanned, 0);
	assert_int_equal(ept_bring_in(&ept, page), 0);
	for (left--; left < reclaim.high; left += BATCH) /* all are zero: the store takes none */
		assert_int_equal(reclaim_background(&reclaim), BATCH);
	assert_int_equal(reclaim_background(&reclaim), 0);
	assert_int_equal(frame_left(OWNER), left);
	assert_int_equal(reclaim.direct, 0);
	/* Between the two it does not begin anew. */
	page = bring_in_until_low(page + 1);
	assert_int_equal(reclaim_background(&reclaim), 0);
	/* The oldest went. */
	for (u64 i = 0; i < 2 * BATCH; i++)
		assert_false(ram_resident(i));
	assert_true(ram_resident(page - 1) && ram_resident(page - BATCH));
	ram_check();
}

static void no_limit(void **state)
{
	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, ~0ul, 0), 0);
	for (u64 page = 0; page < RAM_PAGES; page++) {
		assert_true(ram_read(page));
		assert_int_equal(reclaim_background(&reclaim), 0);
	}
	assert_int_equal(reclaim.scanned, 0);
}

/* Old pages that are used stay, newer ones that are not go. */
static void second_chance(void **state)
{
	u64 page;

	(void)state;
	for (page = 0; page < 20; page++)
		assert_true(ram_read(page));
	page = bring_in_until_low(page);
	assert_int_equal(ept_bring_in(&ept, page), 0);
	assert_int_equal(reclaim_background(&reclaim), BATCH - 20); /* it looks at a batch */
	assert_int_equal(reclaim.activated, 20);
	for (u64 i = 0; i < 20; i++) {
		assert_true(ram_resident(i));
		assert_int_equal(list_of(i), LRU_ACTIVE);
		assert_int_equal(ept_walk(&ept, i << PAGE_SHIFT).value & EPT_ACCESSED, 0);
	}
	for (u64 i = 20; i <= page; i++)
		assert_int_equal(ram_resident(i), i >= BATCH);
	ram_check();
}

/* A hot set stays, most of it, through whatever goes by; what is hot no more goes. */
static void hot_and_cold(void **state)
{
	u64 missing = 0;

	(void)state;
	for (fake_step = 0; fake_step < 6000; fake_step++) {
		u64 hot = fake_step % 30;

		missing += fake_step > 30 && !ram_resident(hot);
		assert_true(ram_read(hot));
		assert_true(ram_write(100 + fake_step / 2 % 900, PAGE_SPARSE, fake_step));
		reclaim_background(&reclaim);
	}
	CHECK(missing < 400); /* as they come and go, they would be 650 */
	CHECK(reclaim.direct == 0 && reclaim.reclaimed > 2000);
	for (u64 page = 100; page < RAM_PAGES; page++) {
		assert_true(ram_read(page));
		reclaim_background(&reclaim);
	}
	for (u64 page = 0; page < 30; page++)
		assert_false(ram_resident(page));
	ram_check();
}

/* When every page is used, some of them go all the same. */
static void all_hot(void **state)
{
	(void)state;
	for (u64 page = 0; page < RAM_PAGES; page++) {
		assert_true(ram_write(page, PAGE_SAME, page));
		for (u64 i = 0; i <= page; i++)
			if (ram_resident(i) && leaf_of(i))
				*ept_walk(&ept, i << PAGE_SHIFT).entry |= EPT_ACCESSED;
	}
	assert_true(reclaim.direct > 20);
	ram_check();
	ram_verify_all();
}

/* Copies of pages that the log tells of go; nothing else does. */
static void dirty_log(void **state)
{
	static const u64 pages[] = { 0, 63, 64, 300, RAM_PAGES - 1, RAM_PAGES };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
		assert_true(ram_write(pages[i], PAGE_TEXT, i));
	ram_reclaim_all();
	for (unsigned i = 1; i < ARRAY_SIZE(pages); i++)
		assert_true(ram_read(pages[i]));
	reclaim_background(&reclaim);
	assert_int_equal(backing.store.pages, ARRAY_SIZE(pages));
	backing_log_dirty(&backing, RAM_PAGES); /* no memory there */
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		assert_true(i == 0 || ram_write(pages[i], PAGE_TEXT, 100 + i));
		backing_log_dirty(&backing, backing_gfn(&backing, pages[i]));
	}
	backing_log_dirty(&backing, 5); /* never there */
	backing.entries[63] |= P_MOVING;
	reclaim_background(&reclaim);
	backing.entries[63] &= ~P_MOVING;
	/* One is packed, and has to stay; one moves: its leaf's flag will tell. */
	assert_int_equal(reclaim.copies_dropped, ARRAY_SIZE(pages) - 2);
	assert_int_equal(backing.store.pages, 2);
	ram_check();
	reclaim_background(&reclaim);
	assert_int_equal(reclaim.copies_dropped, ARRAY_SIZE(pages) - 2);
	ram_reclaim_all();
	ram_verify_all();
}

static u64 claimed;

/* Another invalidator is faster with every second page of the batch. */
static void claim_some(const char *step)
{
	if (strcmp(step, "begin"))
		return;
	for (unsigned i = 0; i < reclaim.batch.npages; i += 2) {
		*reclaim.batch.page[i].p |= P_MOVING;
		claimed++;
	}
}

static void let_go(void)
{
	for (u64 page = 0; page <= RAM_PAGES; page++)
		backing.entries[page] &= ~P_MOVING;
}

/* A page that does not go with its batch is on a list again, or nothing would ever take it. */
static void claimed_by_another(void **state)
{
	u64 page = bring_in_until_low(0);

	(void)state;
	assert_int_equal(ept_bring_in(&ept, page), 0);
	claimed = 0;
	fake_on_trace = claim_some;
	assert_int_equal(reclaim_background(&reclaim), BATCH / 2);
	fake_on_trace = NULL;
	assert_int_equal(claimed, BATCH / 2);
	let_go();
	ram_check();
	ram_reclaim_all();
	assert_int_equal(backing_resident(&backing), 0);
}

/* Nothing but pages that move elsewhere: it ends, and says that it is worth a try. */
static void claimed_all(void **state)
{
	(void)state;
	assert_int_equal(ept_bring_in(&ept, 1), 0);
	fake_on_trace = claim_some;
	assert_int_equal(reclaim_direct(&reclaim), -EBUSY);
	fake_on_trace = NULL;
	let_go();
	ram_check();
	assert_int_equal(reclaim_direct(&reclaim), -EBUSY);
	assert_int_equal(reclaim.reclaimed, 1);
}

/* A large leaf that cannot be split for want of a table: its pages stay, and stay listed. */
static void no_table(void **state)
{
	assert_int_equal(ram_teardown(state), 0);
	assert_int_equal(ram_setup(state, 1400, BATCH), 0);
	ept.large = true;
	assert_true(ram_read(0));
	assert_int_equal(ept_walk(&ept, 0).level, 2);
	fake_frames_leave(0);
	assert_int_equal(reclaim_direct(&reclaim), -ENOMEM);
	ram_check();
	assert_int_equal(backing_resident(&backing), 512);
	fake_frames_back();
	ram_reclaim_all();
	assert_int_equal(backing_resident(&backing), 0);
}

/* What could not be put away, and was written to where no flag was left to tell: nothing fails for
 * want of memory before it was tried again. */
static void stuck_no_more(void **state)
{
	(void)state;
	assert_true(ram_write(1, PAGE_RANDOM, 1));
	ram_reclaim_all();
	assert_int_equal(lru_flags(&backing.lru, 1), LRU_STUCK);
	assert_true(ram_write(1, PAGE_TEXT, 2));
	assert_int_equal(batch_add(&batch, 1), 0);
	assert_int_equal(protocol_run(&batch), 1);
	ram_reclaim_all();
	assert_false(ram_resident(1));
	assert_true(ram_read(1));
	ram_check();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = {
		TEST(watermarks), TEST(no_limit),      TEST(second_chance),	 TEST(hot_and_cold),
		TEST(all_hot),	  TEST(dirty_log),     TEST(claimed_by_another), TEST(claimed_all),
		TEST(no_table),	  TEST(stuck_no_more),
	};

	return cmocka_run_group_tests_name("reclaim_lists", tests, NULL, NULL);
}
