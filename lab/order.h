/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ept/order.h for the explorer: each named access is an event of the modelled processor. The
 * shipped files are compiled with this file in front of them, and it takes the other one's guard.
 */
#ifndef EPT_ORDER_H
#define EPT_ORDER_H

#include "mm/lock.h"

u64 lab_load(const char *name, const void *p, unsigned size);
void lab_store(const char *name, void *p, unsigned size, u64 v);
enum lab_op { OP_OR, OP_AND, OP_ADD, OP_XCHG, OP_CAS };
u64 lab_locked(const char *name, enum lab_op op, void *p, unsigned size, u64 v, u64 old);
void lab_fence(const char *name);
void lab_lock(const char *name, struct lock *l);
void lab_unlock(const char *name, struct lock *l);

#define order_load(name, p) ((__typeof__(*(p)))lab_load(#name, (p), sizeof(*(p))))
#define order_store(name, p, v) lab_store(#name, (p), sizeof(*(p)), (v))
#define LAB_LOCKED(name, op, p, v, old)                                                            \
	({ (__typeof__(*(p)))lab_locked(#name, op, (p), sizeof(*(p)), (v), (old)); })
#define order_or(name, p, v) LAB_LOCKED(name, OP_OR, p, v, 0)
#define order_and(name, p, v) LAB_LOCKED(name, OP_AND, p, (u64)(v), 0)
#define order_add(name, p, v) LAB_LOCKED(name, OP_ADD, p, v, 0)
#define order_xchg(name, p, v) LAB_LOCKED(name, OP_XCHG, p, v, 0)
#define order_cas(name, p, oldp, new)                                                              \
	({                                                                                         \
		u64 expected_ = *(oldp);                                                           \
		*(oldp) = LAB_LOCKED(name, OP_CAS, p, new, expected_);                             \
		*(oldp) == expected_;                                                              \
	})
#define order_fence(name) lab_fence(#name)
#define order_lock(name, l) lab_lock(#name, l)
#define order_unlock(name, l) lab_unlock(#name, l)

/* The gate's list is data here: a litmus test may give another one. vmx/vcpu.c calls the hook. */
#ifdef LAB_SHIPPED
#include "vmx/gate.h"
bool lab_gate_pass(struct vcpu *v);
#define gate_pass lab_gate_pass

/* What the hypervisor copies out of guest memory is an access of a frame, and what it takes for zero
 * was never touched (vmx/guestmem.c). */
#define memcpy lab_memcpy
#define memset lab_memset
void *lab_memcpy(void *dst, const void *src, size_t n);
void *lab_memset(void *dst, int byte, size_t n);
#endif

#endif
