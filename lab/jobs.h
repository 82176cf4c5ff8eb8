/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the processes of one exploration share. */
#ifndef LAB_JOBS_H
#define LAB_JOBS_H

#include "lab/search.h"

#define MAX_TASKS 20000
#define MAX_JOBS 16

enum { GO_ON, FOUND, TIME, MEMORY, INTERRUPT, ALL_DONE };

struct shared {
	_Atomic int locked;
	volatile int stop; /* why */
	volatile int grow; /* the table wants to: all gather */
	_Atomic int gathered;
	volatile unsigned rounds; /* of gathering */
	unsigned ntasks, idle;
	u16 order[MAX_TASKS], spare[MAX_TASKS]; /* tasks waiting, oldest first; those free */
	struct finding found;
	struct counts counts[MAX_JOBS];
	struct task task[MAX_TASKS];
};
extern struct shared *sh;

void put_task(const struct task *t);
void add_up(struct counts *sum);

/*
 * checkpoint.c: what is left, with the states that were seen and what was counted, to a file and from
 * it. Only the program that wrote it can read it, for the same test and options; all else ends it
 * with exit code 2. load returns the seconds that were spent.
 */
void checkpoint_save(const char *file, double seconds);
double checkpoint_load(const char *file);

#endif
