/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lists of pages by last use, step by step, and by random operations against plain arrays.
 * links: mm/lru.c tests/unit/fake.c mm/frame.c
 */
#include <string.h>

#include "mm/lru.h"
#include "tests/unit/fake.h"

#define PAGES 40
#define STEPS 50000

static struct lru_page pages[PAGES];
static struct lru lru;

/* The model: each list from its tail on, and the flags. */
static u32 model[LRU_LISTS][PAGES];
static unsigned length[LRU_LISTS], flags[PAGES];

static int setup(void **state)
{
	(void)state;
	memset(pages, 0, sizeof(pages));
	memset(&lru, 0xa5, sizeof(lru));
	lru_init(&lru, pages, PAGES);
	memset(length, 0, sizeof(length));
	memset(flags, 0, sizeof(flags));
	return lru.npages == PAGES && !lru.list[LRU_ACTIVE].count ? 0 : -1;
}

static void expect(enum lru_list list, unsigned max, unsigned n, const u32 *want)
{
	u32 got[PAGES] = { 0 };

	assert_int_equal(lru_take(&lru, list, got, max), n);
	assert_memory_equal(got, want, n * sizeof(*got));
}

static void oldest_first(void **state)
{
	(void)state;
	expect(LRU_INACTIVE, PAGES, 0, NULL);
	for (u64 i = 0; i < 6; i++)
		lru_add(&lru, i, LRU_INACTIVE);
	assert_int_equal(lru.list[LRU_INACTIVE].count, 6);
	expect(LRU_INACTIVE, 0, 0, NULL);
	expect(LRU_INACTIVE, 2, 2, (u32[]){ 0, 1 });
	expect(LRU_ACTIVE, 2, 0, NULL);
	lru_add(&lru, 3, LRU_INACTIVE); /* used again */
	lru_add(&lru, 0, LRU_INACTIVE);
	expect(LRU_INACTIVE, PAGES, 5, (u32[]){ 2, 4, 5, 3, 0 });
	assert_int_equal(lru.list[LRU_INACTIVE].count, 0);
	expect(LRU_INACTIVE, PAGES, 0, NULL);
}

static void from_list_to_list(void **state)
{
	(void)state;
	for (u64 i = 0; i < 5; i++)
		lru_add(&lru, i, LRU_INACTIVE);
	lru_add(&lru, 2, LRU_ACTIVE); /* from the middle, the tail, and the head */
	lru_add(&lru, 0, LRU_ACTIVE);
	lru_add(&lru, 4, LRU_ACTIVE);
	assert_int_equal(lru.list[LRU_ACTIVE].count, 3);
	assert_int_equal(lru.list[LRU_INACTIVE].count, 2);
	expect(LRU_INACTIVE, PAGES, 2, (u32[]){ 1, 3 });
	expect(LRU_ACTIVE, PAGES, 3, (u32[]){ 2, 0, 4 });
	lru_add(&lru, 1, LRU_ACTIVE); /* alone on its list */
	lru_add(&lru, 1, LRU_INACTIVE);
	expect(LRU_ACTIVE, PAGES, 0, NULL);
	expect(LRU_INACTIVE, PAGES, 1, (u32[]){ 1 });
}

/* Flags are the page's, wherever it is. */
static void flags_stay(void **state)
{
	(void)state;
	assert_int_equal(lru_flags(&lru, 7), 0);
	lru_mark(&lru, 7, LRU_STUCK, 0);
	lru_add(&lru, 7, LRU_ACTIVE);
	lru_add(&lru, 8, LRU_ACTIVE);
	lru_mark(&lru, 7, LRU_EXEC, 0);
	assert_int_equal(lru_flags(&lru, 7), LRU_STUCK | LRU_EXEC);
	assert_int_equal(lru_flags(&lru, 8), 0);
	lru_mark(&lru, 7, 0, LRU_STUCK);
	assert_int_equal(lru_flags(&lru, 7), LRU_EXEC);
	lru_mark(&lru, 7, LRU_STUCK, LRU_EXEC | LRU_STUCK);
	assert_int_equal(lru_flags(&lru, 7), LRU_STUCK);
	expect(LRU_ACTIVE, PAGES, 2, (u32[]){ 7, 8 });
	assert_int_equal(lru_flags(&lru, 7), LRU_STUCK);
}

/* Numbers up to the last one that has room in a link. */
static void many_pages(void **state)
{
	u64 n = (1 << 24) - 1;
	struct lru_page *table = test_calloc(n, sizeof(*table));
	u32 got[4];

	(void)state;
	lru_init(&lru, table, n);
	for (u64 i = 0; i < 4; i++)
		lru_add(&lru, n - 1 - i, LRU_INACTIVE);
	lru_add(&lru, n - 1, LRU_INACTIVE);
	lru_add(&lru, n - 3, LRU_ACTIVE);
	assert_int_equal(lru_take(&lru, LRU_INACTIVE, got, 4), 3);
	assert_int_equal(got[0], n - 2);
	assert_int_equal(got[1], n - 4);
	assert_int_equal(got[2], n - 1);
	test_free(table);
}

static void model_remove(u64 page)
{
	for (unsigned list = 0; list < LRU_LISTS; list++)
		for (unsigned i = 0; i < length[list]; i++)
			if (model[list][i] == page) {
				length[list]--;
				memmove(&model[list][i], &model[list][i + 1],
					(length[list] - i) * sizeof(u32));
			}
}

/* The lists are what the model says, by the links of either direction. */
static void compare(void)
{
	for (unsigned list = 0; list < LRU_LISTS; list++) {
		u32 at = lru.list[list].tail, after = 0;

		CHECK(lru.list[list].count == length[list]);
		for (unsigned i = 0; i < length[list]; i++) {
			CHECK(at == model[list][i] + 1);
			CHECK(pages[at - 1].on == list + 1);
			CHECK(pages[at - 1].next == after);
			after = at;
			at = pages[at - 1].prev;
		}
		CHECK(!at);
		CHECK(lru.list[list].head == after);
	}
}

static void random_operations(void **state)
{
	u64 stuck = 0;

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		unsigned list = fake_random() % LRU_LISTS, max = fake_random() % 12;
		unsigned set = fake_random() % 64, clear = fake_random() % 64, n;
		u64 page = fake_random() % PAGES;
		u32 got[12];

		switch (fake_random() % 8) {
		case 0 ... 3:
			lru_add(&lru, page, list);
			model_remove(page);
			model[list][length[list]++] = (u32)page;
			break;
		case 5:
			n = lru_take(&lru, list, got, max);
			CHECK(n == MIN(max, length[list]));
			CHECK(!memcmp(got, model[list], n * sizeof(*got)));
			while (n--)
				model_remove(got[n]);
			break;
		default:
			stuck -= flags[page] & LRU_STUCK;
			flags[page] = (flags[page] & ~clear) | set;
			stuck += flags[page] & LRU_STUCK;
			CHECK(lru_mark(&lru, page, set, clear) == flags[page]);
		}
		CHECK(lru_flags(&lru, page) == flags[page]);
		CHECK(lru.stuck == stuck);
		compare();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(oldest_first, setup),
		cmocka_unit_test_setup(from_list_to_list, setup),
		cmocka_unit_test_setup(flags_stay, setup),
		cmocka_unit_test_setup(many_pages, setup),
		cmocka_unit_test_setup(random_operations, setup),
	};

	return cmocka_run_group_tests_name("lru", tests, NULL, NULL);
}
