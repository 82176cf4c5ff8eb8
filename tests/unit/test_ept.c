/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The EPT paging structures: single rules first, then random operations against a flat model.
 * links: ept/ept.c mm/frame.c tests/unit/fake.c
 */
#include "ept/ept.h"
#include "mm/frame.h"
#include "tests/unit/fake.h"

#define OWNER 3
#define CAPS (EPT_CAP_2M | EPT_CAP_1G | EPT_CAP_AD)
#define KB4 ept_level_size(1)
#define MB2 ept_level_size(2)
#define GB1 ept_level_size(3)

static struct ept ept;
static u64 free_before;

static int setup(void **state)
{
	(void)state;
	free_before = frames_free();
	return ept_init(&ept, NULL, OWNER, CAPS);
}

/* Whatever a test did, all table pages come back. */
static int teardown(void **state)
{
	(void)state;
	fake_frames_back();
	ept_destroy(&ept);
	return frames_free() == free_before && ept.eptp == 0 ? 0 : -1;
}

/* The host address that GPA leads to; ~0 when nothing is mapped. */
static u64 translate(u64 gpa)
{
	struct ept_leaf leaf = ept_walk(&ept, gpa);
	u64 offset;

	if (!leaf.level)
		return ~0ul;
	offset = gpa & (ept_level_size(leaf.level) - 1);
	return (leaf.value & EPT_ADDRESS & ~(ept_level_size(leaf.level) - 1)) | offset;
}

static void eptp_layout(void **state)
{
	struct ept plain;

	(void)state;
	/* SDM, "Extended-Page-Table Pointer": 2:0 type 6, 5:3 levels - 1, 6 A/D, 11:7 zero. */
	assert_int_equal(ept.eptp & 0xfff, 0x5e);
	assert_int_equal(frame_owner(ept.eptp >> PAGE_SHIFT), OWNER_HOST);
	assert_int_equal(ept.generation, 1);
	assert_int_equal(ept.flushed[0], 0); /* differs: the first entry flushes */
	assert_int_equal(ept_init(&plain, NULL, OWNER, 0), 0);
	assert_int_equal(plain.eptp & 0xfff, 0x1e);
	ept_destroy(&plain);
	fake_frames_leave(0);
	assert_int_equal(ept_init(&plain, NULL, OWNER, 0), -ENOMEM);
}

static void entry_layout(void **state)
{
	u64 *root = frame_ptr(ept.eptp >> PAGE_SHIFT), *table;

	(void)state;
	assert_int_equal(ept_map(&ept, 0xfee00000, 0xabcde000, 1, EPT_RWX), 0);
	assert_int_equal(ept_walk(&ept, 0xfee00123).value, 0xabcde037);
	assert_int_equal(ept_map(&ept, 0x40000000, 0x1234000000000, 3, EPT_READ | EPT_EXEC), 0);
	assert_int_equal(ept_walk(&ept, 0x7fffffff).value, 0x12340000000b5);
	assert_int_equal(ept_map(&ept, 0x200000, 0xffffffe00000, 2, EPT_READ), 0);
	assert_int_equal(ept_walk(&ept, 0x200000).value, 0xffffffe000b1);
	/* Entries that lead to a table: all permissions, no other bit. */
	assert_int_equal(root[0] & ~EPT_ADDRESS, EPT_RWX);
	assert_int_equal(frame_noted(root[0] >> PAGE_SHIFT & 0xffffffffff), 3);
	table = frame_ptr(root[0] >> PAGE_SHIFT & 0xffffffffff);
	assert_int_equal(table[3] & ~EPT_ADDRESS, EPT_RWX);
	assert_int_equal(frame_noted(table[3] >> PAGE_SHIFT & 0xffffffffff), 1);
	assert_true(ept_walk(&ept, 0x40000000).entry == &table[1]);
	assert_int_equal(ept_walk(&ept, 0x80000000).level, 0);
	assert_int_equal(ept_walk(&ept, 0x80000000).value, 0);
}

