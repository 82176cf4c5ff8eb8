/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The vCPU. my: its mode word as it sees it itself; ok: the gate's steps have said true so far. */

inline gate_set(x, mode) { st(x, v, MODE(v), my | mode); my = (x == 1 -> my : my | mode) }
inline gate_leave(x) { st(x, v, MODE(v), OUTSIDE); my = (x == 1 -> my : OUTSIDE) }

#define STAYS_OUT(w) (GATED -> ((w) & MOVING) && !X_reload_p : !((w) & PRESENT))
/* Another pass of the gate could get through. */
#define WORTH_IT \
	((!(m[REQ(v)] & RELOAD) || (RELOAD_RUNS -> \
		!STAYS_OUT(m[P(0)]) && (X_reload_clear != 1 || !CHECK_ASKS) : !CHECK_ASKS)) && \
	(!(stale & BIT(v)) || FLUSH_RUNS || !CHECK_COMPARES))

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
#define END 7
#define FAULT 8
#define ACCESS (KIND(act) == READ || KIND(act) == WRITE)
#define CACHED T[v * NP + ARG(act)]
#define DONE pc++; act = ACT(v, pc)
#define PICK(f) CACHED & BIT(f) -> PUSH(v, DATA(ARG(act)), f)

proctype vcpu(byte v)
{
	byte my, A, ok, pc, q, y, x, act, reason, arg, halted;

	act = ACT(v, 0);
	A = !START_BOOT;
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
	:: atomic { ACCESS && ARG(act) == 0 && CACHED ->
		RULE(1, CACHED == BIT(A));
		DONE;
		if /* by the register and the CPU's abilities */
		:: goto end_guest
		:: reason = EXIT; inside = inside & ~BIT(v)
		fi }
	:: atomic { KIND(act) == READ && ARG(act) && CACHED -> 
		RULE(2, !(CACHED & freed[ARG(act)]));
		RULE(5, WROTE(v, DATA(ARG(act))) || !(CACHED & ~current[ARG(act)]));
		DONE }
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
	:: !act && m[REQ(v)] && !(nmi & BIT(v)) -> (nmi & BIT(v)); goto end_guest /* asked: kicked */
	fi;
	gate_leave(X_exit_leave);
	if
	:: reason == 0 || reason == EXIT -> skip
	:: reason == FAULT -> goto fault
	:: reason == HREAD -> goto hread
	:: reason == END -> goto ended
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
		RULE(5, WROTE(v, DATA(arg)) || (current[arg] & BIT(FRAME(x))));
		x = 0 }
		gate_leave(X_read_leave);
		goto handled
	fi;

slow:
	(m[REQ(v)] & EVENT -> X_see_clear != 1 : WORTH_IT);
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
	goto gate;

ended:
	reason = 0
}
