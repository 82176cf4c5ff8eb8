/* SPDX-License-Identifier: GPL-2.0-or-later */
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
			if
			:: pg & BIT(p) ->
				copied[p] = copied[p] | BIT(old[p]);
				current[p] = (current[p] & ~BIT(new[p])) |
					(current[p] & BIT(old[p]) -> BIT(new[p]) : 0)
			:: else
			fi
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
					freed[p] = freed[p] | BIT(old[p]);
					current[p] = current[p] & ~BIT(old[p]) /* poisoned */
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
