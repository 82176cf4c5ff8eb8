/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts of values by size, 16 buckets to each power of two: a percentile is exact below 16 and
 * within 1/16 above. */
#ifndef BOOT_HISTOGRAM_H
#define BOOT_HISTOGRAM_H

#include "mm/types.h"

#define HISTOGRAM_SUB 16

struct histogram {
	u64 count;
	u32 buckets[61 * HISTOGRAM_SUB];
};

void histogram_add(struct histogram *h, u64 value);

/* The smallest value such that PER_MILLE thousandths of those added are not above it, rounded down
 * to its bucket. 0 when empty. */
u64 histogram_percentile(const struct histogram *h, unsigned per_mille);

#endif
