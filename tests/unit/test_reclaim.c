/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages that are reclaimed, and come back: what is kept of them, and what is freed.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/ram.c tests/unit/world.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/ram.h"

static int setup(void **state)
{
	return ram_setup(state, 2000, 0);
}

static void contents_come_back(void **state)
{
	static u64 frames[RAM_PAGES + 1];
	u64 stuck = 0;

	(void)state;
	for (u64 page = 0; page <= RAM_PAGES; page++) {
		assert_true(ram_write(page, page % (PAGE_KINDS + 1) % PAGE_KINDS, fake_random()));
		frames[page] = frame_at(backing_gfn(&backing, page));
	}
	ram_check();
	ram_reclaim_all();
	ram_check();
	for (u64 page = 0; page <= RAM_PAGES; page++) {
		stuck += ram_resident(page);
		if (ram_resident(page))
			assert_true(ram[page].kind >= PAGE_PART);
		else if (ram[page].kind <= PAGE_SAME)
			assert_int_equal(backing.entries[page], P_SAME);
		else if (backing.entries[page] != P_SAME)
			assert_int_equal(backing.entries[page], P_PACKED);
		if (!ram_resident(page) && frame_owner(frames[page]) == OWNER_FREE)
			assert_poisoned(frames[page]);
	}
	assert_in_range(stuck, RAM_PAGES / 8, RAM_PAGES / 2);
	assert_int_equal(reclaim.reclaimed, RAM_PAGES + 1 - stuck);
	assert_int_equal(reclaim.batch.sum.same + reclaim.batch.sum.packed, reclaim.reclaimed);
	ram_verify_all();
	ram_check();
	assert_int_equal(backing_resident(&backing), RAM_PAGES + 1);
}

/* Pages that only the hypervisor brought in, and that were never there. */
static void without_a_leaf(void **state)
{
	(void)state;
	assert_int_equal(ept_bring_in(&ept, 3), 0);
	assert_true(ram_write(4, PAGE_TEXT, 4));
	ram_reclaim_all();
	assert_int_equal(backing.entries[3], P_SAME);
	assert_int_equal(*ram_kept(3), 0);
	assert_int_equal(backing.entries[5], 0);
	assert_int_equal(ept_bring_in(&ept, 4), 0);
	assert_int_equal(reclaim.batch.sum.clean, 0);
	ram_reclaim_all(); /* it was never mapped, so it was not written to */
	assert_int_equal(reclaim.batch.sum.clean, 1);
	assert_int_equal(backing.store.stored, 1);
	ram_verify_all();
	ram_check();
}

/* What a guest offers goes at once, used or not: to the store, to nowhere, or to other frames. */
static void offered(void **state)
{
	u64 frame;

	(void)state;
	for (u64 page = 1; page <= 6; page++)
		assert_true(ram_write(page, page % 2 ? PAGE_TEXT : PAGE_SAME, page));
	reclaim_offered(&reclaim, 1, 3, OFFER_KEEP);
	assert_int_equal(backing.entries[1], P_PACKED);
	assert_int_equal(backing.entries[2], P_SAME);
	assert_int_equal(backing.entries[3], P_PACKED);
	assert_true(ram_resident(4));
	assert_int_equal(reclaim.offered, 3);
	assert_int_equal(reclaim.reclaimed, 3);
	frame = frame_at(5);
	reclaim_offered(&reclaim, 5, 1, OFFER_SWAP);
	assert_true(ram_resident(5) && frame_at(5) != frame);
	assert_int_equal(reclaim.reclaimed, 3);
	ram_verify_all();
	/* The copy that 3 still has is dropped with it, although 3 is clean. */
	assert_true(*ram_kept(3));
	reclaim_offered(&reclaim, 3, 1, OFFER_DISCARD);
	assert_int_equal(backing.entries[3], P_SAME);
	assert_int_equal(*ram_kept(3), 0);
	/* Beyond its RAM there is nothing to take; pages that have no frame are left alone. */
	reclaim_offered(&reclaim, RAM_PAGES, 4095, OFFER_KEEP);
	reclaim_offered(&reclaim, 3, 1, OFFER_DISCARD);
	assert_int_equal(reclaim.reclaimed, 4);
	assert_int_equal(reclaim.offered, 5);
	ram[3].kind = PAGE_ZERO;
	ram_verify_all();
	ram_check();
}

