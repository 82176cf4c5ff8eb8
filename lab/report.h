/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results: a table for people, JSON or CSV for machines. */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include "lab/search.h"

extern enum report_format { REPORT_TABLE, REPORT_JSON, REPORT_CSV } report_format;

void report_start(void);
void report_end(void);

/* Prints the outcome of TEST under OPT, a counterexample too when ALONE or unexpected. Returns the
 * exit code it stands for. */
int report(struct outcome *o, bool alone);

const char *verdict_name(enum verdict v);

/* As the file expects it; a file without an expectation expects that the order holds. */
bool expected(const struct outcome *o);

#endif
