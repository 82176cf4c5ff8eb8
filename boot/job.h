/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main job: the runs that interlock.cfg asks for. */
#ifndef BOOT_JOB_H
#define BOOT_JOB_H

#include "boot/config.h"

/*
 * Does the runs one after the other, each from a clean state, and prints the result of each, for
 * people and as a line "@json {...}". On CPU 0, with NCPUS CPUs up. Returns the exit code, the
 * worst of the runs': 0 all held, 3 a stale access, 2 set-up, 1 else.
 */
int job_main(const struct config *cfg, unsigned ncpus);

#endif
