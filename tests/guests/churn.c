/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that uses more memory than it may have at a time: it touches pages all over its RAM, most
 * of them in a hot stretch that moves now and then. A touch verifies some of a page's words,
 * sometimes all, and one touch in four rewrites the page as its next version (contents.h). Between
 * touches it makes patrol's checks.
 *
 * guest_info.arg: touches, all in all, before it may finish; 0 for TOUCHES.
 *
 * Above 1 MB lies a table of u16, the version of each page of guest RAM, which is itself reclaimed
 * as the pages are. The pages after it belong to the vCPUs in turn, so nothing here is locked.
 */
#include "boot/guests.h"
#include "mm/random.h"
#include "tests/guests/contents.h"
#include "tests/guests/data.h"
#include "tests/guests/patrol.h"

#define TOUCHES 1000000
#define ROUND_TOUCHES 128
#define CHECK_TOUCHES 16  /* patrol's checks after so many */
#define HOT_TOUCHES 65536 /* then the hot stretch is another one */
#define HOT_SHARE 8	  /* of what it may have at a time, a part in so many */

/* A touch that does not verify the whole page looks at 8 or 9 words. The step is odd, so that they
 * lie in different columns of a text. */
#define SPOT_STEP 61

/* How the touches of a round are chosen. Of hot ones, too, one in 16 is anywhere. */
enum pattern { HOT, ANYWHERE, SWEEP };

/* What a vCPU knows of its pages. */
static struct walk {
	struct contents_mix mix;
	u32 cursor; /* the sweep's next page */
	bool swept; /* each page was written at least once */
	u32 hot, hot_pages;
} walks[MAX_CPUS];

static u64 touched; /* by all vCPUs. Atomic */

static volatile u64 *words_of(u32 page)
{
	return (volatile u64 *)((u64)page << PAGE_SHIFT);
}

static volatile u16 *stamp_of(u32 page)
{
	return (volatile u16 *)DATA_START + page;
}

/* PAGE or a neighbour that belongs to this vCPU. */
static u32 own(const struct vcpu *v, const struct contents_mix *m, u32 page)
{
	u32 n = GUEST_INFO->vcpus;

	page = page - page % n + v->id;
	if (page < m->first)
		return page + n;
	return page < m->first + m->pages ? page : page - n;
}

static void walk_init(struct vcpu *v, struct walk *w)
{
	const struct guest_info *info = GUEST_INFO;
	u32 most = info->budget_pages ? MIN(info->budget_pages, info->ram_pages) : info->ram_pages;
	u32 table = (info->ram_pages * sizeof(u16) + PAGE_SIZE - 1) >> PAGE_SHIFT;
	u32 first = (DATA_START >> PAGE_SHIFT) + table;

	contents_mix(&w->mix, info->seed, first, info->ram_pages - first, info->budget_pages);
	w->cursor = own(v, &w->mix, first);
	w->hot_pages = most / HOT_SHARE;
	if (w->hot_pages > LARGE_PAGES)
		w->hot_pages -= w->hot_pages % LARGE_PAGES;
	if (!w->hot_pages)
		w->hot_pages = 1;
}

/* The hot stretch is the same for all vCPUs, and begins where a 2-MB page does. */
static void walk_heat(struct walk *w)
{
	u64 epoch = __atomic_load_n(&touched, __ATOMIC_RELAXED) / HOT_TOUCHES;
	u64 state = GUEST_INFO->seed + epoch;
	u32 places = (GUEST_INFO->ram_pages - w->hot_pages) / LARGE_PAGES;

	w->hot = (1 + random_next(&state) % places) * LARGE_PAGES;
}

static u32 walk_sweep(struct vcpu *v, struct walk *w)
{
	u32 page = w->cursor;

	w->cursor += GUEST_INFO->vcpus;
	if (w->cursor >= w->mix.first + w->mix.pages) {
		w->cursor = own(v, &w->mix, w->mix.first);
		w->swept = true;
	}
	return page;
}

static u32 walk_next(struct vcpu *v, struct walk *w, enum pattern pattern)
{
	u64 random = rt_random(v) >> 16;

	if (pattern == SWEEP)
		return walk_sweep(v, w);
	if (pattern == HOT && random % 16)
		return own(v, &w->mix, w->hot + (random >> 4) % w->hot_pages);
	return own(v, &w->mix, w->mix.first + (random >> 4) % w->mix.pages);
}

