/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame allocator: what it hands out, what it fills, and what it refuses to take back.
 * links: mm/frame.c tests/unit/fake.c
 */
#include "mm/frame.h"
#include "tests/unit/fake.h"

#define GUEST 7
#define FRAMES 63 /* each test's own, fresh, and nothing else */

static int setup(void **state)
{
	(void)state;
	return fake_frames_only(FRAMES);
}

static void fill(u64 pfn, u64 word)
{
	u64 *p = frame_ptr(pfn);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i++)
		p[i] = word;
}

static void zeroed_and_poisoned(void **state)
{
	u64 first = frame_alloc(GUEST), again, poison;

	(void)state;
	assert_true(filled_with(first, 0));
	assert_int_equal(frame_owner(first), GUEST);
	assert_int_equal(frames_free(), FRAMES - 1);
	fill(first, 0x1111);
	frame_free(first, GUEST);
	poison = POISON | (first & ~POISON_MASK);
	assert_true(filled_with(first, poison));
	assert_true((poison & POISON_MASK) == POISON);
	assert_int_equal(frame_owner(first), OWNER_FREE);
	assert_int_equal(frames_free(), FRAMES);

	/* What was freed last comes first; a dirty one still has its poison. */
	again = frame_alloc_dirty(OWNER_HOST);
	assert_int_equal(again, first);
	assert_true(filled_with(again, poison));
	frame_free(again, OWNER_HOST);
	again = frame_alloc(GUEST);
	assert_int_equal(again, first);
	assert_true(filled_with(again, 0));
}

static void copies(void **state)
{
	u64 from = frame_alloc(GUEST), to = frame_alloc(GUEST), beyond = frame_alloc(GUEST);
	u64 *p = frame_ptr(from);

	(void)state;
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i++)
		p[i] = i * 0x0101010101010101ul;
	frame_copy(to, from);
	assert_memory_equal(frame_ptr(to), frame_ptr(from), PAGE_SIZE);
	assert_true(filled_with(beyond, 0));
}

/* A frame is freed once, by its owner. What a refused call was about stays as it was. */
static void refusals(void **state)
{
	u64 pfn = frame_alloc(GUEST);

	(void)state;
	fill(pfn, 0x2222);
	assert_panics("frame-owner", frame_free(pfn, GUEST + 1));
	assert_panics("frame-owner", frame_free(pfn, OWNER_HOST));
	assert_panics("frame-owner", frame_free(pfn, OWNER_FREE));
	assert_true(filled_with(pfn, 0x2222));
	assert_int_equal(frame_owner(pfn), GUEST);
	assert_int_equal(frames_free(), FRAMES - 1);

	frame_free(pfn, GUEST);
	assert_panics("frame-owner", frame_free(pfn, GUEST));
	assert_panics("frame-owner", frame_free(pfn, OWNER_FREE));
	assert_int_equal(frames_free(), FRAMES);

	/* Never handed out; no frame at all; the allocator's own table. */
	assert_panics("frame-owner", frame_free(pfn + 1, GUEST));
	assert_panics("frame-owner", frame_free(0, OWNER_HOST));
	assert_panics("frame-owner", frame_free(pfn - 1, OWNER_HOST));
	assert_int_equal(frame_owner(0), OWNER_FREE);
	assert_int_equal(frame_owner(pfn - 1), OWNER_FREE);
	assert_int_equal(frame_owner(pfn + FRAMES), OWNER_FREE);
}

static void exhaustion(void **state)
{
	u64 total = frames_total();
	u64 got[FRAMES];

	(void)state;
	for (unsigned i = 0; i < FRAMES; i++) {
		got[i] = frame_alloc(GUEST);
		assert_true(got[i]);
		for (unsigned k = 0; k < i; k++)
			assert_true(got[k] != got[i]);
		fill(got[i], got[i]); /* ours to write, whole */
	}
	assert_int_equal(frames_free(), 0);
	assert_int_equal(frame_alloc(GUEST), 0);
	assert_int_equal(frame_alloc_dirty(GUEST), 0);
	assert_int_equal(frame_alloc_run(GUEST, 1, 1), 0);
	assert_int_equal(frames_free(), 0);
	for (unsigned i = 0; i < FRAMES; i++)
		assert_true(filled_with(got[i], got[i]));
	for (unsigned i = 0; i < FRAMES; i++)
		frame_free(got[i], GUEST);
	assert_int_equal(frames_free(), FRAMES);
	assert_int_equal(frames_total(), total);
	for (unsigned i = 0; i < FRAMES; i++)
		assert_true(frame_alloc(GUEST));
	assert_int_equal(frames_free(), 0);
}

