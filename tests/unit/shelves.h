/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store, one for each test, and a look into it. For tests that include mm/store.c. */
#ifndef TESTS_UNIT_SHELVES_H
#define TESTS_UNIT_SHELVES_H

#include <lz4.h>

#include "tests/unit/fake.h"
#include "tests/unit/pages.h"

#define GUEST 7
#define FRAMES 47

static struct store store;
static u64 work; /* frames */
static u8 page[PAGE_SIZE], out[PAGE_SIZE];

static int setup(void **state)
{
	(void)state;
	fake_random_start();
	work = store_work_frames();
	return fake_frames_only(FRAMES) || store_init(&store, GUEST) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	store_destroy(&store);
	return frame_used(GUEST) ? -1 : 0;
}

static unsigned count_list(u64 first, u64 *pages, int kind)
{
	unsigned frames = 0;

	for (u64 pfn = first, prev = 0; pfn;
	     prev = pfn, pfn = ((struct shelf *)frame_ptr(pfn))->next) {
		const struct shelf *f = frame_ptr(pfn);

		CHECK(frame_owner(pfn) == OWNER_STORE(GUEST));
		CHECK(f->prev == prev);
		CHECK(f->kind < STORE_CLASSES && f->used && !(f->used & ~all_used(f->kind)));
		CHECK(kind < 0 ? f->used == all_used(f->kind)
			       : f->kind == (u32)kind && f->used != all_used(f->kind));
		for (u64 i = 0; i < slots[f->kind]; i++)
			CHECK(!slot_at(pfn, f->kind, i)->size == !(f->used & BIT(i)));
		*pages += (u64)__builtin_popcountl(f->used);
		frames++;
	}
	return frames;
}

/* Lists, slots and counters agree, and no frame is anywhere else. */
static void check_whole(void)
{
	u64 pages = 0;
	unsigned frames = count_list(store.full, &pages, -1);

	for (int kind = 0; kind < STORE_CLASSES; kind++)
		frames += count_list(store.partial[kind], &pages, kind);
	CHECK(store.pages == pages && store.frames == frames);
	CHECK(frame_used(GUEST) == frames && frames_free() + frames + work == FRAMES);
}

static u64 object_size(u64 handle)
{
	return find(&store, handle)->size;
}

/* What is kept is LZ4's block format: the library by itself reads it. */
static void check_kept(u64 handle, const u8 *expected)
{
	const struct object *o = find(&store, handle);

	memset(out, 0xee, sizeof(out));
	store_read(&store, handle, out);
	CHECK(!memcmp(out, expected, PAGE_SIZE));
	memset(out, 0xee, sizeof(out));
	CHECK(LZ4_decompress_safe((const char *)o->data, (char *)out, o->size, PAGE_SIZE) ==
	      PAGE_SIZE);
	CHECK(!memcmp(out, expected, PAGE_SIZE));
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
