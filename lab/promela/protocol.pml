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
 *               invalid end state. A vCPU in the guest, or asleep and not asked, may stay so.
 */
#include "test.h"

#ifndef WANT
#define WANT 0 /* rule to look for: 0 any, 5 none (only who is stuck) */
#endif
/* The last term names the rule in pan's message: 1 apic-raw 2 frame-freed 3 write-lost 4 frame-owner */
#define RULE(n, good) assert((good) || (WANT && WANT != n) || n == 0)

#define BIT(n) (1 << (n))
#define ALL (BIT(NV) - 1)

/* Memory that several CPUs use. DATA(p) stands for a guest's store to page p; the value is the frame. */
#define P(p) (p)
#define E(p) (NP + (p))
#define MODE(v) (2 * NP + (v))
#define REQ(v) (2 * NP + NV + (v))
#define LOCK (2 * NP + 2 * NV)
#define GENERATION (LOCK + 1)
#define DATA(p) (LOCK + 2 + (p))
byte m[LOCK + 1];

#define PRESENT 1 /* P: frame << 2 | MOVING | PRESENT; E: 0, or the frame + 1 */
#define MOVING 2
#define FRAME(w) ((w) >> 2)
#define OUTSIDE 0 /* mode */
#define IN_GUEST 1
#define HALTED 2
#define READING 3
#define RELOAD 1 /* requests */
#define EVENT 2

byte T[NV * NP]; /* bits: frames */
byte freed[NP], copied[NP], fresh[NP]; /* bits: frames; the next one never used */
byte inside, stale, nmi, irq, events; /* bits: vCPUs */
byte seen[NI]; /* bits: vCPUs */

/* What a store does when it reaches memory. */
inline put(at, word)
{
	if
	:: (at) >= DATA(0) ->
		RULE(2, !(freed[(at) - DATA(0)] & BIT(word)));
		RULE(3, !(copied[(at) - DATA(0)] & BIT(word)))
	:: (at) == GENERATION -> stale = ALL
	:: (at) < GENERATION ->
		if
		:: (at) >= E(0) && (at) < MODE(0) && (word) ->
			for (q : 0 .. NV - 1) {
				if
				:: inside & BIT(q) ->
					T[q * NP + (at) - NP] = T[q * NP + (at) - NP] | BIT((word) - 1)
				:: else
				fi
			}
		:: (at) >= MODE(0) && (at) < REQ(0) && m[at] != (word) ->
			for (q : 0 .. NI - 1) {
				seen[q] = seen[q] & ~BIT((at) - MODE(0))
			}
		:: else
		fi;
		q = 0;
		m[at] = word
	fi
}

#if TSO
#define SB 4
#define NC (NV + NI)
byte sb_at[NC * SB], sb_word[NC * SB], sb_n[NC]; /* store buffers: addresses, values, how many */
#define OWN(c, a, n) (sb_n[c] > n && sb_at[(c) * SB + n] == (a))
#define LD(c, a) (OWN(c, a, 3) -> sb_word[(c) * SB + 3] : (OWN(c, a, 2) -> sb_word[(c) * SB + 2] : \
	(OWN(c, a, 1) -> sb_word[(c) * SB + 1] : (OWN(c, a, 0) -> sb_word[(c) * SB] : m[a]))))
#define EMPTY(c) (sb_n[c] == 0)
#define ROOM(c, n) (sb_n[c] + (n) <= SB)
#define PUSH(c, a, val) sb_at[(c) * SB + sb_n[c]] = (a); sb_word[(c) * SB + sb_n[c]] = (val); sb_n[c]++

proctype drain(byte c)
{
	byte q, a, val;
end:	do
	:: d_step {
		sb_n[c] > 0 ->
			a = sb_at[c * SB]; val = sb_word[c * SB];
			sb_at[c * SB] = sb_at[c * SB + 1]; sb_at[c * SB + 1] = sb_at[c * SB + 2];
			sb_at[c * SB + 2] = sb_at[c * SB + 3]; sb_at[c * SB + 3] = 0;
			sb_word[c * SB] = sb_word[c * SB + 1]; sb_word[c * SB + 1] = sb_word[c * SB + 2];
			sb_word[c * SB + 2] = sb_word[c * SB + 3]; sb_word[c * SB + 3] = 0;
			sb_n[c]--;
			put(a, val);
			a = 0; val = 0
	}
	od
}
#else
#define LD(c, a) m[a]
#define EMPTY(c) true
#define ROOM(c, n) true
#define PUSH(c, a, val) put(a, val)
#endif

