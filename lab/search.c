/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Depth first search over all choices, with three reductions.
 *
 * 1. What is local to an actor (is_local() in model.c) is done at once and is no choice: nothing
 *    that others do can change it or see it, now or later. In the terms of partial-order reduction
 *    it is a persistent set of one.
 * 2. Sleep sets (Godefroid): when x was explored from a state, y after it need not be followed by x
 *    at once if the two are independent: x, y and y, x lead to the same state. Two choices are
 *    independent when they are of different actors and neither writes what the other reads or
 *    writes. A store buffer's drain is a choice of its own that writes memory; all that fills T
 *    reads E, and E's changes write it, so store buffers and T need no exception.
 * 3. A state that was seen is not explored again, but for what slept there at all earlier visits
 *    (Godefroid, "Using partial orders to improve automatic verification methods", 1990).
 *
 * 2 and 3 keep every reachable state, 1 every violation and every deadlock, provided that no choice
 * is put off for ever in a circle: where a path comes back to a state on it, all choices of the state
 * before are taken.
 */
#include <stdio.h>
#include <string.h>

#include "lab/search.h"
#include "lab/table.h"

struct node {
	u64 key, slot;
	u32 todo, sleep, all;
	int budget;
	double paths;  /* --naive: interleavings from here on */
	double weight; /* of each choice */
	bool pruned;
	u8 choice; /* by which it is being left */
};

static struct node nodes[MAX_DEPTH];
static u8 on_path[1 << 14];   /* keys on the path, by their low bits: how many */
static u64 before[MAX_DEPTH]; /* keys of the states on the task's own path */

static bool finished(u32 all)
{
	if (all)
		return false;
	for (unsigned i = 0; i < nactors; i++)
		if (!actor_at_rest(i))
			return false;
	return true;
}

static void report(struct finding *f, enum verdict v, const char *rule_name, const char *why,
		   unsigned from, unsigned depth, const struct task *t)
{
	f->verdict = v;
	f->length = t->length;
	memcpy(f->path, t->path, t->length);
	snprintf(f->rule, sizeof(f->rule), "%s", rule_name);
	snprintf(f->why, sizeof(f->why), "%s", why);
	for (unsigned i = from; i < depth; i++)
		f->path[f->length++] = nodes[i].choice;
}

/*
 * The path has come back to the state at FROM. If no actor was able to move all along and did not,
 * this can go on for ever: a livelock.
 */
static bool fair_cycle(unsigned from, unsigned to)
{
	u32 always = ~0u;

	for (unsigned i = from; i <= to; i++)
		always &= nodes[i].all;
	for (unsigned i = from; i < to; i++) {
		unsigned actor = nodes[i].choice / OPTIONS;

		/* A pending drain or NMI comes in the end; otherwise each move counts. */
		always &= nodes[i].choice % OPTIONS == DRAIN ? ~BIT_OF(actor, DRAIN)
			  : nodes[i].choice % OPTIONS == NMI
				  ? ~BIT_OF(actor, NMI)
				  : ~(BIT_OF(actor, TAKE) | BIT_OF(actor, VIOLATION) |
				      BIT_OF(actor, OTHER));
	}
	return !always;
}

/*
 * Whether the path comes back here to a state on it, in a way that is a livelock. If it comes back at
 * all, what was put off at the state before is put off no longer.
 */
static bool circle(const struct task *t, unsigned d, u64 key)
{
	struct node *last = &nodes[d - 1];
	bool closed = false, fair = false;

	for (unsigned i = 0; i < t->length; i++)
		closed |= before[i] == key;
	for (unsigned i = 0; i < d; i++)
		if (nodes[i].key == key) {
			closed = true;
			fair |= fair_cycle(i, d);
		}
	if (closed && !opt.naive && opt.preemptions < 0)
		last->todo |= last->all & ~last->sleep;
	return fair;
}

static unsigned pick(const struct node *n, unsigned last)
{
	u32 same = n->todo & program_of(last);

	return __builtin_ctz(same ? same : n->todo);
}

/* Choices that leave an actor that could go on cost one of the budget; < 0: too much. */
static int budget_after(const struct node *n, unsigned choice, unsigned last)
{
	bool leaves = choice / OPTIONS != last && choice % OPTIONS != DRAIN &&
		      (n->all & program_of(last));

	return n->budget - (n->budget >= 0 && leaves);
}

static bool affordable(const struct node *n, unsigned choice, unsigned last)
{
	return budget_after(n, choice, last) >= 0 || n->budget < 0;
}

static void enter(struct node *n, u32 sleep, int budget, unsigned last, struct counts *c)
{
	struct key k;
	static unsigned chain;
	bool seen = false;
	u32 wanted;

	n->all = world_enabled();
	wanted = opt.naive || budget >= 0 ? n->all : persistent(n->all);
	n->budget = budget;
	n->paths = 0;
	n->sleep = sleep;
	n->pruned = false;
	/*
	 * Where there is no choice nothing is gained by knowing the state, unless it is a circle. Ends
	 * are known all the same: no reduction may lose one.
	 */
	if (n->all && (opt.stateless || (!opt.naive && !(wanted & (wanted - 1)) && ++chain % 64))) {
		n->key = 0;
		n->todo = wanted & ~sleep;
	} else {
		chain = 0;
		k = world_key();
		if (n->all && budget >= 0)
			k.a = mix(k.a, (u64)budget << 8 | last);
		n->key = k.a;
		n->todo = table_enter(k, wanted, sleep, &seen, &n->slot);
	}
	n->pruned = seen;
	if (seen && opt.naive)
		n->paths = *table_paths(n->slot);
	c->complete += !n->all;
	c->ends += !n->all && !seen;
	if (!n->all)
		return;
	if (!n->todo && seen)
		c->pruned++;
	else if (!n->todo)
		c->blocked++;
}

