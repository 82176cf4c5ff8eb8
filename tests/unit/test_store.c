/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store: what was put in comes out, in slots that fit, until memory is out; and every frame of
 * it goes back. It is looked into from here.
 * links: mm/lz4.c mm/frame.c tests/unit/fake.c
 */
#include "mm/store.c"
#include "tests/unit/shelves.h"

static void round_trips(void **state)
{
	u64 handles[PAGE_KINDS];
	unsigned kept = 0;

	(void)state;
	for (unsigned kind = 0; kind < PAGE_KINDS; kind++) {
		page_make(page, kind, 42);
		handles[kind] = store_put(&store, page);
		kept += handles[kind] != 0;
		check_whole();
	}
	assert_false(handles[PAGE_RANDOM]);
	assert_int_equal(store.incompressible, PAGE_KINDS - kept);
	assert_true(handles[PAGE_ZERO] && handles[PAGE_SAME] && handles[PAGE_SPARSE] &&
		    handles[PAGE_TEXT]);
	assert_true(object_size(handles[PAGE_ZERO]) < 40);
	assert_true(object_size(handles[PAGE_TEXT]) < PAGE_SIZE / 3);
	assert_int_equal(store.pages, kept);
	assert_int_equal(store.stored, kept);
	assert_int_equal(store.bytes, store.stored_bytes);
	for (unsigned kind = 0; kind < PAGE_KINDS; kind++) {
		if (!handles[kind])
			continue;
		page_make(page, kind, 42);
		check_kept(handles[kind], page);
		check_kept(handles[kind], page); /* reading takes nothing away */
		store_free(&store, handles[kind]);
		check_whole();
	}
	assert_int_equal(store.pages, 0);
	assert_int_equal(store.bytes, 0);
	assert_int_equal(store.stored, kept);
	assert_int_equal(frames_free(), FRAMES - work);
}

/* Each size goes to the smallest slots that hold it; nothing beyond half a frame is kept. */
static void sizes(void **state)
{
	static const unsigned counts[] = { 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48 };
	u64 seen = 0;

	(void)state;
	for (unsigned n = 0; n <= PAGE_SIZE; n += 1 + n / 256) {
		char packed[LZ4_COMPRESSBOUND(PAGE_SIZE)];
		int size;
		u64 handle;
		u32 kind;

		memset(page, 0, sizeof(page));
		page_random(page, 0, n, n);
		size = (int)lz4_pack(store.work, page, packed, sizeof(packed));
		handle = store_put(&store, page);
		if (!handle) {
			/* near its limit LZ4 may give up early */
			assert_true(size > (int)largest(0) - 16);
			continue;
		}
		assert_int_equal(object_size(handle), size);
		kind = ((struct shelf *)frame_ptr(handle >> PAGE_SHIFT))->kind;
		assert_true(size <= (int)largest(kind));
		assert_true(kind == STORE_CLASSES - 1 || size > (int)largest(kind + 1));
		seen |= BIT(kind);
		check_kept(handle, page);
		store_free(&store, handle);
	}
	assert_int_equal(seen, BIT(STORE_CLASSES) - 1);
	for (u32 kind = 0; kind < STORE_CLASSES; kind++) {
		assert_int_equal(slots[kind], counts[kind]);
		assert_true(sizeof(struct shelf) + slots[kind] * slot_size(kind) <= PAGE_SIZE);
	}
	assert_true(largest(0) > PAGE_SIZE / 2 - 32 && largest(0) < PAGE_SIZE / 2);
	assert_true(store.incompressible > 0);
	check_whole();
}

/* A frame serves as many pages as it has slots, a freed slot serves again, and the last one gives
 * the frame back. */
static void reuse(void **state)
{
	u64 handles[48], first, left = frames_free();

	(void)state;
	page_make(page, PAGE_ZERO, 0);
	for (unsigned i = 0; i < 48; i++) {
		handles[i] = store_put(&store, page);
		assert_int_equal(handles[i] >> PAGE_SHIFT, handles[0] >> PAGE_SHIFT);
		for (unsigned k = 0; k < i; k++)
			assert_true(handles[k] != handles[i]);
	}
	assert_int_equal(frames_free(), left - 1);
	check_whole(); /* full */
	first = store_put(&store, page);
	assert_true(first >> PAGE_SHIFT != handles[0] >> PAGE_SHIFT);
	assert_int_equal(frames_free(), left - 2);
	store_free(&store, first);
	assert_int_equal(frames_free(), left - 1);
	store_free(&store, handles[17]);
	check_whole();
	assert_int_equal(store_put(&store, page), handles[17]);
	check_whole();
	for (unsigned i = 0; i < 48; i++) {
		assert_int_equal(frames_free(), left - 1);
		check_kept(handles[i], page);
		store_free(&store, handles[i]);
		check_whole();
	}
	assert_int_equal(frames_free(), left);
}

/* All frames come back, and nothing of what they held is in them. */
static void destroy(void **state)
{
	u64 first;

	(void)state;
	for (u64 i = 0; frames_free(); i++) {
		page_make(page, i % PAGE_KINDS, i);
		store_put(&store, page);
	}
	check_whole();
	assert_true(store.full);
	first = store.work_first;
	store_destroy(&store);
	assert_int_equal(frames_free(), FRAMES);
	assert_true(!store.work && !store.work_frames && !store.full && !store.pages);
	first &= ~63ul; /* the range's table; fake_frames() aligns it */
	for (u64 pfn = first + 1; pfn <= first + FRAMES; pfn++) {
		assert_int_equal(frame_owner(pfn), OWNER_FREE);
		assert_true(filled_with(pfn, POISON | (pfn & ~POISON_MASK)));
	}
	/* And once more: an empty store. */
	assert_int_equal(store_init(&store, GUEST), 0);
	store_destroy(&store);
	assert_int_equal(frames_free(), FRAMES);
}