inline st(x, c, a, val)
{
	d_step {
		x == 1 || ROOM(c, 1) ->
			if
			:: x != 1 -> PUSH(c, a, val)
			:: else
			fi
	}
}

/* Locked: m[a] = (m[a] & and) | or. Plain: a load, then a buffered store. */
inline rmw(x, c, a, and, or)
{
	if
	:: d_step { x == 0 && EMPTY(c) -> put(a, (m[a] & and) | or) }
	:: x == 2 -> y = (LD(c, a) & and) | or; d_step { ROOM(c, 1) -> PUSH(c, a, y); y = 0 }
	:: x == 1
	fi
}

inline fence(x, c) { x == 1 || EMPTY(c) }
inline lock(x, c) { d_step { x == 1 || (EMPTY(c) && !m[LOCK]) -> m[LOCK] = (x -> m[LOCK] : 1) } }

/* The invalidator's steps. The batch: pg, the pages in it; old[] and new[], their frames. */

inline add()
{
	for (p : 0 .. NP - 1) {
		d_step {
			if
			:: (PAGES(i) & BIT(p)) && (LD(c, P(p)) & (PRESENT | MOVING)) == PRESENT ->
				pg = pg | BIT(p);
				old[p] = FRAME(LD(c, P(p)));
				new[p] = fresh[p];
				fresh[p]++
			:: else
			fi
		}
	}
	p = 0
}

#define OLD (old[p] << 2 | PRESENT)

inline begin()
{
	apic = 0;
	for (p : 0 .. NP - 1) {
		if
		:: d_step { (pg & BIT(p)) && EMPTY(c) && LD(c, P(p)) != OLD ->
			pg = pg & ~BIT(p); freed[p] = freed[p] | BIT(new[p]) } /* another's */
		:: d_step { (pg & BIT(p)) && EMPTY(c) && m[P(p)] == OLD && !X_begin_claim ->
			m[P(p)] = OLD | MOVING; apic = apic | (p == 0) }
		:: (pg & BIT(p)) && LD(c, P(p)) == OLD && X_begin_claim ->
			d_step { ROOM(c, 1) -> PUSH(c, P(p), OLD | MOVING); apic = apic | (p == 0) }
		:: !(pg & BIT(p))
		fi
	}
	p = 0
}

inline unmap()
{
	lock(X_unmap_lock, c);
	d_step {
		EMPTY(c) ->
			for (p : 0 .. NP - 1) {
				m[E(p)] = (pg & BIT(p) -> 0 : m[E(p)])
			}
			p = 0
	}
	st(X_unmap_unlock, c, LOCK, 0)
}

inline publish_reload()
{
	for (p : 0 .. NV - 1) {
		if
		:: apic -> rmw(X_publish_reload, c, REQ(p), 255, RELOAD)
		:: !apic
		fi
	}
	p = 0
}

inline publish_flush() { rmw(X_publish_flush, c, GENERATION, 0, 1) }

inline kick()
{
	fence(X_kick_fence, c);
	for (p : 0 .. NV - 1) {
		d_step {
			if
			:: m[MODE(p)] == IN_GUEST -> nmi = nmi | BIT(p); seen[i] = seen[i] | BIT(p)
			:: m[MODE(p)] == READING -> seen[i] = seen[i] | BIT(p)
			:: else -> seen[i] = seen[i] & ~BIT(p)
			fi
		}
	}
	p = 0
}

inline wait() { !seen[i] }

inline copy()
{
	d_step {
		for (p : 0 .. NP - 1) {
			copied[p] = copied[p] | (pg & BIT(p) -> BIT(old[p]) : 0)
		}
		p = 0
	}
}

inline store_p(x, present)
{
	d_step {
		ROOM(c, NP) ->
			for (p : 0 .. NP - 1) {
				if
				:: (pg & BIT(p)) && !x ->
					PUSH(c, P(p), (new[p] << 2 | PRESENT) * present | MOVING)
				:: else
				fi
			}
			p = 0
	}
}

inline clear() { store_p(X_clear_p, 0) }
inline rebind() { store_p(X_rebind_p, 1) }

/* The allocator's lock waits for an empty store buffer. */
inline release()
{
	d_step {
		EMPTY(c) ->
			for (p : 0 .. NP - 1) {
				if
				:: pg & BIT(p) ->
					RULE(4, !(freed[p] & BIT(old[p])));
					freed[p] = freed[p] | BIT(old[p])
				:: else
				fi
			}
			p = 0
	}
}

