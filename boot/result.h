/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run found, for people and for programs. */
#ifndef BOOT_RESULT_H
#define BOOT_RESULT_H

#include "boot/config.h"
#include "boot/histogram.h"
#include "vmx/guest.h"

struct result {
	const struct run_config *cfg;
	const struct guest *guest;
	u64 moves, apic_moves, data_pages; /* protocol runs done, and pages moved */
	u64 ipis, ipis_avoided;
	u64 migrations;
	u64 store_frames_max;
	u64 audited; /* pages that E had in the end, all of them the guest's own */
	u64 began, run_ticks;	     /* TSC when its vCPUs were started, and until all had left */
	u64 ticks;		     /* of all moves together */
	struct histogram move_ticks; /* per protocol run */
};

enum { EXIT_HELD = 0, EXIT_ERROR = 1, EXIT_SETUP = 2, EXIT_STALE = 3 };

/* Prints both forms and returns the exit code. */
int result_print(const struct result *r);

#endif