static void refusals(void **state)
{
	static const struct {
		u64 gpa, hpa;
		unsigned level;
		u64 perm;
	} bad[] = {
		{ 0x1001, 0x2000, 1, EPT_RWX },
		{ 0x1000, 0x2800, 1, EPT_RWX },
		{ 0x201000, 0x200000, 2, EPT_RWX },
		{ 0x200000, 0x201000, 2, EPT_RWX },
		{ 0x40200000, 0x40000000, 3, EPT_RWX },
		{ 0x40000000, 0x40200000, 3, EPT_RWX },
		{ 0x1000, 0x2000, 0, EPT_RWX },
		{ 0, 0, 4, EPT_RWX },
		{ 0x1000, 0x2000, 1, 0 },
		{ 0x1000, 0x2000, 1, EPT_WRITE },
		{ 0x1000, 0x2000, 1, EPT_WRITE | EPT_EXEC },
		{ 0x1000, 0x2000, 1, EPT_EXEC },
		{ 0x1000, 0x2000, 1, EPT_RWX | EPT_LARGE },
		{ 0x1000, 0x2000, 1, EPT_RWX | BIT(3) },
		{ 1ul << 48, 0x2000, 1, EPT_RWX },
		{ 0x1000, 1ul << 52, 1, EPT_RWX },
	};
	u64 free = frames_free();

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ept_map(&ept, bad[i].gpa, bad[i].hpa, bad[i].level, bad[i].perm),
				 -EINVAL);
	assert_int_equal(ept_protect(&ept, 0x1000, EPT_WRITE), -EINVAL);
	assert_int_equal(ept_protect(&ept, 0x1000, EPT_RWX | BIT(3)), -EINVAL);
	assert_int_equal(ept_protect(&ept, 0x1000, EPT_RWX), -ENOENT);
	assert_int_equal(ept_split(&ept, 0x1000), -ENOENT);
	assert_int_equal(frames_free(), free);
	/* The limits themselves are fine. */
	assert_int_equal(ept_map(&ept, (1ul << 48) - KB4, EPT_ADDRESS, 1, EPT_READ), 0);
	assert_int_equal(translate((1ul << 48) - 1), (1ul << 52) - 1);
	assert_int_equal(ept_split(&ept, (1ul << 48) - KB4), -ENOENT);
}

static void capabilities(void **state)
{
	(void)state;
	ept.caps = EPT_CAP_1G;
	assert_int_equal(ept_map(&ept, 0, 0, 2, EPT_RWX), -EINVAL);
	assert_int_equal(ept_map(&ept, 0, 0, 3, EPT_RWX), 0);
	ept.caps = EPT_CAP_2M;
	assert_int_equal(ept_map(&ept, GB1, 0, 3, EPT_RWX), -EINVAL);
	assert_int_equal(ept_map(&ept, GB1, 0, 2, EPT_RWX), 0);
	ept.caps = 0;
	assert_int_equal(ept_map(&ept, GB1 + MB2, 0, 2, EPT_RWX), -EINVAL);
	assert_int_equal(ept_map(&ept, GB1 + MB2, 0, 1, EPT_RWX), 0);
}

static void exists(void **state)
{
	(void)state;
	assert_int_equal(ept_map(&ept, 0x1000, 0x5000, 1, EPT_RWX), 0);
	assert_int_equal(ept_map(&ept, MB2, 0, 2, EPT_RWX), 0);
	assert_int_equal(ept_map(&ept, GB1, 0, 3, EPT_RWX), 0);
	assert_int_equal(ept_map(&ept, 0x1000, 0x6000, 1, EPT_RWX), -EEXIST);
	assert_int_equal(ept_map(&ept, 0, 0, 2, EPT_RWX), -EEXIST);
	assert_int_equal(ept_map(&ept, 0, 0, 3, EPT_RWX), -EEXIST);
	assert_int_equal(ept_map(&ept, MB2 + KB4, 0, 1, EPT_RWX), -EEXIST);
	assert_int_equal(ept_map(&ept, GB1 + MB2, 0, 2, EPT_RWX), -EEXIST);
	assert_int_equal(ept_map(&ept, GB1 + KB4, 0, 1, EPT_RWX), -EEXIST);
	assert_int_equal(translate(0x1000), 0x5000);
}

/* All 512 children carry on the translation, the permissions, the memory type and A/D. */
static void splits(void **state)
{
	static const u64 perms[] = { EPT_READ, EPT_READ | EPT_WRITE, EPT_READ | EPT_EXEC, EPT_RWX };

	(void)state;
	for (unsigned n = 0; n < 32; n++) {
		unsigned level = 2 + n % 2;
		u64 gpa = n * GB1, hpa = (n + 100) * GB1, free = frames_free();
		u64 size = ept_level_size(level - 1), flags = (n / 8) * EPT_ACCESSED;
		struct ept_leaf leaf;

		assert_int_equal(ept_map(&ept, gpa, hpa, level, perms[n / 2 % 4]), 0);
		leaf = ept_walk(&ept, gpa);
		*leaf.entry |= flags;
		free = frames_free();
		assert_int_equal(ept_split(&ept, gpa + 5 * size + 0x234), 0);
		assert_int_equal(frames_free(), free - 1);
		assert_int_equal(*leaf.entry & ~EPT_ADDRESS, EPT_RWX);
		assert_int_equal(frame_noted(*leaf.entry >> PAGE_SHIFT & 0xffffffffff), 512);
		for (unsigned i = 0; i < 512; i++) {
			struct ept_leaf child = ept_walk(&ept, gpa + i * size + 0x234);

			assert_int_equal(child.level, level - 1);
			assert_int_equal(child.value, (hpa + i * size) | perms[n / 2 % 4] | flags |
							      EPT_MEMTYPE_WB |
							      (level == 3 ? EPT_LARGE : 0));
		}
		assert_int_equal(translate(gpa + ept_level_size(level)), ~0ul);
	}
}

