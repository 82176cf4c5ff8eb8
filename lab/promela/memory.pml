/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUs share: memory, store buffers, frames; and the rules. Included by protocol.pml. */

#ifndef WANT
#define WANT 0 /* rule to look for: 0 any, 7 none (only who is stuck) */
#endif
/*
 * The last term names the rule in pan's message: 1 apic-raw, 2 frame-freed, 3 write-lost, 4 frame-owner,
 * 5 data-stale, 6 frame-leaked.
 */
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
byte m[LOCK + 2];

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
byte freed[NP], copied[NP]; /* bits: frames */
byte current[NP]; /* bits: the frames that hold what was stored last */
byte fresh[NP]; /* the next frame, never used */
byte inside, stale, nmi, irq, events; /* bits: vCPUs */
byte seen[NI]; /* bits: vCPUs */

/* What a store does when it reaches memory. */
inline put(at, word)
{
	if
	:: (at) >= DATA(0) ->
		RULE(2, !(freed[(at) - DATA(0)] & BIT(word)));
		RULE(3, !(copied[(at) - DATA(0)] & BIT(word)));
		current[(at) - DATA(0)] = BIT(word)
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
#define WROTE(c, a) (OWN(c, a, 0) || OWN(c, a, 1) || OWN(c, a, 2) || OWN(c, a, 3))
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
#define WROTE(c, a) false
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
