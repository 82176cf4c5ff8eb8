/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A collapse when there are free frames enough but none in a row: pages of all guests move out of
 * some 2 MB of memory first.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c ept/collapse.c
 * links: mm/backing.c
 * links: mm/store.c mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c
 * links: tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"

#define LARGE 512ul
#define OTHER (OWNER + 1)
#define OTHER_PAGES 500
#define FILLER (OWNER + 2)

/* A second guest, whose page N is one word. */
static struct backing backing2;
static struct ept ept2;
static struct reclaim reclaim2;

static u64 word2(u64 page)
{
	return page * 0x100000001 + 1;
}

static u64 *page2(u64 page)
{
	return frame_ptr((backing2.entries[page] & P_ADDRESS) >> PAGE_SHIFT);
}

/* Frames that are between theirs for a while. */
static u64 filler[WORLD_FRAMES];
static unsigned nfiller;

static void fill(unsigned frames)
{
	while (frames--)
		if ((filler[nfiller] = frame_alloc_dirty(FILLER)))
			nfiller++;
}

/* Pages of both guests here and there, and not one 2-MB block without any. */
static int setup_with(void **state, u64 limit)
{
	int err = ram_setup(state, ~0ul, 0);

	frame_account(OTHER, limit, 0);
	if (err || backing_init(&backing2, OTHER, OTHER_PAGES) ||
	    ept_init(&ept2, &backing2, OTHER, EPT_CAP_AD))
		return -1;
	ept2.protocol = ept.protocol;
	reclaim_init(&reclaim2, &ept2, 0);
	for (u64 page = 0; page < LARGE; page++) {
		assert_true(ram_write(page, page % PAGE_KINDS, page));
		fill(3);
		if (page < OTHER_PAGES) {
			assert_int_equal(ept_fault(&ept2, page << PAGE_SHIFT, EPT_WRITE), 0);
			frame_fill(frame_of(page2(page)), word2(page));
			fill(2);
		}
	}
	while (nfiller)
		frame_free(filler[--nfiller], FILLER);
	ept.large = true;
	assert_true(frames_free() > 3 * LARGE);
	assert_int_equal(frame_alloc_run(OWNER, LARGE, LARGE), 0);
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, ~0ul);
}

static int setup_tight(void **state)
{
	return setup_with(state, OTHER_PAGES);
}

static int teardown(void **state)
{
	reclaim_exit(&reclaim2);
	ept_destroy(&ept2);
	backing_destroy(&backing2);
	return ram_teardown(state);
}

static void check_other(void)
{
	assert_false(reclaim2.busy.taken);
	for (u64 page = 0; page < OTHER_PAGES; page++) {
		u64 word;

		assert_int_equal(backing2.entries[page] & ~P_ADDRESS, P_PRESENT);
		assert_int_equal(frame_owner(frame_of(page2(page))), OTHER);
		assert_int_equal(frame_noted(frame_of(page2(page))), page);
		assert_true(page_is_same(page2(page), &word));
		assert_int_equal(word, word2(page));
		assert_true(!ept_walk(&ept2, page << PAGE_SHIFT).level ||
			    (ept_walk(&ept2, page << PAGE_SHIFT).value & EPT_ADDRESS) ==
				    (u64)page2(page));
	}
}

static void check_large(void)
{
	assert_true(ram_read(0));
	assert_int_equal(ept_walk(&ept, 0).level, 2);
	ram_verify_all();
	ram_check();
	check_other();
}

static void both_guests_move(void **state)
{
	u64 before[OTHER_PAGES], moved = 0;

	(void)state;
	for (u64 page = 0; page < OTHER_PAGES; page++)
		before[page] = backing2.entries[page];
	assert_true(reclaim_collapse(&reclaim));
	assert_int_equal(reclaim.compactions, 1);
	for (u64 page = 0; page < OTHER_PAGES; page++)
		moved += before[page] != backing2.entries[page];
	assert_in_range(moved, 10, OTHER_PAGES / 2);
	check_large();
}

/* The other guest's pages cannot move while another CPU reclaims for it; then it stays as it is. */
static void busy(void **state)
{
	u64 free = frames_free();

	(void)state;
	assert_true(reclaim_begin(&reclaim2));
	assert_false(reclaim_collapse(&reclaim));
	assert_int_equal(reclaim.compactions, 0);
	assert_int_equal(frames_free(), free);
	reclaim_end(&reclaim2);
	for (u64 page = 0; page < LARGE; page++)
		assert_true(ram_read(page)); /* some have moved in vain */
	reclaim.collapse_at = 0;
	assert_true(reclaim_collapse(&reclaim));
	check_large();
}

/* The other guest has its whole budget: its pages have nowhere to go, and stay. */
static void no_frames_to_move_to(void **state)
{
	(void)state;
	assert_int_equal(frame_left(OTHER), 0);
	assert_false(reclaim_collapse(&reclaim));
	assert_int_equal(reclaim.compactions, 0);
	ram_verify_all();
	ram_check();
	check_other();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_guests_move),
		TEST(busy),
		cmocka_unit_test_setup_teardown(no_frames_to_move_to, setup_tight, teardown),
	};

	return cmocka_run_group_tests_name("defrag", tests, NULL, NULL);
}
