/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A counterexample is made as short as it gets. */
#include <stdio.h>
#include <string.h>

#include "lab/trace.h"

/* Runs what of the path is possible; the part up to the violation of the same rule. */
static bool still_fails(const u8 *path, unsigned length, const struct finding *goal,
			struct finding *f)
{
	f->length = 0;
	world_start();
	for (unsigned i = 0; i < length; i++) {
		if (!(world_enabled() & BIT(path[i])))
			continue;
		f->path[f->length++] = path[i];
		if (!world_step(path[i])) {
			if (strcmp(violated, goal->rule))
				return false;
			snprintf(f->why, sizeof(f->why), "%s", violation_why);
			return true;
		}
	}
	return !world_enabled() && !frames_right() && !strcmp(violated, goal->rule);
}

static unsigned switches(const struct finding *f)
{
	unsigned n = 0;

	for (unsigned i = 1; i < f->length; i++)
		n += f->path[i] / OPTIONS != f->path[i - 1] / OPTIONS;
	return n;
}

static bool better(const struct finding *a, const struct finding *b)
{
	unsigned x = switches(a), y = switches(b);

	return x < y || (x == y && a->length < b->length);
}

static bool try(struct finding *f, const u8 *path, unsigned length)
{
	static struct finding got;

	got = *f;
	if (!still_fails(path, length, f, &got) || !better(&got, f))
		return false;
	got.verdict = f->verdict;
	*f = got;
	return true;
}

static unsigned run_end(const struct finding *f, unsigned i)
{
	unsigned k = i + 1;

	while (k < f->length && f->path[k] / OPTIONS == f->path[i] / OPTIONS)
		k++;
	return k;
}

/* Leaves out the steps from I up to K. */
static bool cut(struct finding *f, unsigned i, unsigned k)
{
	static u8 path[MAX_DEPTH];

	memcpy(path, f->path, i);
	memcpy(path + i, f->path + k, f->length - k);
	return try(f, path, f->length - (k - i));
}

/* Makes the steps from I up to K after those up to L, or L up to I after those up to K. */
static bool swap(struct finding *f, unsigned i, unsigned k, unsigned l)
{
	static u8 path[MAX_DEPTH];

	memcpy(path, f->path, f->length);
	memcpy(path + i, f->path + k, l - k);
	memcpy(path + i + (l - k), f->path + i, k - i);
	return try(f, path, f->length);
}

/*
 * Greedy: leaves runs and single steps out and makes neighbouring runs change places, as long as
 * the same rule is violated with fewer switches between actors, or fewer steps.
 */
void minimize(struct finding *f)
{
	bool changed = f->verdict == VIOLATED;

	while (changed) {
		changed = false;
		for (unsigned i = 0; i < f->length; i = run_end(f, i)) {
			unsigned k = run_end(f, i);

			if (cut(f, i, k))
				changed = true;
			for (unsigned l = k; l < f->length && l < k + 40; l++)
				if (swap(f, i, k, l + 1)) {
					changed = true;
					break;
				}
			for (unsigned part = i + 1; part < run_end(f, i) && part < f->length;
			     part++)
				if (run_end(f, i) < f->length &&
				    swap(f, part, run_end(f, i), run_end(f, run_end(f, i))))
					changed = true;
		}
		for (unsigned i = 0; i < f->length; i++)
			if (cut(f, i, i + 1))
				changed = true;
	}
}
