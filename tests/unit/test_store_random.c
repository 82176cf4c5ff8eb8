/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store by random operations, against a list of what it holds; and LZ4 on random damage.
 * links: mm/lz4.c mm/frame.c tests/unit/fake.c
 */
#include "mm/store.c"
#include "tests/unit/shelves.h"

/* Damaged data is found to be no page, or gives one: nothing is written beside it. */
static void damage(void **state)
{
	enum { BESIDE = 64 };
	u8 around[BESIDE + PAGE_SIZE + BESIDE], packed[2048], state_memory[32768], bad[2048];
	unsigned size = 0, refused = 0;

	(void)state;
	assert_true(lz4_state_size() <= sizeof(state_memory));
	for (fake_step = 0; fake_step < 20000; fake_step++) {
		if (fake_step % 100 == 0) {
			do {
				page_make(page, fake_random() % PAGE_KINDS, fake_random());
				size = lz4_pack(state_memory, page, packed, sizeof(packed));
			} while (!size);
		}
		memcpy(bad, packed, size);
		for (u64 n = 1 + fake_random() % 4; n; n--)
			bad[fake_random() % size] = (u8)fake_random();
		memset(around, 0x5c, sizeof(around));
		refused += !lz4_unpack(bad, size, around + BESIDE);
		for (unsigned i = 0; i < BESIDE; i++)
			CHECK(around[i] == 0x5c && around[BESIDE + PAGE_SIZE + i] == 0x5c);
	}
	assert_in_range(refused, 1000, 20000);
}

#define MODEL 400
#define LIMIT 20 /* frames: some 80 pages */
static struct model {
	u64 handle, number;
	enum page_kind kind;
} model[MODEL];
static unsigned nmodel;

/* No frame with a free slot for the page is left, of whatever size. */
static bool really_full(void)
{
	char packed[LZ4_COMPRESSBOUND(PAGE_SIZE)];
	unsigned size = lz4_pack(store.work, page, packed, sizeof(packed));

	for (u32 kind = 0; kind < STORE_CLASSES && largest(kind) >= size; kind++)
		if (store.partial[kind])
			return false;
	return !frame_left(GUEST);
}

static void model_put(void)
{
	struct model *m = &model[nmodel];
	u64 refused = store.incompressible, no_room = store.no_room;

	m->kind = fake_random() % PAGE_KINDS;
	m->number = fake_random();
	page_make(page, m->kind, m->number);
	m->handle = store_put(&store, page);
	for (unsigned i = 0; i < nmodel; i++)
		CHECK(model[i].handle != m->handle);
	if (m->handle) {
		nmodel++;
	} else if (store.no_room > no_room) {
		CHECK(store.no_room == no_room + 1 && really_full());
	} else {
		CHECK(store.incompressible == refused + 1);
		CHECK(m->kind >= PAGE_PART);
	}
}

static void model_check(unsigned i)
{
	page_make(page, model[i].kind, model[i].number);
	check_kept(model[i].handle, page);
}

static void random_operations(void **state)
{
	u64 bytes = 0, refused = 0;

	(void)state;
	frame_account(GUEST, LIMIT, 1);
	nmodel = 0;
	for (fake_step = 0; fake_step < 30000; fake_step++) {
		u64 choice = fake_random() % 16;
		u64 phase = fake_step / 1500 % 3; /* now it runs empty, now it fills up */

		if (choice < 5 + 2 * phase && nmodel < MODEL) {
			model_put();
		} else if (choice < 13 && nmodel) {
			unsigned i = (unsigned)(fake_random() % nmodel);

			model_check(i);
			store_free(&store, model[i].handle);
			model[i] = model[--nmodel];
		} else if (nmodel) {
			model_check((unsigned)(fake_random() % nmodel));
		} else if (choice == 15) {
			refused += store.no_room;
			store_destroy(&store);
			CHECK(frames_free() == FRAMES);
			CHECK(store_init(&store, GUEST) == 0);
		}
		CHECK(store.pages == nmodel);
		if (fake_step % 16 == 0)
			check_whole();
	}
	for (unsigned i = 0; i < nmodel; i++) {
		model_check(i);
		bytes += object_size(model[i].handle);
	}
	CHECK(store.bytes == bytes);
	refused += store.no_room;
	print_message("# %lu puts found no frame, SEED=%lu\n", refused, fake_seed);
	CHECK(refused > 100);
	while (nmodel)
		store_free(&store, model[--nmodel].handle);
	CHECK(frames_free() == FRAMES - work);
	frame_account(GUEST, ~0ul, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(damage),
		STORE_TEST(random_operations),
	};

	return cmocka_run_group_tests_name("store_random", tests, NULL, NULL);
}
