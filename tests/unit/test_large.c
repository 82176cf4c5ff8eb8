/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory by 2-MB leaves: when one is made, and what becomes of it when a page of it moves.
 * links: ept/protocol.c ept/batch.c vmx/fair.c ept/fault.c ept/ept.c ept/reclaim.c mm/backing.c
 * links: mm/store.c
 * links: mm/lz4.c mm/lru.c mm/frame.c tests/unit/world.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/world.h"

#define LARGE 512ul

static int setup(void **state)
{
	int err;

	fake_frames(2200);
	err = world_setup(state);
	ept.large = true;
	return err;
}

static void touch(u64 gfn)
{
	assert_int_equal(ept_fault(&ept, gfn << PAGE_SHIFT, EPT_READ), 0);
}

static void first_touch(void **state)
{
	u64 before = frames_free(), first;

	(void)state;
	touch(LARGE + 77);
	first = frame_at(LARGE);
	assert_int_equal(first % LARGE, 0);
	assert_int_equal(ept_walk(&ept, (LARGE + 77) << PAGE_SHIFT).value,
			 first << PAGE_SHIFT | EPT_READ | EPT_WRITE | EPT_MEMTYPE_WB | EPT_LARGE);
	for (u64 i = 0; i < LARGE; i++) {
		assert_int_equal(p_of(LARGE + i), (first + i) << PAGE_SHIFT | P_PRESENT);
		assert_int_equal(frame_owner(first + i), OWNER);
		assert_int_equal(level_of(LARGE + i), 2);
	}
	assert_int_equal(before - frames_free(), LARGE + 2);
	assert_int_equal(level_of(LARGE - 1), 0);
	touch(LARGE + 78);
	assert_int_equal(before - frames_free(), LARGE + 2);
	touch(0);
	assert_int_equal(level_of(LARGE - 1), 2);
	assert_int_equal(ept.splits, 0);
}

/* Never beyond the RAM, never the APIC-access page (rule I1), never unless it is asked for. */
static void small_ones(void **state)
{
	(void)state;
	backing.ram_pages = 1000;
	touch(999);
	assert_int_equal(level_of(999), 1);
	assert_int_equal(p_of(998), 0);
	touch(APIC_ACCESS_GFN);
	assert_int_equal(level_of(APIC_ACCESS_GFN), 1);
	ept.large = false;
	touch(1);
	assert_int_equal(level_of(1), 1);
	assert_int_equal(backing_resident(&backing), 3);
}

/* Something of it is backed already, by a frame of its own. */
static void partly_backed(void **state)
{
	u64 pfn = frame_alloc(OWNER);

	(void)state;
	*backing_entry(&backing, 9) = pfn << PAGE_SHIFT | P_PRESENT;
	touch(8);
	assert_int_equal(level_of(8), 1);
	assert_int_equal(level_of(9), 0);
	touch(9);
	assert_int_equal(leaf_of(9), pfn << PAGE_SHIFT);
	assert_int_equal(backing_resident(&backing), 2);
}

/* Memory, but none in a row. */
static void no_run(void **state)
{
	(void)state;
	fake_frames_leave(300);
	touch(0);
	assert_int_equal(level_of(0), 1);
	assert_int_equal(backing_resident(&backing), 1);
	fake_frames_back();
}

/* P filled, E not: a large leaf, unless a page moves or lies elsewhere. */
static void filled_before(void **state)
{
	u64 first = frame_alloc_run(OWNER, LARGE, LARGE), other, old;

	(void)state;
	for (u64 i = 0; i < LARGE; i++)
		*backing_entry(&backing, i) = (first + i) << PAGE_SHIFT | P_PRESENT;
	for (u64 i = 0; i < LARGE; i += LARGE - 1) {
		*backing_entry(&backing, i) |= P_MOVING;
		touch(5);
		assert_int_equal(level_of(5), 1);
		*backing_entry(&backing, i) &= ~P_MOVING;
		ept_destroy(&ept);
		assert_int_equal(ept_init(&ept, &backing, OWNER, EPT_CAP_2M), 0);
		ept.large = true;
	}
	other = frame_alloc(OWNER);
	old = frame_at(511);
	*backing_entry(&backing, 511) = other << PAGE_SHIFT | P_PRESENT;
	touch(5);
	assert_int_equal(level_of(5), 1);
	*backing_entry(&backing, 511) = old << PAGE_SHIFT | P_PRESENT;
	frame_free(other, OWNER);
	touch(6); /* a table is there: no large leaf any more */
	assert_int_equal(level_of(6), 1);
	ept_destroy(&ept);
	assert_int_equal(ept_init(&ept, &backing, OWNER, EPT_CAP_2M), 0);
	ept.large = true;
	touch(6);
	assert_int_equal(level_of(6), 2);
	assert_int_equal(leaf_of(0), first << PAGE_SHIFT);
}

