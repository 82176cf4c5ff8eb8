/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory accesses that the ordering argument rests on, each with a name.
 *
 * On the metal a load or store is one plain MOV, and the name costs nothing. x86-TSO keeps loads in
 * order, stores in order, and a load before a later store; it lets a load pass an older store to
 * another address, which only order_fence() and the locked operations (or, and, add, xchg, cas)
 * forbid. While a guest runs, P, E, a gate's words and the generation are accessed by these alone.
 */
#ifndef EPT_ORDER_H
#define EPT_ORDER_H

#include "mm/lock.h"

#define order_load(name, p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define order_store(name, p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define order_or(name, p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define order_and(name, p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define order_add(name, p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define order_xchg(name, p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define order_cas(name, p, old, new)                                                               \
	__atomic_compare_exchange_n((p), (old), (new), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define order_fence(name) asm volatile("mfence" : : : "memory")
#define order_lock(name, l) lock(l)
#define order_unlock(name, l) unlock(l)

#endif
