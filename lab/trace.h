/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counterexamples: shortened, shown, replayed. */
#ifndef LAB_TRACE_H
#define LAB_TRACE_H

#include "lab/search.h"

/* A string that replay_read() turns into the same choices. It starts with the memory model, which
 * replay_read() sets in OPT. False: what is wrong is in ERR. */
void replay_string(const struct finding *f, char *s, size_t size);
bool replay_read(const char *s, struct finding *f, char *err, size_t size);

/* Makes the execution shorter, as long as it violates the same rule. */
void minimize(struct finding *f);

/* Prints the execution: a line for each step of an actor in its column, or, verbose, each event
 * with the state after it. False when it ended in a violation. */
bool show(const struct finding *f, unsigned verbose);

#endif
