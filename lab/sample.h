/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random executions, for what is too large to exhaust. */
#ifndef LAB_SAMPLE_H
#define LAB_SAMPLE_H

#include "lab/search.h"

struct sampling {
	u64 executions, seed;
	unsigned depth;
	bool pct;
};

/*
 * Runs so many executions of TEST, by uniform random choices or by PCT (Burckhardt and others, "A
 * randomized scheduler with probabilistic guarantees of finding bugs", 2010): actors have random
 * priorities, and the running one falls to the lowest at DEPTH - 1 random steps. The same seed
 * makes the same executions. Nothing found is UNDECIDED: it proves nothing.
 */
void sample(const struct sampling *s, const struct limits *l, struct outcome *o);

#endif
