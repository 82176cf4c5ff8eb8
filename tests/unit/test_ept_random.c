/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random operations on the EPT paging structures against a flat model: one word for each 4-KB page.
 * links: ept/ept.c mm/frame.c tests/unit/fake.c
 */
#include <stdlib.h>

#include "ept/ept.h"
#include "mm/frame.h"
#include "tests/unit/fake.h"

#define ROUNDS 64 /* each from empty tables */
#define STEPS 500
#define GBS 3
#define PAGES (GBS << 18)
#define SIZE_IN_PAGES(level) (1ul << 9 * ((level)-1))
#define FLAGS (EPT_RWX | EPT_ACCESSED | EPT_DIRTY)

/*
 * What each page has: host address, permissions and A/D flags; 0 nothing. And the level of the
 * entry it comes from, or would: a table once made stays until it is pruned.
 */
static u64 *model;
static u8 *levels;
static struct ept ept;
static unsigned maps[4], splits[4], pruned[4]; /* that were done, by level */
static unsigned collapses;
static u64 base; /* guest-physical address of the first page */

static u64 seen(u64 page)
{
	u64 gpa = base + page * PAGE_SIZE;
	struct ept_leaf leaf = ept_walk(&ept, gpa);
	u64 size = ept_level_size(leaf.level ? leaf.level : 1);

	if (!leaf.level)
		return 0;
	CHECK(leaf.level == levels[page]);
	CHECK(leaf.value == *leaf.entry);
	CHECK((leaf.value & 0x38) == EPT_MEMTYPE_WB);
	CHECK(!(leaf.value & EPT_LARGE) == (leaf.level == 1));
	CHECK(!((leaf.value & EPT_ADDRESS) & (size - 1)));
	return (leaf.value & (EPT_ADDRESS | FLAGS)) + (gpa & (size - 1));
}

/* The entries that lead to tables on GPA's way, from the root down. Returns how many. */
static unsigned path(u64 gpa, u64 **entries)
{
	u64 *table = frame_ptr(ept.eptp >> PAGE_SHIFT);
	unsigned n = 0;

	for (unsigned level = 4; level > 1; level--) {
		u64 *entry = &table[gpa >> (PAGE_SHIFT + 9 * (level - 1)) & 511];

		if (!(*entry & EPT_RWX) || (*entry & EPT_LARGE))
			break;
		entries[n++] = entry;
		table = frame_ptr((*entry & EPT_ADDRESS) >> PAGE_SHIFT);
	}
	return n;
}

/* The note of a table's frame tells how many entries it has. */
static void counts(u64 page)
{
	u64 *entries[3];

	for (unsigned n = path(base + page * PAGE_SIZE, entries); n--;) {
		const u64 *table = frame_ptr((*entries[n] & EPT_ADDRESS) >> PAGE_SHIFT);
		u64 used = 0;

		for (unsigned i = 0; i < 512; i++)
			used += !!(table[i] & EPT_RWX);
		CHECK(frame_noted(frame_of(table)) == used);
		CHECK(!(*entries[n] >> 52));
	}
}

static void compare(u64 from, u64 count)
{
	for (u64 page = from; page < from + count && page < PAGES; page++)
		CHECK(seen(page) == model[page]);
}

static void set(u64 page, unsigned level, u64 value)
{
	u64 first = page & ~(SIZE_IN_PAGES(level) - 1);

	for (u64 i = 0; i < SIZE_IN_PAGES(level); i++)
		model[first + i] = value ? value + i * PAGE_SIZE : 0;
}

/* The entries at PAGE become LEVEL-sized ones. */
static void lower(u64 page, unsigned level)
{
	while (levels[page] > level) {
		unsigned from = levels[page];
		u64 first = page & ~(SIZE_IN_PAGES(from) - 1);

		for (u64 i = 0; i < SIZE_IN_PAGES(from); i++)
			levels[first + i] = from - 1;
	}
}

static void random_map(u64 page)
{
	unsigned level = 1 + fake_random() % 8 / 3;
	u64 perm = fake_random() % 8, hpa = fake_random() & EPT_ADDRESS;
	int err = 0;

	page &= ~(SIZE_IN_PAGES(level) - 1);
	hpa &= ~(ept_level_size(level) - 1);
	if (fake_random() % 32 == 0)
		hpa |= PAGE_SIZE / 2;
	if (!(perm & EPT_READ) || (hpa & (PAGE_SIZE - 1)))
		err = -EINVAL;
	else if (levels[page] < level || model[page])
		err = -EEXIST;
	CHECK(ept_map(&ept, base + page * PAGE_SIZE, hpa, level, perm) == err);
	if (!err) {
		maps[level]++;
		lower(page, level);
		set(page, level, hpa | perm);
	}
}

static void random_unmap(u64 page)
{
	u64 old = 1;

	CHECK(!ept_unmap(&ept, base + page * PAGE_SIZE, &old));
	CHECK((old & (EPT_ADDRESS | FLAGS)) == model[page]);
	if (model[page])
		lower(page, 1);
	model[page] = 0;
}

static void random_protect(u64 page)
{
	u64 perm = fake_random() % 8;
	int err = !(perm & EPT_READ) ? -EINVAL : !model[page] ? -ENOENT : 0;

	CHECK(ept_protect(&ept, base + page * PAGE_SIZE, perm) == err);
	if (!err) {
		lower(page, 1);
		model[page] = (model[page] & ~EPT_RWX) | perm;
	}
}

