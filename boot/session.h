/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest of a run, and what CPU 0 does for it: moves its memory, reclaims it, lets its vCPUs
 * change places, ends it, reports. */
#ifndef BOOT_SESSION_H
#define BOOT_SESSION_H

#include "boot/result.h"
#include "boot/smp.h"
#include "mm/x86.h"

/* For a guest to get on with its last check, and for a move to find frames in its budget. */
#define FINISH_US 6000000u

enum session_state {
	SESSION_STARTS,	  /* until each vCPU has shown that it runs */
	SESSION_MOVES,	  /* its memory is moved under it */
	SESSION_FINISHES, /* the moves are done: the guest does its last check */
	SESSION_LEAVES,	  /* until its vCPUs have left their CPUs */
	SESSION_ENDED,
};

struct session {
	const struct run_config *cfg;
	struct guest *guest;
	unsigned first_cpu; /* its vCPUs are on this one and those behind it, in any order */
	enum session_state state;
	u64 random_state, hand; /* what is moved next, and when */
	u64 since;		/* tick: the state began, or, while it FINISHES, its guest got on */
	u64 got_on_to;		/* what got_on() was at that time */
	u64 faults;		/* of its vCPUs, when the moves were done */
	u64 moved_at, pause;	/* tick of the last move, ticks until the next */
	u64 hoped_at;		/* tick: a vCPU could last go on */
	const struct vcpu *stale;  /* its APIC does not trap, */
	u64 stale_since;	   /* since this tick; 0: there is none */
	u64 shown_at, collapse_at; /* ticks: the last line of progress, the next look */
	u64 lines_shown;	   /* of the guest, when progress was last */
	u64 first[MAX_CPUS];	   /* rounds of each vCPU when the moves began */
	bool slow[MAX_CPUS];	   /* is not waited for any more */
	bool busy;		   /* there is more to do at once */
	struct result result;
	int code; /* exit code, when it has ended */
};

/*
 * A guest as C says, whose vCPUs are to run on FIRST_CPU and those behind it. Nothing runs yet. NULL,
 * or why there is none.
 */
const char *session_create(struct session *s, const struct run_config *c, unsigned first_cpu);

/* Frames that a guest as C says may take. */
u64 session_frames(const struct run_config *c);

/* Starts the vCPUs. The CPUs are idle. */
void session_start(struct session *s);

/*
 * Does for the guest what is due now, and does not wait: the least piece of background reclaim, at
 * most one move. When the guest has ended, prints its result and frees all it had. False when that
 * is done. On CPU 0.
 */
bool session_step(struct session *s);

/* boot/move.c: makes the next move, if its time has come. */
void session_move(struct session *s);

/* True when US microseconds have passed since the tick SINCE. */
static inline bool session_over(u64 since, u64 us)
{
	return rdtsc() - since >= smp_ticks(us);
}

/* fault=storm: moves without a pause. */
static inline bool session_storms(const struct session *s)
{
	return !strcmp(s->cfg->fault, "storm");
}

static inline u64 session_rounds_of(const struct vcpu *v)
{
	return __atomic_load_n(&v->rounds, __ATOMIC_RELAXED);
}

#endif
