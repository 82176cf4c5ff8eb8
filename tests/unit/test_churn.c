/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contents of churn's pages: filled and verified alike, every changed word is found, and they
 * compress as its budget counts on.
 * links: tests/guests/contents.c mm/frame.c tests/unit/fake.c
 */
#include <lz4.h>
#include <stdio.h>
#include <string.h>

#include "tests/guests/contents.h"
#include "tests/unit/fake.h"

#define OWNER 7
#define PAGES 4000
#define FIRST 264
#define VERSIONS 200

static const char *const names[CONTENTS_KINDS] = { "zero", "same", "text", "sparse", "random" };
static struct contents_mix mix;
static u64 words[CONTENTS_WORDS];
static u32 page, version; /* that some() chose */

static int setup(void **state)
{
	(void)state;
	contents_mix(&mix, OWNER, FIRST, PAGES, 0);
	return 0;
}

/* A version of a page, by the random numbers of the test. */
static void some(struct contents *c)
{
	page = FIRST + fake_random() % PAGES;
	version = fake_random() % (CONTENTS_VERSION_MAX + 1);
	contents_of(c, &mix, page, version);
}

static void filled_is_right(void **state)
{
	u32 seen[CONTENTS_KINDS] = { 0 };
	struct contents c;
	struct contents_word wrong;

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < 20000; fake_step++) {
		some(&c);
		memset(words, 0xa5, sizeof(words));
		contents_fill(&c, words);
		CHECK(contents_wrong(&c, words, 0, 1, &wrong) == CONTENTS_WORDS);
		CHECK(contents_wrong(&c, words, fake_random() % 64, 61, &wrong) >= CONTENTS_WORDS);
		seen[c.kind]++;
	}
	for (u32 i = 0; i < CONTENTS_KINDS; i++)
		assert_true(seen[i] > 100);
}

static void changed_word_is_found(void **state)
{
	u32 seen[CONTENTS_KINDS] = { 0 };
	struct contents c;
	struct contents_word wrong;
	u64 right;

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < 2000; fake_step++) {
		some(&c);
		if (seen[c.kind]++ >= 3)
			continue;
		contents_fill(&c, words);
		for (u32 i = 0; i < CONTENTS_WORDS; i++) {
			right = words[i];
			words[i] ^= BIT(fake_random() % 64);
			CHECK(contents_wrong(&c, words, 0, 1, &wrong) == i);
			CHECK(wrong.found == words[i] && wrong.expected == right);
			CHECK(contents_wrong(&c, words, i + 1, 1, &wrong) == CONTENTS_WORDS);
			words[i] = right;
		}
	}
	for (u32 i = 0; i < CONTENTS_KINDS; i++)
		assert_true(seen[i] > 3);
}

/* What an older version, another page or another guest left behind is no good contents, except zero
 * for zero. */
static void others_are_found(void **state)
{
	struct contents_mix others;
	struct contents c, other;
	struct contents_word wrong;

	(void)state;
	contents_mix(&others, OWNER + 1, FIRST, PAGES, 0);
	fake_random_start();
	for (fake_step = 0; fake_step < 30000; fake_step++) {
		some(&c);
		if (fake_step % 3 == 0)
			contents_of(&other, &others, page, version);
		else if (version && fake_step % 3 == 1)
			contents_of(&other, &mix, page, version - 1);
		else
			contents_of(&other, &mix, FIRST + (page - FIRST + 1) % PAGES, version);
		contents_fill(&other, words);
		if (c.kind != CONTENTS_ZERO || other.kind != CONTENTS_ZERO)
			CHECK(contents_wrong(&c, words, 0, 1, &wrong) < CONTENTS_WORDS);
	}
}

static void text_is_readable(void **state)
{
	const char *text = (const char *)words;
	struct contents c;

	(void)state;
	fake_random_start();
	do
		some(&c);
	while (c.kind != CONTENTS_TEXT);
	contents_fill(&c, words);
	for (u32 row = 0; row < 32; row++) {
		char start[64];

		snprintf(start, sizeof(start), "page no %08x version %07x row %02x: ", page,
			 version, row);
		assert_memory_equal(text + 128 * row, start, strlen(start));
		assert_int_equal(text[128 * row + 127], '\n');
		for (u32 i = 0; i < 127; i++)
			assert_in_range(text[128 * row + i], ' ', '~');
	}
}

