/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests as threads that allocate and free, each against a limit of its own, and one that compacts.
 * No frame has two owners, no account goes over its limit, and there is no data race. The test has
 * a panic of its own, which can come in several threads at once.
 * sanitizer: thread
 * links: mm/frame.c
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "mm/frame.h"
#include "mm/random.h"
#include "tests/unit/must.h"

#define GUESTS 3
#define STEPS 60000
#define HELD 900 /* frames that a guest has at most */
#define LIMIT 800
#define RESERVE 50
#define PAGES (6 * LARGE_PAGES)
#define ROUNDS 3000 /* of freeing one frame twice */

struct holder {
	u16 id;
	u64 random, pfn[HELD], refused;
	u16 owner[HELD];
	unsigned held;
	pthread_t thread;
};

static struct holder holders[GUESTS];
u64 fake_seed = 1; /* all that there is here of tests/unit/fake.c */
static u64 isolations, seen;
static u32 stop;
static _Thread_local jmp_buf caught;
static _Thread_local bool catching;

void panic(const char *fmt, ...)
{
	va_list args;

	if (catching)
		longjmp(caught, 1);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	abort();
}

bool alloc_allowed(void)
{
	return true;
}

void cpu_relax(void)
{
	sched_yield();
}

/* The holder's mark, on the frame and in its note: anybody else's would show. */
static u64 mark(const struct holder *h, u64 pfn)
{
	return (u64)h->id << 48 | pfn;
}

static void hold(struct holder *h, u64 pfn, u16 owner, bool zeroed)
{
	u64 *p = frame_ptr(pfn);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i += 64) {
		MUST(!zeroed || !p[i]);
		p[i] = mark(h, pfn);
	}
	MUST(frame_owner(pfn) == owner);
	MUST(frame_noted(pfn) == 0);
	frame_note(pfn, h->id);
	h->pfn[h->held] = pfn;
	h->owner[h->held++] = owner;
}

static void drop(struct holder *h, unsigned i)
{
	u64 *p = frame_ptr(h->pfn[i]);

	for (unsigned k = 0; k < PAGE_SIZE / sizeof(*p); k += 64)
		MUST(p[k] == mark(h, h->pfn[i]));
	MUST(frame_noted(h->pfn[i]) == h->id);
	MUST(frame_owner(h->pfn[i]) == h->owner[i]);
	frame_free(h->pfn[i], h->owner[i]);
	h->held--;
	h->pfn[i] = h->pfn[h->held];
	h->owner[i] = h->owner[h->held];
}

static void step(struct holder *h, bool filling)
{
	u16 owner = random_next(&h->random) % 8 ? h->id : OWNER_STORE(h->id);
	u64 count = 1 + random_next(&h->random) % 30, pfn;
	bool zeroed = random_next(&h->random) % 2;

	if (h->held + count < HELD && !(random_next(&h->random) % 32)) {
		pfn = frame_alloc_run(h->id, count, 1);
		for (u64 i = 0; pfn && i < count; i++)
			hold(h, pfn + i, h->id, true);
	} else if (random_next(&h->random) % 10 < (filling ? 7 : 3)) {
		pfn = zeroed ? frame_alloc(owner) : frame_alloc_dirty(owner);
		if (pfn)
			hold(h, pfn, owner, zeroed);
		h->refused += !pfn;
	} else if (h->held) {
		drop(h, (unsigned)(random_next(&h->random) % h->held));
	}
	MUST(frame_used(h->id) == h->held);
	MUST(frame_left(h->id) == LIMIT - h->held);
}

static void *holder(void *arg)
{
	struct holder *h = arg;

	for (unsigned i = 0; i < STEPS || __atomic_load_n(&isolations, __ATOMIC_RELAXED) < 20; i++)
		step(h, i / 2000 % 2 == 0);
	while (h->held)
		drop(h, 0);
	return NULL;
}

/* Looks at a block while others free its frames; what it sees of them are hints. */
static void *compactor(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		u64 first = frames_isolate();

		for (u64 i = 0; first && i < LARGE_PAGES; i++) {
			u16 owner = frame_owner(first + i);

			MUST(owner == OWNER_FREE || (owner >= 1 && owner <= GUESTS));
			MUST(frame_noted(first + i) <= GUESTS);
			seen += owner != OWNER_FREE;
		}
		if (first) {
			__atomic_fetch_add(&isolations, 1, __ATOMIC_RELAXED);
			frames_isolate_end();
		}
		MUST(frames_free() <= frames_total());
		sched_yield();
	}
	return arg;
}

static void holders_and_a_compactor(void **state)
{
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < GUESTS; i++) {
		holders[i] = (struct holder){ .id = (u16)(i + 1), .random = fake_seed * 100 + i };
		frame_account(holders[i].id, LIMIT, RESERVE);
	}
	pthread_create(&thread, NULL, compactor, NULL);
	for (unsigned i = 0; i < GUESTS; i++)
		pthread_create(&holders[i].thread, NULL, holder, &holders[i]);
	for (unsigned i = 0; i < GUESTS; i++)
		pthread_join(holders[i].thread, NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("# %lu isolations, %lu used frames seen; refused:", isolations, seen);
	for (unsigned i = 0; i < GUESTS; i++) {
		assert_int_equal(frame_used(holders[i].id), 0);
		printf(" %lu", holders[i].refused);
		assert_true(holders[i].refused > 0);
	}
	printf("\n");
	assert_true(seen > 0);
	assert_int_equal(frames_free(), frames_total());
	while (frame_alloc_dirty(OWNER_HOST)) /* the lists are whole */
		seen++;
	assert_int_equal(frames_free(), 0);
}

static u64 victim;
static u32 round_no, panics, freed;

static void free_victim(void)
{
	catching = true;
	if (setjmp(caught))
		__atomic_fetch_add(&panics, 1, __ATOMIC_RELAXED);
	else
		frame_free(victim, 1);
	catching = false;
}

static void *freer(void *arg)
{
	for (u32 i = 1; i <= ROUNDS; i++) {
		while (__atomic_load_n(&round_no, __ATOMIC_ACQUIRE) < i)
			sched_yield();
		free_victim();
		__atomic_fetch_add(&freed, 1, __ATOMIC_RELEASE);
	}
	return arg;
}

/* Two CPUs free the same frame at the same time: one of them is told, each time. */
static void freed_twice(void **state)
{
	pthread_t thread[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, freer, NULL);
	frame_account(1, 1, 0);
	for (u32 i = 1; i <= ROUNDS; i++) {
		victim = frame_alloc_dirty(1);
		MUST(victim && !frame_alloc_dirty(1));
		__atomic_store_n(&round_no, i, __ATOMIC_RELEASE);
		while (__atomic_load_n(&freed, __ATOMIC_ACQUIRE) < 2 * i)
			sched_yield();
		MUST(frame_used(1) == 0);
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(panics, ROUNDS);
}

/* So many that often no block has both kinds of frames, and then one can be isolated. */
static int setup(void **state)
{
	u64 align = LARGE_PAGES * PAGE_SIZE, size = PAGES * PAGE_SIZE;
	char *p = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	(void)state;
	if (getenv("SEED"))
		fake_seed = strtoull(getenv("SEED"), NULL, 0);
	if (p == MAP_FAILED)
		return -1;
	p += -(u64)p % align;
	frames_add((u64)p, (u64)p + size);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(holders_and_a_compactor, setup),
		cmocka_unit_test_setup(freed_twice, setup),
	};

	return cmocka_run_group_tests_name("frame threads", tests, NULL, NULL);
}