/* In a row, but not on a 2-MB boundary. */
static void unaligned_row(void **state)
{
	u64 run = frame_alloc_run(OWNER, 2 * LARGE, LARGE);

	(void)state;
	assert_true(run);
	for (u64 i = 0; i < LARGE; i++)
		*backing_entry(&backing, i) = (run + 1 + i) << PAGE_SHIFT | P_PRESENT;
	touch(0);
	assert_int_equal(level_of(0), 1);
	assert_int_equal(leaf_of(0), (run + 1) << PAGE_SHIFT);
	frame_free(run, OWNER);
	for (u64 i = LARGE + 1; i < 2 * LARGE; i++)
		frame_free(run + i, OWNER);
}

/* A page of it moves by each protocol: one split, and the other 511 stay what they were. */
static void moves(void **state)
{
	(void)state;
	touch(0);
	for (u64 i = 0; i < LARGE; i++)
		*(u64 *)frame_ptr(frame_at(i)) = i;
	for (unsigned n = 0; n < nprotocols; n++) {
		u64 gfn = 100 * n, old = frame_at(gfn);

		ept.protocol = protocol_find(protocol_names[n]);
		assert_int_equal(batch_add(&batch, gfn), 0);
		assert_int_equal(protocol_run(&batch), 1);
		assert_int_equal(ept.splits, 1);
		assert_poisoned(old);
		assert_int_equal(level_of(gfn), 0);
		touch(gfn);
		for (u64 i = 0; i < LARGE; i++) {
			assert_int_equal(level_of(i), 1);
			assert_int_equal(leaf_of(i), frame_at(i) << PAGE_SHIFT);
			assert_int_equal(*(u64 *)frame_ptr(frame_at(i)), i);
		}
	}
}

/* A large leaf holds no code (INTEL-SA-00210): a fetch splits it, or finds small ones. */
static void code(void **state)
{
	(void)state;
	touch(5);
	assert_int_equal(level_of(7), 2);
	assert_int_equal(ept_fault(&ept, 7 << PAGE_SHIFT, EPT_EXEC), 0);
	assert_int_equal(ept.splits, 1);
	for (u64 i = 0; i < LARGE; i++) {
		struct ept_leaf leaf = ept_walk(&ept, i << PAGE_SHIFT);

		assert_int_equal(leaf.level, 1);
		assert_int_equal(leaf.value & EPT_RWX, i == 7 ? EPT_RWX : EPT_READ | EPT_WRITE);
		assert_int_equal(leaf_of(i), frame_at(i) << PAGE_SHIFT);
		assert_int_equal(lru_flags(&backing.lru, i), i == 7 ? LRU_EXEC : 0);
	}
	assert_int_equal(ept_fault(&ept, (LARGE + 3) << PAGE_SHIFT, EPT_EXEC), 0);
	assert_int_equal(ept_walk(&ept, (LARGE + 3) << PAGE_SHIFT).level, 1);
	assert_int_equal(level_of(LARGE + 4), 0);
	touch(LARGE + 4);
	assert_int_equal(level_of(LARGE + 4), 1); /* beside it as well */
	/* The split needs a frame; until there is one nothing changes. */
	ept_destroy(&ept);
	assert_int_equal(ept_init(&ept, &backing, OWNER, EPT_CAP_2M), 0);
	ept.large = true;
	touch(5);
	fake_frames_leave(0);
	assert_int_equal(ept_fault(&ept, 7 << PAGE_SHIFT, EPT_EXEC), -ENOMEM);
	assert_int_equal(level_of(7), 2);
	fake_frames_back();
	assert_int_equal(ept_fault(&ept, 7 << PAGE_SHIFT, EPT_EXEC), 0);
	assert_int_equal(level_of(7), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_touch),   TEST(small_ones),	  TEST(partly_backed), TEST(no_run),
		TEST(filled_before), TEST(unaligned_row), TEST(moves),	       TEST(code),
	};

	return cmocka_run_group_tests_name("large", tests, NULL, NULL);
}