static void random_split(u64 page)
{
	int err = !model[page] || levels[page] == 1 ? -ENOENT : 0;

	CHECK(ept_split(&ept, base + page * PAGE_SIZE + 0x123) == err);
	if (!err) {
		splits[levels[page]]++;
		lower(page, levels[page] - 1);
	}
}

/* As the processor does, at any time. */
static void random_access(u64 page)
{
	u64 flags = fake_random() & (EPT_ACCESSED | EPT_DIRTY);
	u64 first = page & ~(SIZE_IN_PAGES(levels[page]) - 1);
	u64 *entries[3];

	if (!model[page])
		return;
	for (unsigned n = path(base + page * PAGE_SIZE, entries); n--;)
		*entries[n] |= EPT_ACCESSED;
	*ept_walk(&ept, base + page * PAGE_SIZE).entry |= flags;
	for (u64 i = 0; i < SIZE_IN_PAGES(levels[page]); i++)
		model[first + i] |= flags;
}

/* Nothing is mapped in the LEVEL-sized page, and no table is within its table. */
static bool table_empty(u64 page, unsigned level)
{
	u64 first = page & ~(SIZE_IN_PAGES(level) - 1);

	for (u64 i = 0; i < SIZE_IN_PAGES(level); i++)
		if (model[first + i] || levels[first + i] != level - 1)
			return false;
	return true;
}

/* Tables without entries go, the smaller one first; their frames are ours, once. */
static void random_prune(u64 page)
{
	u64 tables[EPT_PRUNE_MAX] = { 0 }, free = frames_free();
	unsigned expected = 0, n;

	for (unsigned level = levels[page] + 1u; level <= 3 && table_empty(page, level); level++) {
		memset(&levels[page & ~(SIZE_IN_PAGES(level) - 1)], (int)level,
		       SIZE_IN_PAGES(level));
		pruned[level]++;
		expected++;
	}
	n = ept_prune(&ept, base + page * PAGE_SIZE, tables);
	CHECK(n == expected);
	CHECK(frames_free() == free);
	while (n)
		frame_free(tables[--n], OWNER_HOST);
}

static void random_age(u64 page)
{
	u64 first = page & ~(SIZE_IN_PAGES(levels[page]) - 1);
	struct ept_leaf leaf = ept_age(&ept, base + page * PAGE_SIZE);

	CHECK(!leaf.level == !model[page]);
	if (!leaf.level)
		return;
	CHECK(leaf.level == levels[page] && (leaf.value & FLAGS) == (model[page] & FLAGS));
	CHECK(*leaf.entry == (leaf.value & ~EPT_ACCESSED));
	for (u64 i = 0; i < SIZE_IN_PAGES(levels[page]); i++)
		model[first + i] &= ~EPT_ACCESSED;
}

/* 512 small leaves, or what there is of them, become one large. */
static void random_collapse(u64 page)
{
	u64 first = page & ~511ul, hpa = fake_random() & EPT_ADDRESS & ~(ept_level_size(2) - 1);

	if (levels[page] != 1)
		return;
	for (u64 i = 0; i < 512; i++)
		random_unmap(first + i);
	random_prune(page);
	CHECK(levels[page] > 1);
	CHECK(ept_empty(&ept, base + page * PAGE_SIZE, 2));
	CHECK(!ept_map(&ept, base + first * PAGE_SIZE, hpa, 2, EPT_READ | EPT_WRITE));
	lower(page, 2);
	set(page, 2, hpa | EPT_READ | EPT_WRITE);
	collapses++;
}

static void random_operations(void **state)
{
	static void (*const operations[])(u64) = {
		random_map,   random_map,      random_map,    random_map,     random_unmap,
		random_unmap, random_unmap,    random_unmap,  random_protect, random_protect,
		random_split, random_access,   random_access, random_prune,   random_prune,
		random_age,   random_collapse,
	};
	u64 before = frames_free();

	(void)state;
	fake_random_start();
	model = malloc(PAGES * sizeof(*model));
	levels = malloc(PAGES);
	for (unsigned round = 0; round < ROUNDS; round++) {
		memset(model, 0, PAGES * sizeof(*model));
		memset(levels, 3, PAGES);
		base = fake_random() % (1 << 17) * ept_level_size(3); /* may pass 512 GB */
		assert_int_equal(ept_init(&ept, NULL, 1, EPT_CAP_2M | EPT_CAP_1G), 0);
		for (unsigned i = 0; i < STEPS; i++, fake_step++) {
			/* Near to one another, so that operations meet. */
			u64 page = fake_random() % GBS << 18 | fake_random() % 3 << 9 |
				   fake_random() % 6;

			operations[fake_random() % ARRAY_SIZE(operations)](page);
			counts(page);
			compare(page ? page - 1 : 0, 3);
			compare(fake_random() % PAGES, 1);
		}
		compare(0, PAGES);
		for (u64 page = 0; page < PAGES; page += 512)
			counts(page);
		ept_destroy(&ept);
		CHECK(frames_free() == before);
	}
	for (unsigned level = 1; level <= 3; level++) {
		CHECK(maps[level] > ROUNDS / 2);
		CHECK(level == 1 || splits[level] > 0);
		CHECK(level == 1 || pruned[level] > ROUNDS / 2);
	}
	CHECK(collapses > ROUNDS);
	free(model);
	free(levels);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_operations) };

	fake_frames(2048);
	return cmocka_run_group_tests_name("ept_random", tests, NULL, NULL);
}