inline end()
{
	for (p : 0 .. NP - 1) {
		if
		:: pg & BIT(p) -> rmw(X_end_p, c, P(p), ~MOVING, 0)
		:: !(pg & BIT(p))
		fi
	}
	p = 0
}

proctype invalidator(byte i)
{
	byte c, p, q, y, n, pg, apic, old[NP], new[NP];

	c = NV + i;
	for (n : 1 .. TIMES(i)) {
		add();
		STEPS
		d_step {
			for (p : 0 .. NP - 1) {
				old[p] = 0;
				new[p] = 0
			}
			p = 0; pg = 0; apic = 0
		}
	}
}

/* The vCPU. my: its mode word as it sees it itself; ok: the gate's steps have said true so far. */

inline gate_set(x, mode) { st(x, v, MODE(v), my | mode); my = (x == 1 -> my : my | mode) }
inline gate_leave(x) { st(x, v, MODE(v), OUTSIDE); my = (x == 1 -> my : OUTSIDE) }

#define STAYS_OUT(w) (GATED -> ((w) & MOVING) && !X_reload_p : !((w) & PRESENT))
/* Another pass of the gate could get through. */
#define WORTH_IT ((!(m[REQ(v)] & RELOAD) || \
	(HAS_reload && X_reload_clear != 1 && !STAYS_OUT(m[P(0)]))) && \
	(HAS_flush || !(stale & BIT(v))))

inline reload()
{
	if
	:: ok && (LD(v, REQ(v)) & RELOAD) ->
		rmw(X_reload_clear, v, REQ(v), ~RELOAD, 0);
		d_step {
			x = LD(v, P(0));
			ok = !STAYS_OUT(x);
			if
			:: ok && A != FRAME(x) ->
				A = FRAME(x);
				stale = (X_elided -> stale : stale | BIT(v))
			:: else
			fi;
			x = 0
		}
		if
		:: !ok -> rmw(X_reload_again, v, REQ(v), 255, RELOAD)
		:: ok
		fi
	:: !ok || !(LD(v, REQ(v)) & RELOAD)
	fi
}

inline flush()
{
	d_step {
		if
		:: ok && (stale & BIT(v)) ->
			stale = stale & ~BIT(v);
			for (q : 0 .. NP - 1) {
				T[v * NP + q] = 0
			}
			q = 0
		:: else
		fi
	}
}

inline arm()
{
	if
	:: ok -> gate_set(X_arm_mode, IN_GUEST); fence(X_arm_fence, v)
	:: !ok
	fi
}

inline check()
{
	if
	:: ok ->
		ok = X_check_requests || !LD(v, REQ(v));
		ok = ok && (X_check_generation || !(stale & BIT(v)));
		if
		:: !ok -> gate_leave(X_check_leave)
		:: ok
		fi
	:: !ok
	fi
}

/* A guest's action: the kind << 4 | the page, or for notify the vCPU. FAULT is another exit. */
#define KIND(a) ((a) >> 4)
#define ARG(a) ((a) & 15)
#define READ 1
#define WRITE 2
#define EXIT 3
#define HREAD 4
#define HALT 5
#define NOTIFY 6
#define FAULT 7
#define ACCESS (KIND(act) == READ || KIND(act) == WRITE)
#define CACHED T[v * NP + ARG(act)]
#define DONE pc++; act = ACT(v, pc)
#define PICK(f) CACHED & BIT(f) -> PUSH(v, DATA(ARG(act)), f)