/* Every word from FROM on in steps of STEP. A version that its stamp does not vouch for is reported
 * itself; then there is nothing to compare the page with. */
static bool verify(struct vcpu *v, const struct contents_mix *m, u32 page, u32 from, u32 step)
{
	volatile u64 *words = words_of(page);
	u16 stamp = *stamp_of(page);
	u32 version, reports = 0;
	struct contents c;
	struct contents_word wrong;

	if (unlikely(!contents_version(page, stamp, &version))) {
		rt_wrong(v, WRONG_DATA, (u64)stamp_of(page), stamp, contents_stamp(page, version));
		return false;
	}
	contents_of(&c, m, page, version);
	for (u32 i = from; reports < DATA_REPORTS; i += step, reports++) {
		i = contents_wrong(&c, words, i, step, &wrong);
		if (likely(i >= CONTENTS_WORDS))
			break;
		rt_wrong(v, WRONG_DATA, (u64)&words[i], wrong.found, wrong.expected);
	}
	v->checks += (CONTENTS_WORDS - from + step - 1) / step;
	return true;
}

static void rewrite(const struct contents_mix *m, u32 page)
{
	u32 version = (*stamp_of(page) & CONTENTS_VERSION_MAX) % CONTENTS_VERSION_MAX + 1;
	struct contents c;

	*stamp_of(page) = contents_stamp(page, version);
	contents_of(&c, m, page, version);
	contents_fill(&c, words_of(page));
}

static void touch(struct vcpu *v, const struct contents_mix *m, u32 page)
{
	u64 random = rt_random(v) >> 16;
	bool whole = random % 32 == 0, known;

	known = verify(v, m, page, whole ? 0 : (random >> 5) % 64, whole ? 1 : SPOT_STEP);
	if (!known || !*stamp_of(page) || (random >> 11) % 4 == 0)
		rewrite(m, page);
}

/* Until each page was written once, every other round is of the sweep. Later one in 16 goes where
 * pages are mostly cold. */
static enum pattern choose(struct vcpu *v, const struct walk *w)
{
	if (!w->swept)
		return v->rounds % 2 ? HOT : SWEEP;
	switch (rt_random(v) >> 59) {
	case 0:
		return SWEEP;
	case 1:
		return ANYWHERE;
	default:
		return HOT;
	}
}

static void one_round(struct vcpu *v, struct walk *w)
{
	enum pattern pattern = choose(v, w);

	walk_heat(w);
	for (u32 i = 1; i <= ROUND_TOUCHES; i++) {
		touch(v, &w->mix, walk_next(v, w, pattern));
		if (i % CHECK_TOUCHES == 0) {
			check_apic(v);
			check_tpr(v);
		}
		if (i % (4 * CHECK_TOUCHES) == 0)
			check_ipi(v);
	}
	check_timer(v);
	__atomic_fetch_add(&touched, ROUND_TOUCHES, __ATOMIC_RELAXED);
}

/* All of this vCPU's pages, whole. It takes as long as many rounds, and says that it gets on. */
static void verify_all(struct vcpu *v)
{
	const struct contents_mix *m = &walks[v->id].mix;
	u32 count = 0;

	for (u32 page = own(v, m, m->first); page < m->first + m->pages;
	     page += GUEST_INFO->vcpus) {
		verify(v, m, page, 0, 1);
		if (++count % ROUND_TOUCHES == 0) {
			check_apic(v);
			rt_round(v);
		}
	}
	if (v->id == 0) {
		rt_wait_all(VCPU_CLOSING); /* then no one touches any more */
		hypercall(HC_RESULT, BENCH_TOUCHES, touched * 1000, 0, 0, 0);
	}
}

void guest_main(struct vcpu *v)
{
	struct walk *w = &walks[v->id];
	u64 target = GUEST_INFO->arg ? GUEST_INFO->arg : TOUCHES;
	bool finish = false;

	walk_init(v, w);
	apic_timer_start(v, PATROL_TIMER_TICKS);
	irq_enable();
	while (!finish || __atomic_load_n(&touched, __ATOMIC_RELAXED) < target) {
		one_round(v, w);
		finish = rt_round(v);
	}
	patrol_end(v, verify_all);
}
