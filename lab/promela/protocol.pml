/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protocol once more, for Spin: a second opinion on what the explorer says. Nothing is shared
 * with the explorer or the shipped C: this is written from docs/2-protocol.md and by reading the
 * sources. Steps bear the names that they have there.
 *
 * test.h comes from a litmus file by convert.awk: the numbers of vCPUs (NV), invalidators (NI) and
 * pages (NP; page 0 is the APIC-access page), STEPS, GATE, ACT(v, n), PAGES(i), TIMES(i), and for
 * each name that can be ablated X_name: 0 as shipped, 1 left out, 2 plain. TSO is 0 or 1.
 *
 * What is abstracted, and why nothing is lost by it:
 *   T           the set of frames that a vCPU's CPU may have cached per page. It grows by what E
 *               holds while the vCPU is in the guest, shrinks by INVEPT and by EPT violations. An
 *               access may use any of them, so one that is bad is a violation; that an entry may go
 *               at any time is implied.
 *   generation  stale: the vCPUs whose flushed[] differs from it. It never comes back to a value.
 *   stays       seen[i]: the vCPUs whose mode word is still the one that kick saw. Numbers of stays
 *               never come back, so any store of another word clears the bit for good.
 *   frames      counted per page, and none is used twice: what is freed stays freed.
 *   spinning    waits until what it looks at has changed, so that who waits for ever shows as an
 *               invalid end state. A vCPU in the guest, or asleep, may stay so while nothing is
 *               asked of it.
 */
#include "test.h"
#include "memory.pml"
#include "invalidator.pml"
#include "vcpu.pml"

init {
	byte q;

	atomic {
		for (q : 0 .. NP - 1) {
			m[P(q)] = 1 << 2 | PRESENT;
			m[E(q)] = (START_EMPTY -> 0 : 2);
			fresh[q] = 2;
			freed[q] = BIT(0);
			current[q] = BIT(1)
		}
		for (q : 0 .. NV - 1) {
			m[REQ(q)] = (START_BOOT -> RELOAD : 0);
			run vcpu(q)
		}
		stale = (START_BOOT -> ALL : 0);
		for (q : 0 .. NI - 1) {
			run invalidator(q)
		}
#if TSO
		for (q : 0 .. NC - 1) {
			run drain(q)
		}
#endif
		q = 0
	}
end_all:
	timeout;
	d_step {
		for (q : 0 .. NP - 1) {
			RULE(6, BIT(fresh[q]) - 1 - freed[q] == (m[P(q)] & PRESENT) << FRAME(m[P(q)]))
		}
	}
}