proctype vcpu(byte v)
{
	byte my, A, ok, pc, q, y, x, act, reason, arg, halted;

	act = ACT(v, 0);
gate:
	ok = 1;
	GATE
	if
	:: d_step { ok && !(nmi & BIT(v)) ->
		ok = 0;
		inside = inside | BIT(v);
		for (q : 0 .. NP - 1) {
			T[v * NP + q] = T[v * NP + q] | (m[E(q)] -> BIT(m[E(q)] - 1) : 0)
		}
		q = 0 }
	:: d_step { ok && (nmi & BIT(v)) -> ok = 0; nmi = nmi & ~BIT(v) } /* it gives up */
		gate_leave(X_enter_leave);
		goto gate
	:: !ok -> goto slow
	fi;

end_guest:
	if
	:: atomic { nmi & BIT(v) -> nmi = nmi & ~BIT(v); inside = inside & ~BIT(v) }
	:: atomic { ACCESS && !m[E(ARG(act))] ->
		reason = FAULT; arg = ARG(act); CACHED = 0; inside = inside & ~BIT(v) }
	:: atomic { ACCESS && ARG(act) == 0 && CACHED -> RULE(1, CACHED == BIT(A)); DONE }
		goto end_guest
	:: atomic { KIND(act) == READ && ARG(act) && CACHED -> RULE(2, !(CACHED & freed[ARG(act)])); DONE }
		goto end_guest
	:: atomic { KIND(act) == WRITE && ARG(act) && CACHED && ROOM(v, 1) ->
		if
		:: PICK(0) :: PICK(1) :: PICK(2) :: PICK(3)
		:: PICK(4) :: PICK(5) :: PICK(6) :: PICK(7)
		fi;
		DONE }
		goto end_guest
	:: atomic { KIND(act) >= EXIT ->
		reason = KIND(act); arg = ARG(act); inside = inside & ~BIT(v); DONE }
	fi;
	gate_leave(X_exit_leave);
	if
	:: reason == 0 || reason == EXIT -> skip
	:: reason == FAULT -> goto fault
	:: reason == HREAD -> goto hread
#if EVENTS
	:: reason == HALT -> halted = 1; rmw(X_event, v, REQ(v), 255, EVENT)
	:: reason == NOTIFY ->
		d_step { EMPTY(v) -> events = events | BIT(arg) } /* what there is to deliver */
		rmw(X_request, v, REQ(arg), 255, EVENT);
		d_step {
			if
			:: m[MODE(arg)] == IN_GUEST -> nmi = nmi | BIT(arg)
			:: m[MODE(arg)] == HALTED -> irq = irq | BIT(arg)
			:: else
			fi
		}
#endif
	fi;
handled:
	atomic { reason = 0; arg = 0 }
	goto gate;

fault:
	if
	:: atomic { !m[P(arg)] && EMPTY(v) ->
		m[P(arg)] = fresh[arg] << 2 | PRESENT; fresh[arg]++ }
	:: m[P(arg)] && (!(m[P(arg)] & MOVING) || X_fault_p) -> skip
	fi;
	lock(X_fault_lock, v);
	x = LD(v, P(arg));
	d_step {
		ROOM(v, 1) ->
			if
			:: !((x & MOVING) && !X_fault_p) && !LD(v, E(arg)) ->
				PUSH(v, E(arg), FRAME(x) + 1)
			:: else
			fi
	}
	st(X_fault_unlock, v, LOCK, 0);
	if
	:: d_step { (x & MOVING) && !X_fault_p -> x = 0 } goto fault
	:: d_step { !((x & MOVING) && !X_fault_p) -> x = 0 } goto handled
	fi;

hread:
	gate_set(X_read_mode, READING);
	fence(X_read_fence, v);
	x = LD(v, P(arg));
	if
	:: d_step { (x & MOVING) && !X_read_p -> x = 0 }
		gate_leave(X_read_again);
		!(m[P(arg)] & MOVING);
		goto hread
	:: d_step { !((x & MOVING) && !X_read_p) ->
		RULE(2, !(x & PRESENT) || !(freed[arg] & BIT(FRAME(x))));
		x = 0 }
		gate_leave(X_read_leave);
		goto handled
	fi;

slow:
	WORTH_IT || (m[REQ(v)] & EVENT);
#if EVENTS
	if
	:: LD(v, REQ(v)) & EVENT -> skip
	:: !(LD(v, REQ(v)) & EVENT) -> goto gate
	fi;
see:
	rmw(X_see_clear, v, REQ(v), ~EVENT, 0);
	d_step { halted = halted && !(events & BIT(v)); events = events & ~BIT(v) }
	if
	:: !halted -> goto gate
	:: halted
	fi;
	gate_set(X_sleep_mode, HALTED);
	fence(X_sleep_fence, v);
asleep:
	if
	:: LD(v, REQ(v)) & EVENT -> gate_leave(X_sleep_leave); goto see
	:: !(LD(v, REQ(v)) & EVENT)
	fi;
end_asleep:
	if
	:: atomic { irq & BIT(v) -> irq = irq & ~BIT(v) } goto asleep
	:: (m[REQ(v)] & EVENT) && !(irq & BIT(v)) -> skip
	fi;
	d_step { irq & BIT(v) -> irq = irq & ~BIT(v) } /* who is asked must be woken */
	goto asleep;
#endif
	goto gate
}

init {
	byte q;

	atomic {
		for (q : 0 .. NP - 1) {
			m[P(q)] = 1 << 2 | PRESENT;
			m[E(q)] = (START_EMPTY -> 0 : 2);
			fresh[q] = 2;
			freed[q] = BIT(0)
		}
		for (q : 0 .. NV - 1) {
			m[REQ(q)] = RELOAD;
			run vcpu(q)
		}
		stale = ALL;
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
}
