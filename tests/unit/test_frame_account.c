/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the allocator keeps with a frame and for a guest: notes and accounts.
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

/* A note is the owner's: it lasts as long as the frame is in use. */
static void notes(void **state)
{
	u64 pfn = frame_alloc(GUEST), other = frame_alloc(GUEST);

	(void)state;
	assert_int_equal(frame_noted(pfn), 0);
	frame_note(pfn, 0xdeadbeef);
	frame_note(other, 1);
	frame_free(other, GUEST);
	assert_int_equal(frame_noted(pfn), 0xdeadbeef);
	frame_free(pfn, GUEST);
	assert_int_equal(frame_alloc_dirty(GUEST), pfn);
	assert_int_equal(frame_noted(pfn), 0);
	frame_note(pfn, 2);
	frame_free(pfn, GUEST);
	assert_int_equal(frame_alloc_run(GUEST, 1, 1), pfn);
	assert_int_equal(frame_noted(pfn), 0);
	assert_int_equal(frame_noted(0), 0);
	assert_panics("frame-note", frame_note(0, 1));
	assert_panics("frame-note", frame_note(pfn + FRAMES, 1));
}

/* A guest's own pages stop at the reserve, its store's frames at the limit. */
static void accounts(void **state)
{
	u16 id = GUEST + 1, store = OWNER_STORE(id);
	u64 own[6], kept[4];

	(void)state;
	frame_account(id, 10, 4);
	assert_int_equal(frame_left(id), 10);
	for (unsigned i = 0; i < 6; i++)
		own[i] = frame_alloc(id);
	assert_true(own[5]);
	assert_int_equal(frame_used(id), 6);
	assert_int_equal(frame_left(id), 4);
	assert_int_equal(frame_alloc(id), 0);
	assert_int_equal(frame_alloc_dirty(id), 0);
	assert_int_equal(frame_alloc_run(id, 1, 1), 0);
	for (unsigned i = 0; i < 4; i++)
		kept[i] = frame_alloc_dirty(store);
	assert_true(kept[3]);
	assert_int_equal(frame_owner(kept[3]), store);
	assert_int_equal(frame_left(id), 0);
	assert_int_equal(frame_alloc_dirty(store), 0);
	assert_int_equal(frames_free(), FRAMES - 10); /* a refused one takes nothing */
	assert_true(frame_alloc(OWNER_HOST));	      /* at nobody's expense */
	assert_true(frame_alloc(GUEST));
	assert_int_equal(frame_used(id), 10);

	/* What the store gives back is its again, before it is the guest's. */
	assert_panics("frame-owner", frame_free(kept[0], id));
	assert_int_equal(frame_used(id), 10);
	frame_free(kept[0], store);
	assert_int_equal(frame_left(id), 1);
	assert_int_equal(frame_alloc(id), 0);
	assert_int_equal(frame_alloc_dirty(store), kept[0]);
	for (unsigned i = 0; i < 4; i++)
		frame_free(kept[i], store);
	assert_int_equal(frame_alloc(id), 0);
	frame_free(own[0], id);
	assert_int_equal(frame_alloc(id), own[0]);
	for (unsigned i = 0; i < 6; i++)
		frame_free(own[i], id);
	assert_int_equal(frame_used(id), 0);
	assert_int_equal(frame_left(id), 10);
}

/* A run is charged whole or not at all; an account is opened empty, for who is next. */
static void runs_on_account(void **state)
{
	u16 id = GUEST + 2, next = id + MAX_ACCOUNTS;
	u64 run;

	(void)state;
	frame_account(id, 10, 2);
	assert_int_equal(frame_alloc_run(id, 9, 1), 0);
	assert_int_equal(frame_used(id), 0);
	run = frame_alloc_run(id, 8, 1);
	assert_true(run);
	assert_int_equal(frame_used(id), 8);
	assert_int_equal(frame_alloc_run(OWNER_STORE(id), 3, 1), 0);
	assert_panics("frame-account", frame_account(id, 10, 2));
	assert_panics("frame-account", frame_account(next, 10, 2));
	for (unsigned i = 0; i < 8; i++)
		frame_free(run + i, id);
	frame_account(next, ~0ul, 2);
	assert_true(frame_alloc_run(next, 16, 16));
	assert_int_equal(frame_left(next), ~0ul);
	assert_int_equal(frame_used(next), 16);
	frame_account(id + 1, 1, 2); /* the reserve alone is more */
	assert_int_equal(frame_alloc(id + 1), 0);
	assert_true(frame_alloc(OWNER_STORE(id + 1)));
}

/* The fault injection that other tests rely on. */
static void failing(void **state)
{
	(void)state;
	fake_fail_alloc = 2;
	assert_true(frame_alloc(GUEST));
	assert_true(frame_alloc_run(GUEST, 4, 1));
	assert_int_equal(frame_alloc_dirty(GUEST), 0);
	assert_int_equal(fake_fail_alloc, -1);
	assert_true(frame_alloc(GUEST));
	fake_fail_alloc = 0;
	assert_int_equal(frame_alloc_run(GUEST, 4, 1), 0);
	assert_int_equal(frames_free(), FRAMES - 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(notes, setup),
		cmocka_unit_test_setup(accounts, setup),
		cmocka_unit_test_setup(runs_on_account, setup),
		cmocka_unit_test_setup(failing, setup),
	};

	return cmocka_run_group_tests_name("frame account", tests, NULL, NULL);
}
