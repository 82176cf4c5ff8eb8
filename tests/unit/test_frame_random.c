/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random allocations, runs, frees, accounts and compactions against a flat model: what is there of
 * each frame. Which frame an allocation gets is the allocator's choice; whether it gets one, and
 * what is in it, is not.
 * links: mm/frame.c tests/unit/fake.c
 */
#include <stdio.h>

#include "mm/frame.h"
#include "tests/unit/fake.h"

#define STEPS 60000
#define PHASE 3000  /* steps in which memory rather fills up, or rather empties */
#define FRAMES 5000 /* more than there are */
#define RANGES 3
#define GUESTS 3
#define NO_LIMIT ~0ul

struct frame_model {
	u64 pfn;
	u64 content; /* of each word */
	u32 note;
	u16 owner;
};

static const u64 range_pages[RANGES] = { 2600, 40, 1700 };
static const u16 owners[] = { OWNER_HOST, 1, 2, 3, 1, 2, 3, OWNER_STORE(1), OWNER_STORE(3) };
static struct frame_model model[FRAMES]; /* ascending within a range, the oldest range first */
static unsigned range_at[RANGES + 1];	 /* where each begins in the model; their end */
static unsigned nframes;
static u64 limit[GUESTS + 1], reserve[GUESTS + 1], used[GUESTS + 1], nfree;
static u64 isolated; /* its first frame, or 0 */
static unsigned refused, runs, emptied;

static struct frame_model *frame(u64 pfn)
{
	for (unsigned r = 0; r < RANGES; r++) {
		u64 i = range_at[r] + pfn - model[range_at[r]].pfn;

		if (i >= range_at[r] && i < range_at[r + 1])
			return &model[i];
	}
	fail_msg("%lx is no frame; step %lu with SEED=%lu", pfn, fake_step, fake_seed);
	return NULL;
}

static bool can_be_had(const struct frame_model *m)
{
	return m->owner == OWNER_FREE && !(isolated && m->pfn - isolated < LARGE_PAGES);
}

static bool affordable(u16 owner, u64 count)
{
	unsigned g = owner & ~OWNER_STORE_BIT;

	return !g || limit[g] == NO_LIMIT ||
	       used[g] + count + (owner == g ? reserve[g] : 0) <= limit[g];
}

/* A frame was handed out: it was free, and holds what it has to. It gets other contents. */
static void gained(struct frame_model *m, u16 owner, bool zeroed)
{
	u64 *p = frame_ptr(m->pfn);

	CHECK(can_be_had(m));
	CHECK(filled_with(m->pfn, zeroed ? 0 : m->content));
	CHECK(frame_noted(m->pfn) == 0);
	m->owner = owner;
	m->content = fake_random();
	m->note = (u32)fake_random();
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*p); i++)
		p[i] = m->content;
	frame_note(m->pfn, m->note);
	used[owner & ~OWNER_STORE_BIT]++;
	nfree--;
}

static void give_back(struct frame_model *m)
{
	CHECK(filled_with(m->pfn, m->content));
	frame_free(m->pfn, m->owner);
	used[m->owner & ~OWNER_STORE_BIT]--;
	nfree++;
	m->owner = OWNER_FREE;
	m->content = POISON | (m->pfn & ~POISON_MASK);
}

static struct frame_model *get(u16 owner, bool zeroed)
{
	bool fits = affordable(owner, 1);
	u64 pfn = zeroed ? frame_alloc(owner) : frame_alloc_dirty(owner);

	if (pfn) {
		CHECK(fits);
		gained(frame(pfn), owner, zeroed);
		return frame(pfn);
	}
	refused++;
	for (unsigned i = 0; fits && i < nframes; i++)
		CHECK(!can_be_had(&model[i]));
	return NULL;
}

/* Runs are the first that fit, so the model knows which one. */
static void get_run(u16 owner, u64 count, u64 align)
{
	u64 want = 0, row = 0, pfn;

	for (unsigned i = nframes; affordable(owner, count) && i-- > 0;) {
		bool joins = i + 1 < nframes && model[i + 1].pfn == model[i].pfn + 1;

		row = !can_be_had(&model[i]) ? 0 : joins ? row + 1 : 1;
		if (row >= count && !(model[i].pfn % align))
			want = model[i].pfn;
	}
	pfn = frame_alloc_run(owner, count, align);
	CHECK(pfn == want);
	for (u64 i = 0; pfn && i < count; i++)
		gained(frame(pfn + i), owner, true);
	runs += !!pfn;
}

static void free_one(void)
{
	unsigned at = (unsigned)(fake_random() % nframes), n = 0;

	while (n < nframes && model[(at + n) % nframes].owner == OWNER_FREE)
		n++;
	if (n < nframes)
		give_back(&model[(at + n) % nframes]);
}

static void free_wrongly(void)
{
	struct frame_model *m = &model[fake_random() % nframes];
	u16 owner = owners[fake_random() % ARRAY_SIZE(owners)];

	if (owner != m->owner)
		assert_panics("frame-owner", frame_free(m->pfn, owner));
}

