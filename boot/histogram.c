/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/histogram.h"

static unsigned bucket_of(u64 value)
{
	unsigned exponent;

	if (value < HISTOGRAM_SUB)
		return (unsigned)value;
	exponent = 63 - __builtin_clzll(value); /* 4 .. 63 */
	return (exponent - 3) * HISTOGRAM_SUB + (value >> (exponent - 4) & (HISTOGRAM_SUB - 1));
}

static u64 lowest_in(unsigned bucket)
{
	unsigned exponent;

	if (bucket < HISTOGRAM_SUB)
		return bucket;
	exponent = bucket / HISTOGRAM_SUB + 3;
	return (u64)(HISTOGRAM_SUB + bucket % HISTOGRAM_SUB) << (exponent - 4);
}

void histogram_add(struct histogram *h, u64 value)
{
	h->buckets[bucket_of(value)]++;
	h->count++;
}

u64 histogram_percentile(const struct histogram *h, unsigned per_mille)
{
	u64 below = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(h->buckets); i++) {
		below += h->buckets[i];
		if (h->count && below * 1000 >= h->count * per_mille)
			return lowest_in(i);
	}
	return 0;
}