/* A page that was read only is not compressed again; one that was written to is. */
static void copies(void **state)
{
	u64 handle;

	(void)state;
	assert_true(ram_write(1, PAGE_TEXT, 1));
	ram_reclaim_all();
	handle = *ram_kept(1);
	assert_true(ram_read(1));
	assert_int_equal(*ram_kept(1), handle);
	ram_reclaim_all();
	assert_int_equal(reclaim.batch.sum.clean, 1);
	assert_int_equal(*ram_kept(1), handle);
	assert_int_equal(backing.store.stored, 1);
	assert_true(ram_write(1, PAGE_TEXT, 2));
	ram_reclaim_all();
	assert_int_equal(reclaim.batch.sum.clean, 1);
	assert_int_equal(backing.store.stored, 2);
	assert_int_equal(backing.store.pages, 1);
	assert_true(ram_read(1));
	ram_check();
	/* Written, then all of it one word: the store has nothing of it. */
	assert_true(ram_write(1, PAGE_SAME, 9));
	ram_reclaim_all();
	assert_int_equal(backing.entries[1], P_SAME);
	assert_int_equal(backing.store.pages, 0);
	assert_true(ram_read(1));
	assert_int_equal(*ram_kept(1), 0);
	ram_check();
}

static void move(u64 gfn)
{
	assert_int_equal(batch_add(&batch, gfn), 0);
	assert_int_equal(protocol_run(&batch), 1);
}

/* Moves keep a good copy, and drop one that is not. */
static void copies_and_moves(void **state)
{
	(void)state;
	assert_true(ram_write(1, PAGE_TEXT, 1));
	ram_reclaim_all();
	assert_true(ram_read(1));
	move(1);
	assert_true(*ram_kept(1));
	ram_check();
	assert_true(ram_read(1));
	assert_true(ram_write(1, PAGE_TEXT, 3));
	move(1);
	assert_int_equal(*ram_kept(1), 0);
	assert_int_equal(backing.store.pages, 0);
	assert_true(ram_read(1)); /* by a leaf that is not dirty */
	ram_reclaim_all();
	assert_true(ram_read(1));
	ram_check();
}

/* What the processor does not note must be taken for written. */
static void without_flags(void **state)
{
	(void)state;
	ept.eptp &= ~EPTP_ACCESSED_DIRTY;
	assert_true(ram_write(1, PAGE_TEXT, 1));
	ram_reclaim_all();
	assert_true(ram_read(1));
	ram_reclaim_all();
	assert_int_equal(reclaim.batch.sum.clean, 0);
	assert_int_equal(backing.store.stored, 2);
	assert_true(ram_write(1, PAGE_TEXT, 2));
	ram_reclaim_all();
	assert_true(ram_read(1));
	/* What could not be put away may have been written to as well. */
	assert_true(ram_write(1, PAGE_RANDOM, 1));
	reclaim_direct(&reclaim);
	assert_true(ram_resident(1));
	assert_true(ram_write(1, PAGE_TEXT, 3));
	ram_reclaim_all();
	assert_false(ram_resident(1));
	assert_true(ram_read(1));
	ram_check();
}

/* The dirty flag of a large leaf is for all of its pages. */
static void large_leaf(void **state)
{
	(void)state;
	ept.large = true;
	assert_true(ram_write(RAM_PAGES - 1, PAGE_TEXT, 1));
	assert_int_equal(ept_walk(&ept, (RAM_PAGES - 1) << PAGE_SHIFT).level, 2);
	for (u64 page = 512; page < RAM_PAGES; page += 3)
		assert_true(ram_write(page, PAGE_TEXT, page));
	ram_check();
	ram_reclaim_all();
	assert_int_equal(ept.splits, 1);
	assert_int_equal(backing_resident(&backing), 0);
	ram_check();
	ram_verify_all();
	ram_check();
}

static void stuck(void **state)
{
	u64 tried;

	(void)state;
	assert_true(ram_write(1, PAGE_RANDOM, 1));
	assert_true(ram_write(2, PAGE_TEXT, 2));
	assert_int_equal(reclaim_direct(&reclaim), -EBUSY);
	while (!backing.store.incompressible)
		assert_int_equal(reclaim_direct(&reclaim), -EBUSY);
	assert_true(ram_resident(1) && !ram_resident(2));
	assert_int_equal(lru_flags(&backing.lru, 1), LRU_STUCK);
	assert_true(ram_read(1));
	/* There is no use in trying again as long as there is something else to take, */
	tried = backing.store.incompressible;
	for (u64 page = 3; page < 100; page++)
		assert_true(ram_write(page, PAGE_TEXT, page));
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(reclaim_direct(&reclaim), -EBUSY);
	assert_int_equal(backing.store.incompressible, tried);
	assert_true(ram_resident(1));
	/* unless it was written to. */
	assert_true(ram_write(1, PAGE_TEXT, 5));
	ram_reclaim_all();
	assert_false(ram_resident(1));
	ram_verify_all();
	ram_check();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, ram_teardown)
	const struct CMUnitTest tests[] = {
		TEST(contents_come_back), TEST(offered),       TEST(without_a_leaf), TEST(copies),
		TEST(copies_and_moves),	  TEST(without_flags), TEST(large_leaf),     TEST(stuck),
	};

	return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
