/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One test under one memory model: what is asked and what came out. */
#ifndef LAB_SEARCH_H
#define LAB_SEARCH_H

#include "lab/lab.h"

/* Where a search goes on: the choices to the state, and what to take there. */
struct task {
	u32 todo, sleep;
	int budget;    /* preemptions left */
	double weight; /* the share of the whole search that this is taken for */
	unsigned length;
	u8 path[MAX_DEPTH];
};

struct counts {
	u64 steps, complete, ends, pruned, blocked, deepest;
	double done;  /* the share of the search that is behind, by weights */
	double paths; /* --naive: all interleavings */
	u32 letters;
};

struct finding {
	enum verdict verdict; /* HOLDS: none */
	char rule[24], why[200];
	unsigned length;
	u8 path[MAX_DEPTH];
};

/*
 * Explores from the task on, in depth first order, for about BUDGET steps; what is left then goes
 * to LEFT, task by task. Stops at a violation of WANT (NULL: of any rule), or when *STOP is set.
 * True when something was found.
 */
bool search(const struct task *t, u64 budget, const char *want, volatile int *stop,
	    struct counts *n, struct finding *f, void (*left)(const struct task *t));

/* The choices at the start. */
void search_root(struct task *t);

/* ---- jobs.c: one exploration by several processes ---- */

struct limits {
	unsigned jobs;
	double seconds; /* 0: none */
	bool progress;	/* lines on standard error */
	const char *checkpoint, *resume;
};

struct outcome {
	struct finding found; /* verdict UNDECIDED: stopped before the end */
	enum { ENDED, OUT_OF_TIME, OUT_OF_MEMORY, STOPPED } how;
	struct counts n;
	u64 states, bytes;
	double seconds;
};

double now(void); /* seconds, since some time */

/* Explores TEST under OPT, with a table of its own. WANT as for search(). */
void explore(const struct limits *l, const char *want, struct outcome *o);

#endif