static void unmap_and_protect(void **state)
{
	u64 old = 1;

	(void)state;
	assert_int_equal(ept_unmap(&ept, 0x1000, &old), 0);
	assert_int_equal(old, 0);
	assert_int_equal(ept_map(&ept, GB1, 4 * GB1, 3, EPT_RWX), 0);
	*ept_walk(&ept, GB1).entry |= EPT_DIRTY;
	assert_int_equal(ept_unmap(&ept, GB1 + MB2 + KB4, &old), 0);
	assert_int_equal(old, (4 * GB1 + MB2 + KB4) | EPT_RWX | EPT_MEMTYPE_WB | EPT_DIRTY);
	assert_int_equal(translate(GB1 + MB2 + KB4), ~0ul);
	assert_int_equal(translate(GB1 + MB2), 4 * GB1 + MB2);
	assert_int_equal(translate(GB1 + MB2 + 2 * KB4), 4 * GB1 + MB2 + 2 * KB4);
	assert_int_equal(ept_protect(&ept, GB1 + 3 * MB2, EPT_READ), 0);
	assert_int_equal(ept_walk(&ept, GB1 + 3 * MB2).value,
			 (4 * GB1 + 3 * MB2) | EPT_READ | EPT_MEMTYPE_WB | EPT_DIRTY);
	assert_int_equal(ept_walk(&ept, GB1 + 3 * MB2 + KB4).value & EPT_RWX, EPT_RWX);
	assert_int_equal(ept_protect(&ept, GB1 + MB2 + KB4, EPT_READ), -ENOENT);
}

static void empty(void **state)
{
	u64 old;

	(void)state;
	for (unsigned level = 1; level <= 3; level++)
		assert_true(ept_empty(&ept, 0, level));
	assert_int_equal(ept_map(&ept, GB1 + MB2, 0, 2, EPT_RWX), 0);
	assert_true(ept_empty(&ept, GB1, 2));
	assert_false(ept_empty(&ept, GB1, 3)); /* a part is mapped */
	assert_false(ept_empty(&ept, GB1 + MB2 + KB4, 2));
	assert_false(ept_empty(&ept, GB1 + MB2 + KB4, 1));
	assert_int_equal(ept_unmap(&ept, GB1 + MB2, &old), 0);
	assert_true(ept_empty(&ept, GB1 + MB2, 1));
	assert_false(ept_empty(&ept, GB1 + MB2, 2));
	assert_int_equal(ept_map(&ept, 8 * GB1, 0, 1, EPT_RWX), 0);
	assert_int_equal(ept_unmap(&ept, 8 * GB1, &old), 0);
	assert_false(ept_empty(&ept, 8 * GB1, 2)); /* its table is there */
}

/* Memory is out after COUNT more frames: the operation fails, and each address leads where it led.
 */
static void no_memory(void **state)
{
	u64 old = 1;

	(void)state;
	for (u64 count = 0; count < 3; count++) {
		u64 gpa = (count + 1) << 39;

		fake_frames_leave(count);
		assert_int_equal(ept_map(&ept, gpa, 0x1000, 1, EPT_RWX), -ENOMEM);
		assert_int_equal(translate(gpa), ~0ul);
		assert_int_equal(frames_free(), 0);
		fake_frames_back();
		assert_int_equal(ept_map(&ept, gpa, 0x1000, 1, EPT_RWX), 0);
		assert_int_equal(translate(gpa), 0x1000);
	}
	assert_int_equal(ept_map(&ept, GB1, GB1, 3, EPT_READ), 0);
	for (u64 count = 0; count < 2; count++) {
		fake_frames_leave(count);
		old = 1;
		assert_int_equal(ept_unmap(&ept, GB1 + count * MB2, &old), -ENOMEM);
		assert_int_equal(old, 0);
		for (u64 at = GB1; at < 2 * GB1; at += MB2 / 2) {
			assert_int_equal(translate(at), at);
			assert_int_equal(ept_walk(&ept, at).value & EPT_RWX, EPT_READ);
		}
		assert_int_equal(ept_protect(&ept, GB1, EPT_RWX), -ENOMEM);
		assert_int_equal(ept_split(&ept, GB1), -ENOMEM);
		assert_int_equal(ept_walk(&ept, GB1).value & EPT_RWX, EPT_READ);
		fake_frames_back();
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(eptp_layout),	 TEST(entry_layout), TEST(refusals),
		TEST(capabilities),	 TEST(exists),	     TEST(splits),
		TEST(unmap_and_protect), TEST(empty),	     TEST(no_memory),
	};

	fake_frames(512);
	return cmocka_run_group_tests_name("ept", tests, NULL, NULL);
}
