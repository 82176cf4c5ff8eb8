/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MM_RANDOM_H
#define MM_RANDOM_H

#include "mm/types.h"

/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): the same
 * *STATE at the start gives the same numbers. For choices in tests and in the main job, nothing else. */
static inline u64 random_next(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

#endif
