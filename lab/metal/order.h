/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ept/order.h for the lab build, the hypervisor of which one part of `ordered` can be left out at
 * run time (`ablate = NAME`). All of its C files are compiled with this file in front of them, and
 * it takes the other one's guard. What is left out is what lab/access.c leaves out of the model.
 */
#ifndef EPT_ORDER_H
#define EPT_ORDER_H

#include "lab/parts.h"
#include "mm/lock.h"

/* The part that is left out, by its place in lab/parts.h; 0: none. Changes between runs. */
extern u32 ablated;

/* NAME's place, 0 when it is no part: a constant, since the compiler compares the names. */
static inline __attribute__((always_inline)) u32 part_named(const char *name)
{
	u32 n = 0;

#define PART(text, unused)                                                                         \
	n++;                                                                                       \
	if (!__builtin_strcmp(name, text))                                                         \
		return n;
	PARTS(PART)
	MORE_PARTS(PART)
#undef PART
	return 0;
}

#define without(name) (part_named(name) && unlikely(ablated == part_named(name)))

/* What the load NAME of P, which found V, gives when it is left out: what lets the code go on. */
u64 load_without(const char *name, const void *p, u64 v);

#define order_load(name, p)                                                                        \
	({                                                                                         \
		__typeof__(*(p)) seen_ = __atomic_load_n((p), __ATOMIC_ACQUIRE);                   \
		without(#name) ? (__typeof__(*(p)))load_without(#name, (p), seen_) : seen_;        \
	})
#define order_store(name, p, v)                                                                    \
	do {                                                                                       \
		if (!without(#name))                                                               \
			__atomic_store_n((p), (v), __ATOMIC_RELEASE);                              \
	} while (0)

/* Left out, or a load and a store ("NAME.plain"), or one locked instruction. */
#define LOCKED(name, p, plain, locked)                                                             \
	({                                                                                         \
		__typeof__(*(p)) was_;                                                             \
		if (without(#name)) {                                                              \
			was_ = __atomic_load_n((p), __ATOMIC_ACQUIRE);                             \
		} else if (without(#name ".plain")) {                                              \
			was_ = __atomic_load_n((p), __ATOMIC_ACQUIRE);                             \
			__atomic_store_n((p), (plain), __ATOMIC_RELEASE);                          \
		} else {                                                                           \
			was_ = (locked);                                                           \
		}                                                                                  \
		was_;                                                                              \
	})
#define order_or(name, p, v)                                                                       \
	LOCKED(name, p, was_ | (v), __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST))
#define order_and(name, p, v)                                                                      \
	LOCKED(name, p, was_ &(v), __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST))
#define order_add(name, p, v)                                                                      \
	LOCKED(name, p, was_ + (v), __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST))
#define order_xchg(name, p, v) LOCKED(name, p, v, __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST))
#define order_cas(name, p, old, new)                                                               \
	({                                                                                         \
		bool done_ = true;                                                                 \
		if (without(#name ".plain")) {                                                     \
			__typeof__(*(p)) was_ = __atomic_load_n((p), __ATOMIC_ACQUIRE);            \
			done_ = was_ == *(old);                                                    \
			*(old) = was_;                                                             \
			if (done_)                                                                 \
				__atomic_store_n((p), (new), __ATOMIC_RELEASE);                    \
		} else if (!without(#name)) {                                                      \
			done_ = __atomic_compare_exchange_n((p), (old), (new), false,              \
							    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);   \
		}                                                                                  \
		done_;                                                                             \
	})
#define order_fence(name)                                                                          \
	do {                                                                                       \
		if (!without(#name))                                                               \
			asm volatile("mfence" : : : "memory");                                     \
	} while (0)
#define order_lock(name, l)                                                                        \
	do {                                                                                       \
		if (!without(#name))                                                               \
			lock(l);                                                                   \
	} while (0)
#define order_unlock(name, l)                                                                      \
	do {                                                                                       \
		if (!without(#name))                                                               \
			unlock(l);                                                                 \
	} while (0)

#endif
