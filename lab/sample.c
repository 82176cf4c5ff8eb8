/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/sample.h"

#include <stdio.h>
#include <string.h>

#include "mm/random.h"

static u64 state;

static u64 random_number(void)
{
	return random_next(&state);
}

static unsigned any_of(u32 set)
{
	unsigned n = (unsigned)(random_number() % (unsigned)__builtin_popcount(set));

	while (n--)
		set &= set - 1;
	return (unsigned)__builtin_ctz(set);
}

/* A CPU's program and its store buffer have priorities of their own. */
static int priority[ACTORS][2];
static int lowest;
static u64 change[20];

static void pct_start(unsigned depth, u64 length)
{
	for (unsigned i = 0; i < 2 * nactors; i++)
		priority[i / 2][i % 2] = (int)(random_number() >> 33);
	lowest = 0;
	for (unsigned i = 0; i + 1 < depth; i++)
		change[i] = random_number() % length;
}

static unsigned pct_choice(u32 set, u64 step, unsigned depth)
{
	unsigned best = 0;
	int most = -1000;

	for (u32 s = set; s; s &= s - 1) {
		unsigned c = (unsigned)__builtin_ctz(s);
		int p = priority[c / OPTIONS][c % OPTIONS == DRAIN];

		if (p > most) {
			most = p;
			best = c;
		}
	}
	for (unsigned i = 0; i + 1 < depth; i++)
		if (change[i] == step)
			priority[best / OPTIONS][best % OPTIONS == DRAIN] = --lowest;
	if (best % OPTIONS != DRAIN)
		best = any_of(set & program_of(best / OPTIONS));
	return best;
}

static bool one(const struct sampling *s, u64 *length, struct outcome *o)
{
	struct finding *f = &o->found;
	u32 set;

	if (s->pct)
		pct_start(s->depth, *length);
	f->length = 0;
	/* Half of the room for steps: a spinning actor may be chosen for ever. */
	while ((set = world_enabled()) && f->length < MAX_DEPTH / 2) {
		unsigned c = s->pct ? pct_choice(set, f->length, s->depth) : any_of(set);

		f->path[f->length++] = (u8)c;
		o->n.steps++;
		if (!world_step(c)) {
			f->verdict = VIOLATED;
			snprintf(f->rule, sizeof(f->rule), "%s", violated);
			snprintf(f->why, sizeof(f->why), "%s", violation_why);
			return true;
		}
	}
	o->n.complete += !set;
	o->n.blocked += !!set;
	for (unsigned i = 0; !set && i < nactors; i++)
		if (!actor_at_rest(i)) {
			f->verdict = STUCK;
			snprintf(f->why, sizeof(f->why), "%s", stuck_why());
			return true;
		}
	if (!set && !frames_right()) {
		f->verdict = VIOLATED;
		snprintf(f->rule, sizeof(f->rule), "%s", violated);
		snprintf(f->why, sizeof(f->why), "%s", violation_why);
		return true;
	}
	if (f->length > *length)
		*length = f->length;
	while (world_depth())
		world_undo();
	return false;
}

void sample(const struct sampling *s, const struct limits *l, struct outcome *o)
{
	double start = now(), told = start;
	u64 length = 100;

	memset(o, 0, sizeof(*o));
	state = s->seed;
	letters = 0;
	o->found.verdict = UNDECIDED;
	o->how = STOPPED;
	world_start();
	for (u64 i = 0; i < s->executions; i++) {
		double t = i % 256 ? 0 : now();

		if (l->progress && t - told > 2) {
			told = t;
			fprintf(stderr, "%s %s: %lu of %lu executions\n", test->name,
				opt.tso ? "tso" : "sc", i, s->executions);
		}
		if (l->seconds && t - start > l->seconds) {
			o->how = OUT_OF_TIME;
			break;
		}
		if (one(s, &length, o)) {
			o->how = ENDED;
			break;
		}
	}
	o->n.deepest = length;
	o->n.letters = letters;
	o->seconds = now() - start;
}