/* Each allocation fails in turn: nothing is lost, and the next try works. */
static void failed_allocations(void **state)
{
	struct store second;
	u64 handle, left = frames_free();
	long n;

	(void)state;
	for (n = 0; fake_fail_alloc = n, store_init(&second, GUEST + 1); n++) {
		assert_int_equal(fake_fail_alloc, -1);
		assert_int_equal(frames_free(), left);
	}
	assert_true(n > 0);
	fake_fail_alloc = -1;
	store_destroy(&second);

	page_make(page, PAGE_TEXT, 1);
	for (n = 0; fake_fail_alloc = n, !(handle = store_put(&store, page)); n++) {
		assert_int_equal(fake_fail_alloc, -1);
		assert_int_equal(store.no_room, n + 1);
		assert_int_equal(store.incompressible, 0);
		assert_int_equal(store.pages + store.frames + store.bytes + store.stored, 0);
		check_whole();
	}
	assert_true(n > 0);
	fake_fail_alloc = -1;
	check_kept(handle, page);
	check_whole();
}

/* With no new frame to be had, what is there is used: the guest's account is at its limit. */
static void no_room(void **state)
{
	u64 handle, big;

	(void)state;
	frame_account(GUEST, 1, 1);
	page_make(page, PAGE_TEXT, 1);
	big = store_put(&store, page);
	assert_true(big);
	assert_int_equal(frame_left(GUEST), 0);

	/* A zero page would have smaller slots; a bigger one is better than none. */
	memset(page, 0, sizeof(page));
	handle = store_put(&store, page);
	assert_int_equal(handle >> PAGE_SHIFT, big >> PAGE_SHIFT);
	assert_true(handle != big);
	check_kept(handle, page);
	/* But a page that needs a bigger slot than is there has none. */
	page_random(page, 0, 1800, 5);
	assert_int_equal(store_put(&store, page), 0);
	assert_int_equal(store.no_room, 1);
	/* Nor are there any in a full frame. */
	memset(page, 0, sizeof(page));
	while (store_put(&store, page))
		;
	assert_int_equal(store.no_room, 2);
	assert_int_equal(store.full, big >> PAGE_SHIFT);
	check_whole();
	/* Until one of them goes. */
	store_free(&store, handle);
	assert_int_equal(store_put(&store, page), handle);
	page_make(page, PAGE_TEXT, 1);
	check_kept(big, page);
	store_destroy(&store);
	frame_account(GUEST, ~0ul, 0);
}

static void refusals(void **state)
{
	struct store other;
	struct object *o;
	u64 a, b;

	(void)state;
	assert_int_equal(store_init(&other, GUEST + 1), 0);
	page_make(page, PAGE_TEXT, 3);
	a = store_put(&store, page);
	b = store_put(&store, page);
	assert_panics("store-handle", store_read(&store, 0, out));
	assert_panics("store-handle", store_free(&store, 0));
	assert_panics("store-handle", store_read(&store, b + 1, out));	   /* a free slot */
	assert_panics("store-handle", store_read(&store, a | 0xfff, out)); /* no slot */
	assert_panics("store-handle", store_read(&other, a, out));
	assert_panics("store-handle", store_free(&other, a));
	assert_panics("store-handle", store_read(&store, store.work_first << PAGE_SHIFT, out));
	store_free(&store, a);
	assert_panics("store-handle", store_free(&store, a));
	assert_panics("store-handle", store_read(&store, a, out));
	check_kept(b, page);

	o = find(&store, b);
	o->size--;
	assert_panics("store-contents", store_read(&store, b, out));
	o->size = (u16)largest(0);
	assert_panics("store-handle", store_read(&store, b, out));
	o->size = 1;
	o->data[0] = 0; /* a whole block, but of no bytes */
	assert_panics("store-contents", store_read(&store, b, out));
	store_free(&store, b);
	assert_panics("store-handle", store_free(&store, b)); /* the frame is gone */
	store_destroy(&other);
}

static void same(void **state)
{
	u64 word = 1;

	(void)state;
	page_make(page, PAGE_ZERO, 0);
	assert_true(page_is_same(page, &word));
	assert_int_equal(word, 0);
	page_make(page, PAGE_SAME, 9);
	assert_true(page_is_same(page, &word));
	assert_memory_equal(page, &word, sizeof(word));
	for (unsigned i = 0; i < PAGE_SIZE; i++) {
		page[i] ^= 0x10;
		assert_false(page_is_same(page, &word));
		page[i] ^= 0x10;
	}
	assert_true(page_is_same(page, &word));
	/* Half a word repeated is a word repeated; a period of two words is not. */
	memset(page, 0x77, sizeof(page));
	assert_true(page_is_same(page, &word));
	assert_int_equal(word, 0x7777777777777777);
	for (unsigned i = 0; i < PAGE_SIZE / 16; i++)
		page[16 * i] = 0;
	assert_false(page_is_same(page, &word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(round_trips),
		STORE_TEST(sizes),
		STORE_TEST(reuse),
		STORE_TEST(destroy),
		STORE_TEST(failed_allocations),
		STORE_TEST(no_room),
		STORE_TEST(refusals),
		STORE_TEST(same),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
