/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store from several CPUs: one puts pages, others read and free them meanwhile. What comes out
 * is what was put in, and there is no data race.
 * sanitizer: thread
 * links: mm/store.c mm/lz4.c mm/frame.c tests/unit/fake.c
 */
#include <pthread.h>
#include <sched.h>

#include "mm/frame.h"
#include "mm/store.h"
#include "tests/unit/must.h"
#include "tests/unit/pages.h"

#define PUTS 20000
#define READERS 3
#define PLACES 96
#define FRAMES 17

/* Where a page's handle is left: 0 for none, TAKEN while a reader has it to itself. */
#define TAKEN 1
static struct place {
	u64 handle; /* atomic */
	u64 number;
	enum page_kind kind;
} places[PLACES];

static struct store store;
static u32 stop;
static u64 reads, frees; /* atomic */

static void *putter(void *arg)
{
	u64 random = fake_seed;
	u8 page[PAGE_SIZE];

	for (unsigned puts = 0; puts < PUTS;) {
		struct place *p = &places[random_next(&random) % PLACES];
		u64 handle;

		if (__atomic_load_n(&p->handle, __ATOMIC_ACQUIRE)) {
			sched_yield();
			continue;
		}
		p->kind = random_next(&random) % PAGE_KINDS;
		p->number = random_next(&random);
		page_make(page, p->kind, p->number);
		handle = store_put(&store, page);
		__atomic_store_n(&p->handle, handle, __ATOMIC_RELEASE);
		puts += handle != 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	return arg;
}

static void *reader(void *arg)
{
	u64 random = fake_seed + (u64)arg;
	u8 page[PAGE_SIZE], expected[PAGE_SIZE];

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		struct place *p = &places[random_next(&random) % PLACES];
		u64 handle = __atomic_load_n(&p->handle, __ATOMIC_RELAXED);

		if (handle <= TAKEN ||
		    !__atomic_compare_exchange_n(&p->handle, &handle, TAKEN, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			sched_yield();
			continue;
		}
		store_read(&store, handle, page);
		page_make(expected, p->kind, p->number);
		MUST(!memcmp(page, expected, PAGE_SIZE));
		__atomic_fetch_add(&reads, 1, __ATOMIC_RELAXED);
		if (random_next(&random) % 2) {
			store_free(&store, handle);
			handle = 0;
			__atomic_fetch_add(&frees, 1, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&p->handle, handle, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void put_read_free(void **state)
{
	pthread_t thread[1 + READERS];
	u64 left = 0;

	(void)state;
	fake_frames(FRAMES + 1);
	assert_int_equal(store_init(&store, 5), 0);
	assert_int_equal(pthread_create(&thread[0], NULL, putter, NULL), 0);
	for (u64 i = 1; i <= READERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, reader, (void *)i), 0);
	for (unsigned i = 0; i <= READERS; i++)
		pthread_join(thread[i], NULL);
	print_message("# %lu reads, %lu frees, %lu found no frame\n", reads, frees, store.no_room);
	for (unsigned i = 0; i < PLACES; i++)
		left += places[i].handle != 0;
	assert_int_equal(store.pages, left);
	assert_int_equal(store.stored, PUTS);
	assert_int_equal(frees + left, PUTS);
	assert_true(reads > frees && store.no_room > 0 && store.incompressible > 0);
	for (unsigned i = 0; i < PLACES; i++)
		if (places[i].handle)
			store_free(&store, places[i].handle);
	assert_int_equal(store.pages + store.bytes + store.frames, 0);
	store_destroy(&store);
	assert_int_equal(frames_free(), FRAMES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_read_free),
	};

	fake_random_start();
	return cmocka_run_group_tests_name("store_threads", tests, NULL, NULL);
}
