/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A spinlock. It is held for a bounded number of steps and never while waiting for another CPU. */
#ifndef MM_LOCK_H
#define MM_LOCK_H

#include "mm/x86.h"

struct lock {
	u32 taken;
};

static inline void lock(struct lock *l)
{
	while (__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&l->taken, __ATOMIC_RELAXED))
			cpu_relax();
}

static inline void unlock(struct lock *l)
{
	__atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

#endif