static u32 still_asleep(u32 sleep, unsigned choice)
{
	u32 out = 0;

	for (u32 s = sleep; s; s &= s - 1) {
		unsigned other = __builtin_ctz(s);

		if (independent(choice, other))
			out |= BIT(other);
	}
	return out;
}

static void push_left(const struct task *t, unsigned depth, void (*left)(const struct task *t))
{
	static struct task rest;

	rest.length = t->length;
	memcpy(rest.path, t->path, t->length);
	for (unsigned i = 0; i <= depth; i++) {
		rest.todo = nodes[i].todo;
		rest.sleep = nodes[i].sleep;
		rest.budget = nodes[i].budget;
		rest.weight = nodes[i].weight * __builtin_popcount(rest.todo);
		if (rest.todo)
			left(&rest);
		rest.path[rest.length++] = nodes[i].choice;
	}
}

void search_root(struct task *t)
{
	world_start();
	memset(t, 0, offsetof(struct task, path));
	t->todo = world_enabled();
	t->budget = opt.preemptions;
	t->weight = 1;
}

bool search(const struct task *t, u64 budget, const char *want, volatile int *stop,
	    struct counts *c, struct finding *f, void (*left)(const struct task *t))
{
	u64 end = c->steps + budget;
	unsigned d = 0, choice, last;
	bool reduce = !opt.naive && opt.preemptions < 0;
	u32 sleep;

	world_start();
	memset(on_path, 0, sizeof(on_path));
	for (unsigned i = 0; i < t->length; i++) {
		before[i] = opt.stateless ? 0 : world_key().a;
		on_path[before[i] % sizeof(on_path)]++;
		world_step(t->path[i]);
	}
	last = t->length ? t->path[t->length - 1] / OPTIONS : ACTORS;
	nodes[0] = (struct node){ .todo = t->todo,
				  .sleep = t->sleep,
				  .all = world_enabled(),
				  .budget = t->budget,
				  .weight = t->weight / __builtin_popcount(t->todo | !t->todo) };
	f->verdict = HOLDS;
	if (!t->length && !nodes[0].all && !finished(0)) {
		report(f, STUCK, "", "nothing can move from the start", 0, 0, t);
		return true;
	}
	for (;;) {
		struct node *n = &nodes[d];

		if (d)
			last = nodes[d - 1].choice / OPTIONS;
		if (!n->todo) {
			if (!d)
				break;
			if (n->key)
				on_path[n->key % sizeof(on_path)]--;
			if (opt.naive && !opt.stateless && !n->pruned)
				*table_paths(n->slot) = n->paths;
			nodes[d - 1].paths += n->paths;
			world_undo();
			d--;
			continue;
		}
		if ((c->steps >= end && left) ||
		    (!(c->steps & 255) && ((stop && *stop) || (opt.naive && table_full())))) {
			if (left)
				push_left(t, d, left);
			return false;
		}
		choice = pick(n, last);
		n->todo &= ~BIT(choice);
		if (!affordable(n, choice, last)) {
			c->done += n->weight;
			continue;
		}
		sleep = reduce ? still_asleep(n->sleep, choice) : 0;
		n->sleep |= reduce ? BIT(choice) : 0;
		n->choice = (u8)choice;
		c->steps++;
		if (!world_step(choice)) {
			nodes[d].paths++;
			if (!want || !*want || !strcmp(want, violated)) {
				report(f, VIOLATED, violated, violation_why, 0, d + 1, t);
				return true;
			}
			c->done += n->weight;
			world_undo();
			continue;
		}
		enter(&nodes[d + 1], sleep, budget_after(n, choice, last), choice / OPTIONS, c);
		d++;
		n = &nodes[d];
		if (n->todo)
			n->weight = nodes[d - 1].weight / __builtin_popcount(n->todo);
		else
			c->done += nodes[d - 1].weight;
		c->deepest = d > c->deepest ? d : c->deepest;
		c->letters |= letters;
		if (!n->all && !finished(0) && (!want || !*want)) {
			report(f, STUCK, "", stuck_why(), 0, d, t);
			return true;
		}
		if (!n->all && !frames_right() && (!want || !*want || !strcmp(want, violated))) {
			report(f, VIOLATED, violated, violation_why, 0, d, t);
			return true;
		}
		violated = NULL;
		if (!n->all)
			n->paths = 1;
		if (!n->todo && n->all && n->key && on_path[n->key % sizeof(on_path)] &&
		    circle(t, d, n->key)) {
			if (!want || !*want) {
				report(f, STUCK, "", "a circle of steps without an end", 0, d, t);
				return true;
			}
		}
		if (n->key)
			on_path[n->key % sizeof(on_path)]++;
	}
	c->paths += nodes[0].paths;
	return false;
}