static void open_account(u16 id)
{
	u64 most = fake_random() % 4 ? fake_random() % nframes : NO_LIMIT;
	u64 spare = fake_random() % 20;

	if (used[id] && fake_random() % 50)
		return;
	for (unsigned i = 0; i < nframes; i++) /* the guest before it is gone */
		if (model[i].owner == id || model[i].owner == OWNER_STORE(id))
			give_back(&model[i]);
	frame_account(id, most, spare);
	limit[id] = most;
	reserve[id] = spare;
}

/* How many frames of the block are free, when it may be chosen; else 0. */
static unsigned choice(u64 first)
{
	unsigned n = 0, there = 0;

	for (unsigned i = 0; i < nframes; i++) {
		if (model[i].pfn - first >= LARGE_PAGES)
			continue;
		if (model[i].owner != OWNER_FREE && (!model[i].owner || model[i].owner > GUESTS))
			return 0;
		there++;
		n += model[i].owner == OWNER_FREE;
	}
	return there == LARGE_PAGES && n < LARGE_PAGES ? n : 0;
}

static void isolate(void)
{
	unsigned best = 0;
	u64 first = frames_isolate();

	if (isolated) {
		CHECK(!first);
		return;
	}
	for (unsigned i = 0; i < nframes; i++)
		if (!(model[i].pfn % LARGE_PAGES) && choice(model[i].pfn) > best)
			best = choice(model[i].pfn);
	CHECK(first ? choice(first) == best : !best);
	isolated = first;
}

/* Moves pages out of the block, as a compaction does; then, at times, it ends. */
static void empty_block(void)
{
	unsigned n = 0, left = 0;

	for (unsigned i = 0; i < nframes; i++) {
		struct frame_model *m = &model[i], *to;

		if (m->pfn - isolated >= LARGE_PAGES || m->owner == OWNER_FREE)
			continue;
		left++;
		if (n++ < 200 && (to = get(m->owner, false))) {
			frame_copy(to->pfn, m->pfn);
			to->content = m->content;
			give_back(m);
			left--;
		}
	}
	if (!left || !(fake_random() % 8)) {
		isolated = 0;
		CHECK(frames_isolate_end() == !left);
		emptied += !left;
	}
}

static void compare(bool all)
{
	CHECK(frames_free() == nfree);
	for (u16 id = 1; id <= GUESTS; id++) {
		CHECK(frame_used(id) == used[id]);
		CHECK(frame_left(id) == (limit[id] == NO_LIMIT ? NO_LIMIT : limit[id] - used[id]));
	}
	for (unsigned i = 0; all && i < nframes; i++) {
		CHECK(frame_owner(model[i].pfn) == model[i].owner);
		CHECK(model[i].owner == OWNER_FREE || frame_noted(model[i].pfn) == model[i].note);
		CHECK(filled_with(model[i].pfn, model[i].content));
	}
}

static void step(unsigned filling)
{
	u16 owner = owners[fake_random() % ARRAY_SIZE(owners)];
	u64 count = 1 + fake_random() % 20;

	switch (fake_random() % 64) {
	case 0:
		if (!(fake_random() % 4))
			count = LARGE_PAGES - 2 + fake_random() % 200;
		get_run(owner, count, BIT(fake_random() % 10));
		break;
	case 1:
		if (!(fake_random() % 4))
			get_run(owner, LARGE_PAGES, LARGE_PAGES);
		break;
	case 2 ... 3:
		free_wrongly();
		break;
	case 4:
		open_account((u16)(1 + fake_random() % GUESTS));
		break;
	case 5:
		isolate();
		break;
	case 6:
		if (isolated)
			empty_block();
		break;
	default:
		for (u64 n = count; n > 0; n--)
			if (fake_random() % 100 < filling)
				get(owner, fake_random() % 2);
			else
				free_one();
	}
}

/* All memory, learnt from the allocator itself; then all of it freed. */
static void all_frames(void)
{
	u64 pfn;

	for (unsigned r = 0; r < RANGES; r++) {
		u64 first = ~0ul, last = 0, got = 0;

		range_at[r] = nframes;
		fake_frames(range_pages[r]);
		for (; (pfn = frame_alloc_dirty(OWNER_HOST)); got++) {
			first = MIN(first, pfn);
			last = pfn > last ? pfn : last;
		}
		CHECK(last - first + 1 == got && nframes + got <= FRAMES);
		for (pfn = first; pfn <= last; pfn++)
			model[nframes++] = (struct frame_model){ .pfn = pfn,
								 .content = 0xa5a5a5a5a5a5a5a5,
								 .owner = OWNER_HOST };
	}
	range_at[RANGES] = nframes;
	used[0] = nframes;
	for (unsigned i = 0; i < nframes; i++)
		give_back(&model[i]);
	for (unsigned g = 1; g <= GUESTS; g++)
		limit[g] = NO_LIMIT;
}

static void random_operations(void **state)
{
	unsigned filling = 50;

	(void)state;
	fake_random_start();
	all_frames();
	for (; fake_step < STEPS; fake_step++) {
		if (!(fake_step % PHASE))
			filling = 35 + fake_step / PHASE % 2 * 30;
		step(filling);
		compare(!(fake_step % 1000));
	}
	compare(true);
	printf("# %u refused, %u runs, %u blocks emptied\n", refused, runs, emptied);
	assert_true(refused > 1000 && runs > 100 && emptied > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations),
	};

	return cmocka_run_group_tests_name("frame random", tests, NULL, NULL);
}