/* By LZ4, into at most one page. */
static int compressed(void)
{
	static char out[LZ4_COMPRESSBOUND(PAGE_SIZE)];

	return LZ4_compress_fast((const char *)words, out, PAGE_SIZE, sizeof(out), 1);
}

static void compresses_as_promised(void **state)
{
	int worst[CONTENTS_KINDS] = { 0 }, best = PAGE_SIZE;
	struct contents c;

	(void)state;
	fake_random_start();
	for (fake_step = 0; fake_step < 20000; fake_step++) {
		int size;

		some(&c);
		contents_fill(&c, words);
		size = compressed();
		if (size > worst[c.kind])
			worst[c.kind] = size;
		if (c.kind == CONTENTS_RANDOM)
			best = MIN(best, size);
		else
			CHECK(size <= (int)PAGE_SIZE / 12);
	}
	CHECK(best > (int)PAGE_SIZE / 2);
	for (u32 i = 0; i < CONTENTS_KINDS; i++)
		print_message("%s: at most %d bytes\n", names[i], worst[i]);
}

/* Which kinds each page takes in its first versions. */
static void count(u32 pages, u32 budget)
{
	u32 random = 0, packed = 0, now[CONTENTS_KINDS] = { 0 };
	struct contents c;

	contents_mix(&mix, OWNER, FIRST, pages, budget);
	for (page = FIRST; page < FIRST + pages; page++) {
		u32 seen[CONTENTS_KINDS] = { 0 };

		contents_of(&c, &mix, page, 1);
		now[c.kind]++;
		for (version = 1; version <= VERSIONS; version++) {
			contents_of(&c, &mix, page, version);
			seen[c.kind]++;
		}
		random += seen[CONTENTS_RANDOM] > 0;
		packed += seen[CONTENTS_TEXT] + seen[CONTENTS_SPARSE] > 0;
		assert_true(seen[CONTENTS_ZERO] + seen[CONTENTS_SAME] > 0);
		assert_true(!seen[CONTENTS_RANDOM] || !seen[CONTENTS_TEXT]);
	}
	assert_int_equal(random, mix.random);
	assert_int_equal(packed, mix.packed);
	assert_int_equal(random, budget ? MIN(budget / 8, pages / 10) : pages / 10);
	assert_int_equal(packed, budget ? MIN(budget * 4, pages / 2) : pages / 2);
	if (!budget) { /* what is in memory at one time, in hundredths */
		assert_in_range(now[CONTENTS_RANDOM] * 100 / pages, 7, 10);
		assert_in_range(now[CONTENTS_TEXT] * 100 / pages, 32, 40);
		assert_in_range(now[CONTENTS_SPARSE] * 100 / pages, 7, 12);
		assert_true(now[CONTENTS_SAME] > pages / 10);
		assert_true(now[CONTENTS_ZERO] > pages / 10);
	}
}

static void shares_are_exact(void **state)
{
	(void)state;
	count(1783, 0);
	count(16112, 0);
	count(16112, 4096);
	count(16112, 1024);
	count(16112, 100);
	count(16112, 7);
}

static void stamps(void **state)
{
	u32 refused = 0, others = 0;

	(void)state;
	assert_int_equal(contents_stamp(FIRST, 0), 0);
	for (page = FIRST; page < FIRST + 100; page++) {
		for (u32 i = 0; i <= CONTENTS_VERSION_MAX; i++) {
			u16 stamp = contents_stamp(page, i);

			assert_true(contents_version(page, stamp, &version));
			assert_int_equal(version, i);
			if (!i)
				continue;
			others++;
			refused += !contents_version(page + 1, stamp, &version);
		}
	}
	/* Five bits: one in 32 passes. */
	assert_true(refused > others / 100 * 96);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(filled_is_right, setup),
		cmocka_unit_test_setup(changed_word_is_found, setup),
		cmocka_unit_test_setup(others_are_found, setup),
		cmocka_unit_test_setup(text_is_readable, setup),
		cmocka_unit_test_setup(compresses_as_promised, setup),
		cmocka_unit_test_setup(shares_are_exact, setup),
		cmocka_unit_test_setup(stamps, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
