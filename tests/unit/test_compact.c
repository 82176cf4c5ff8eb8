/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps 2-MB pages together: who gets frames of which block, and how one is emptied.
 * links: mm/frame.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/fake.h"

#define GUEST 7
#define BLOCKS 4
#define FIRST (LARGE_PAGES - 5) /* frames of block 0: the tables take 5 */
#define FRAMES (FIRST + (BLOCKS - 1) * LARGE_PAGES)

static u64 base; /* the range's first block */

/* Each test has a range of its own, fresh, and nothing else. */
static int setup(void **state)
{
	u64 pfn;

	(void)state;
	fake_frames_leave(0);
	fake_frames(BLOCKS * LARGE_PAGES);
	pfn = frame_alloc(OWNER_HOST);
	base = pfn & -LARGE_PAGES;
	frame_free(pfn, OWNER_HOST);
	return frames_free() == FRAMES ? 0 : -1;
}

static u64 block(u64 pfn)
{
	return (pfn - base) / LARGE_PAGES;
}

/* All of a whole block for the guest, but for FREE frames. */
static u64 nearly_full(u64 free)
{
	u64 run = frame_alloc_run(GUEST, LARGE_PAGES, LARGE_PAGES);

	assert_true(run);
	for (u64 i = 0; i < free; i++)
		frame_free(run + i * 7 % LARGE_PAGES, GUEST);
	return run;
}

/* Frames that cannot be moved stay out of blocks that can be emptied while there are others. */
static void kept_apart(void **state)
{
	u64 seen = 0;

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		assert_int_equal(block(frame_alloc(GUEST)), 1);
		assert_int_equal(block(frame_alloc(i % 2 ? OWNER_HOST : OWNER_STORE(GUEST))), 0);
	}
	while (seen < FIRST - 400 + LARGE_PAGES) { /* the rest of 0, then one that is whole */
		assert_true(block(frame_alloc(OWNER_STORE(GUEST))) != 1);
		seen++;
	}
	while (seen < FRAMES - 800) { /* whatever there is, each frame once */
		assert_true(frame_alloc(OWNER_HOST));
		seen++;
	}
	assert_int_equal(frame_alloc(OWNER_HOST), 0);
	assert_int_equal(frame_alloc(GUEST), 0);
	assert_int_equal(frames_free(), 0);
}

/* Guests' pages go where others are, too, when there is nothing else. */
static void last_resort(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FRAMES; i++)
		assert_true(!!block(frame_alloc(GUEST)) == (i < FRAMES - FIRST));
	assert_int_equal(frame_alloc(GUEST), 0);
}

/* A block becomes whole again in whatever order its frames come back, and is then anyone's. */
static void whole_again(void **state)
{
	u64 run = nearly_full(0);

	(void)state;
	nearly_full(0);
	nearly_full(0);
	for (u64 i = 0; i < LARGE_PAGES; i++)
		frame_free(run + i * 5 % LARGE_PAGES, GUEST);
	assert_int_equal(frame_alloc_run(OWNER_STORE(GUEST), LARGE_PAGES, LARGE_PAGES), run);
	assert_int_equal(frame_alloc_run(GUEST, LARGE_PAGES, 1), 0);
	for (u64 i = 0; i < LARGE_PAGES; i++)
		frame_free(run + i * 3 % LARGE_PAGES, OWNER_STORE(GUEST));
	assert_int_equal(frame_alloc_run(GUEST, FIRST + LARGE_PAGES, 1), base + 5);
	assert_int_equal(frames_free(), 0);
}

static void chosen(void **state)
{
	u64 b, c, host;

	(void)state;
	assert_int_equal(frames_isolate(), 0); /* all are whole, or not whole blocks */
	nearly_full(10);
	b = nearly_full(300);
	c = nearly_full(40);
	assert_int_equal(frames_isolate(), b);
	assert_int_equal(frames_isolate(), 0); /* one at a time */
	assert_false(frames_isolate_end());
	for (u64 n = 0; n < FIRST; n++)
		assert_int_equal(block(frame_alloc(OWNER_HOST)), 0);
	host = frame_alloc(OWNER_HOST); /* where there is room */
	assert_true(block(host) > 0);
	assert_int_equal(frames_isolate(), block(host) == block(b) ? c : b);
	assert_false(frames_isolate_end());
	frame_free(host, OWNER_HOST); /* what could not be moved is gone */
	assert_int_equal(frames_isolate(), b);
	assert_false(frames_isolate_end());
}

/* What is free in the block, or becomes free, is nobody's until the end. */
static void kept_back(void **state)
{
	u64 run = nearly_full(100), pfn, seen = 0;

	(void)state;
	assert_int_equal(frames_isolate(), run);
	assert_int_equal(frames_free(), FRAMES - LARGE_PAGES + 100);
	assert_true(frame_alloc_run(GUEST, 2 * LARGE_PAGES, LARGE_PAGES));
	assert_int_equal(frame_alloc_run(GUEST, LARGE_PAGES, LARGE_PAGES), 0);
	for (u64 i = 0; i < LARGE_PAGES; i++)
		if (frame_owner(run + i) == GUEST && seen++ < 200)
			frame_free(run + i, GUEST);
	while ((pfn = frame_alloc(seen++ % 2 ? GUEST : OWNER_HOST)))
		assert_int_equal(block(pfn), 0);
	assert_int_equal(frame_alloc_run(GUEST, 1, 1), 0);
	assert_int_equal(frames_free(), 300);
	for (u64 i = 0; i < LARGE_PAGES; i++)
		if (frame_owner(run + i) == GUEST)
			frame_free(run + i, GUEST);
	assert_int_equal(frame_alloc_run(OWNER_HOST, LARGE_PAGES, LARGE_PAGES), 0);
	assert_int_equal(frame_alloc(OWNER_HOST), 0);
	assert_true(frames_isolate_end());
	assert_int_equal(frame_alloc_run(GUEST, LARGE_PAGES, LARGE_PAGES), run);
	assert_int_equal(frames_free(), 0);
}

/* Not all could be moved: what was kept back is there again. */
static void given_up(void **state)
{
	u64 run = nearly_full(100), i = 0;

	(void)state;
	nearly_full(0);
	nearly_full(0);
	for (u64 n = 0; n < FIRST; n++)
		assert_true(frame_alloc(OWNER_HOST));
	assert_int_equal(frames_isolate(), run);
	while (frame_owner(run + i) == OWNER_FREE)
		i++;
	frame_free(run + i, GUEST);
	assert_int_equal(frame_alloc(GUEST), 0);
	assert_false(frames_isolate_end());
	assert_int_equal(frame_alloc(GUEST), run + i);
	for (u64 n = 0; n < 100; n++)
		assert_int_equal(block(frame_alloc(GUEST)), block(run));
	assert_int_equal(frame_alloc(GUEST), 0);
	assert_int_equal(frames_isolate(), 0); /* all are full */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(kept_apart, setup),
		cmocka_unit_test_setup(last_resort, setup),
		cmocka_unit_test_setup(whole_again, setup),
		cmocka_unit_test_setup(chosen, setup),
		cmocka_unit_test_setup(kept_back, setup),
		cmocka_unit_test_setup(given_up, setup),
	};

	return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