static void runs(void **state)
{
	u64 seen = 0, free = FRAMES;

	(void)state;
	for (u64 count = 1; count <= 16; count *= 2) {
		u64 first = frame_alloc_run(GUEST, count, count);

		assert_true(first);
		assert_int_equal(first & (count - 1), 0);
		free -= count;
		assert_int_equal(frames_free(), free);
		for (u64 i = 0; i < count; i++) {
			assert_int_equal(frame_owner(first + i), GUEST);
			assert_true(filled_with(first + i, 0));
			fill(first + i, 0x3333);
		}
		frame_free(first + count / 2, GUEST);
		free++;
		assert_int_equal(frames_free(), free);
	}
	/* Too much is refused without a change. */
	assert_int_equal(frame_alloc_run(GUEST, 64, 64), 0);
	assert_int_equal(frames_free(), free);
	/* What the alignment skipped and what was freed is handed out, each once. */
	while (frame_alloc(GUEST))
		seen++;
	assert_int_equal(seen, free);
}

/* Any count, and an alignment that is not the count. */
static void aligned_runs(void **state)
{
	u64 first;

	(void)state;
	first = frame_alloc_run(GUEST, 3, 16);
	assert_int_equal(first & 63, 16);
	assert_int_equal(frame_alloc_run(GUEST, 3, 1) & 63, 1); /* the range begins there */
	assert_int_equal(frame_alloc_run(GUEST, 13, 2) & 63, 20);
	assert_int_equal(frame_alloc_run(GUEST, 13, 1) & 63, 33);
	assert_int_equal(frame_alloc_run(GUEST, 12, 1) & 63, 4);
	assert_int_equal(frame_alloc_run(GUEST, 19, 1), 0); /* 46 .. 63 are 18 */
	assert_int_equal(frame_alloc_run(GUEST, 18, 1) & 63, 46);
	assert_int_equal(frames_free(), FRAMES - 3 - 3 - 13 - 13 - 12 - 18);
	assert_int_equal(frame_alloc(GUEST), first + 3);
	assert_int_equal(frame_alloc(GUEST), 0);
}

/* Runs are the first that fit; freed frames form one again, in whatever order they came back. */
static void first_fit(void **state)
{
	u64 first, free;

	(void)state;
	/* frames 1 .. 59, counted from an aligned one */
	assert_int_equal(fake_frames_only(59), 0);
	first = frame_alloc_run(GUEST, 16, 16);
	assert_int_equal(first & 63, 16);
	assert_int_equal(frame_alloc_run(GUEST, 1, 1) & 63, 1);
	assert_int_equal(frame_alloc_run(GUEST, 16, 16) & 63, 32);
	free = frames_free();
	assert_int_equal(free, 59 - 33);
	assert_int_equal(frame_alloc_run(GUEST, 16, 16), 0); /* 48 .. 63 is not all there */
	assert_int_equal(frames_free(), free);
	for (u64 i = 0; i < 16; i++)
		frame_free(first + (i * 5) % 16, GUEST);
	assert_int_equal(frame_alloc_run(GUEST, 16, 16), first);
	assert_int_equal(frame_alloc_run(GUEST, 8, 8) & 63, 8);
	assert_int_equal(frames_free(), free - 8);
	while (frame_alloc(GUEST)) /* the list is whole */
		free--;
	assert_int_equal(free, 8);
}

static void several_ranges(void **state)
{
	u64 total = frames_total(), a, b;
	unsigned low = 0;

	(void)state;
	fake_frames(32);
	assert_int_equal(frames_free(), FRAMES + 31);
	assert_int_equal(frames_total(), total + 31);
	/* A run that the newer range has no room for comes from the older. */
	b = frame_alloc_run(GUEST, 32, 32);
	assert_true(b);
	assert_int_equal(b & 31, 0);
	while ((a = frame_alloc(GUEST)))
		low++;
	assert_int_equal(low, FRAMES + 31 - 32);
	assert_int_equal(frames_free(), 0);
	for (unsigned i = 0; i < 32; i++)
		frame_free(b + i, GUEST);
	assert_int_equal(frames_free(), 32);
}

/* Each range pays for its table, so small ones are not worth it; and the ranges are limited. */
static void ignored_ranges(void **state)
{
	u64 base = 0x1000000, total = frames_total();
	unsigned added = 0;

	(void)state;
	frames_add(base, base);
	frames_add(base, base - PAGE_SIZE);
	frames_add(base, base + PAGE_SIZE);
	frames_add(base, base + 15 * PAGE_SIZE);
	assert_int_equal(frames_total(), total);
	assert_int_equal(frames_free(), FRAMES);
	for (unsigned i = 0; i < 100; i++) {
		total = frames_total();
		fake_frames(16);
		if (frames_total() == total)
			continue;
		assert_int_equal(frames_total(), total + 15);
		assert_int_equal(added++, i); /* none is refused before one that is taken */
	}
	assert_in_range(added, 32, 64);
	assert_int_equal(frames_free(), FRAMES + added * 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(zeroed_and_poisoned, setup),
		cmocka_unit_test_setup(copies, setup),
		cmocka_unit_test_setup(refusals, setup),
		cmocka_unit_test_setup(exhaustion, setup),
		cmocka_unit_test_setup(runs, setup),
		cmocka_unit_test_setup(aligned_runs, setup),
		cmocka_unit_test_setup(first_fit, setup),
		cmocka_unit_test_setup(several_ranges, setup),
		cmocka_unit_test_setup(ignored_ranges, setup), /* last: it uses up the ranges */
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
