/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The explorer's parts and what they share. One actor is one modelled CPU: an invalidator, a vCPU,
 * or a raw program. It runs real code on a stack of its own and stops at each event; the search
 * decides whose event happens next.
 *
 *   litmus.c           reads a test                   search.c     depth first over all choices
 *   actor.c            stacks, a step, its undoing    table.c      the states that were seen
 *   memory.c, model.c  memory, buffers, events        jobs.c       processes, tasks, time
 *   tlb.c, rules.c     T, A, the guest's accesses     sample.c     random and PCT runs
 *   guest.c, future.c  the actors of shipped code     trace.c      replay, columns
 *   shim.c, frames.c,  what that code finds           shorten.c    shorter counterexamples
 *   keys.c, access.c                                  ablate.c     one thing left out at a time
 *   reclaim.c          the store, tables, D           report.c     tables, JSON, CSV
 *   raw*.c             actors of single operations
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/types.h"

#define ACTORS 6
#define PAGES 4	  /* page 0 is the APIC-access page, the others are d0, d1, d2 */
#define OPTIONS 5 /* what an actor may do next, see below */
#define FRAMES 64 /* frames that are followed */
#define BUFFER 8  /* stores in one CPU's store buffer */
#define TLB 16	  /* mappings in one CPU's T */
#define POOL 8	  /* frames that one actor may take */
#define TABLES 64 /* frame numbers from here on: EPT tables, then P */
#define P_ENTRIES 240
#define ACTOR_TABLES 16 /* tables that one actor may take */
#define TABLE_WORDS 2	/* for a bit of each */
#define READS 12	/* locations that a spinning actor watches */
#define MAX_DEPTH 4096	/* steps of one execution */

/*
 * The choices at a state, as bits: for each actor its next event, in up to four ways, and the drain
 * of the oldest store in its buffer.
 */
enum { TAKE, VIOLATION, NMI, OTHER, DRAIN };
#define BIT_OF(actor, option) (1u << ((actor)*OPTIONS + (option)))

/* All but the drain, of an actor; nothing of no actor. */
static inline u32 program_of(unsigned actor)
{
	return actor < ACTORS ? BIT_OF(actor, DRAIN) - BIT_OF(actor, TAKE) : 0;
}

enum event_kind {
	EV_LOAD,
	EV_STORE,
	EV_LOCKED,
	EV_FENCE,
	EV_LOCK,
	EV_RELAX, /* a turn of a loop that found nothing new: until something it read changes */
	EV_FREE,
	EV_COPY,
	EV_READ,  /* the hypervisor reads a frame */
	EV_WRITE, /* and writes to one */
	EV_STOW,  /* what a frame holds goes to the store */
	EV_FETCH, /* and comes back, to another one */
	EV_DROP,  /* what the store keeps is not needed any more */
	EV_VMWRITE,
	EV_INVALIDATE,
	EV_IPI,
	EV_IRQ_WAIT,
	EV_ENTER,
	EV_GUEST,
	EV_END,
	EV_STEP, /* no event: an invalidator begins a step; for those who watch */
};

struct event {
	const char *name;
	u64 addr; /* or the frame */
	u64 v, old;
	u64 reads, writes; /* resources, for independence */
	u8 kind, op, size, page;
};

struct buffered {
	u64 addr, v;
	u64 writes; /* resources */
	const char *name;
	u8 size, page; /* page: a guest's store into frame ADDR when not 0xff */
};

/* All of one modelled CPU that changes; copied as a whole when a step is undone. */
struct cpu_model {
	u64 hist; /* stands for the actor's C state: a hash of what it saw since a known point */
	u64 base; /* that known point */
	u64 result;
	u64 a, latched; /* A in the VMCS; as the last entry found it */
	struct event ev;
	u64 walks[TABLE_WORDS]; /* table pages that a walk may start at; shipped code */
	u32 t[TLB];		/* T: what may be cached, sorted */
	u8 nt, nbuffer, nread;
	u8 in_guest, nmi, irq, ended, holds;
	u8 at;		/* actions done */
	u8 a_unflushed; /* A changed, and no INVEPT since */
	u8 frames, tables;
	u8 root, vpid, reason;
	u8 vmx;		   /* of a raw actor: flags, raw.h */
	u8 reg, pick;	   /* of a raw actor: what it last loaded; mappings passed over */
	u16 pml;	   /* the PML index */
	u8 step, run;	   /* of an invalidator: steps begun in this run, runs begun */
	const char *label; /* the step it is in; for people */

	/* From here on what is used is copied. */
	struct buffered buffer[BUFFER];
	struct {
		u64 addr, v;  /* the value it found first */
		bool changed; /* by another actor, since */
	} read[READS];
};

struct model {
	struct cpu_model cpu[ACTORS + 1]; /* the last is the set-up */
	u8 frame[FRAMES];		  /* FRAME_* */
	u8 content[FRAMES];		  /* a number that stands for what the frame holds */
	u8 expected[PAGES];		  /* what a guest last wrote to the page */
	/* Raw actors: pages written, and logged by PML, since software looked. */
	u8 written, logged;
	u32 stored[PAGES];	/* contents that the store keeps of the page, a bit for each */
	u64 freed[TABLE_WORDS]; /* table pages */
};
enum { FRAME_OWNED = 1, FRAME_COPIED = 2 };
#define CONTENT_DIRTY 0xfe
#define CONTENT_POISON 0xff

extern struct model m;
extern unsigned nactors;
extern unsigned self; /* the actor whose code runs */

/* ---- litmus.c: a test ---- */

enum action_kind {
	ACT_READ,
	ACT_WRITE,
	ACT_EXIT,
	ACT_HREAD,
	ACT_HWRITE,
	ACT_HALT,
	ACT_NOTIFY,
	ACT_LEAVE,
	ACT_END,
	ACT_IDLE
};
enum actor_kind { INVALIDATOR, VCPU, RAW };
enum verdict { HOLDS, VIOLATED, STUCK, UNDECIDED };

struct action {
	u8 kind, page;
};

/* One operation of a raw actor; raw.c has the table of them. */
struct op {
	u8 kind, page, frame;
	u16 value;
	char text[24];
};

#define MAX_ACTIONS 24
#define MAX_OPS 40
#define VARS 8
#define MAX_STEPS 24
#define MAX_WITHOUT 12
struct actor_text {
	enum actor_kind kind;
	char name[12];
	struct action action[MAX_ACTIONS]; /* of a vCPU; the pages of an invalidator */
	unsigned nactions, times;
	bool out;	       /* an invalidator's pages go out of memory */
	struct op op[MAX_OPS]; /* of a raw actor */
	unsigned nops;
	unsigned line;
};

struct litmus {
	char name[64], about[160], file[256];
	char protocol[32];
	const char *steps[MAX_STEPS + 1], *gate[8];
	unsigned nsteps, ngate;
	bool own_steps, gated, empty, large, boot, packed, full;
	bool prunes;		       /* tables that become empty go: there is a reclaimer */
	u8 out;			       /* pages that need not be in memory, a bit for each */
	bool raw, tables, dirty, tags; /* raw actors: what of T they need */
	char var[VARS][8];
	unsigned nvars;
	struct actor_text actor[ACTORS];
	unsigned nactors, npages;
	char without[MAX_WITHOUT][40];
	unsigned nwithout;
	struct {
		enum verdict verdict;
		char rule[24], breaks[8];
	} expect[2]; /* by memory model: SC, TSO */
};

/* Reads FILE. False: what is wrong, with the line, is in ERR. */
bool litmus_read(struct litmus *l, const char *file, char *err, size_t size);

/* ---- options ---- */

struct options {
	bool tso, naive, stateless;
	int preemptions; /* < 0: no bound */
	unsigned verbose;
};
extern struct options opt;
extern const struct litmus *test;

/* The ablation of that name is asked for, by the test or the command line. */
bool without(const char *name);
bool without_suffix(const char *name, const char *suffix);
bool without_swap(const char *first, const char *second); /* "first<>second" */
const char *step_name(const char *name);		  /* steps.c: the shipped step, or NULL */
extern const char *ablations[MAX_WITHOUT];
extern unsigned nablations;
void ablate_as_test(void); /* those of the test, and no others */

/* A rule of the modelled processor, unless it was taken out to test the tests. */
extern const char *rule_out;
bool rule_in(const char *name);
static inline bool rule(const char *name)
{
	return __builtin_expect(!rule_out, 1) || rule_in(name);
}
extern const struct model_rule {
	const char *name, *text;
} model_rules[]; /* the last has no name */
bool rule_known(const char *name);
const char *rule_names(void);

/* ---- actor.c ---- */

/* Builds the world of TEST anew: memory, actors, each run to its first event. */
void world_start(void);

/* The choices that are enabled now. */
u32 world_enabled(void);

/* Takes one. False: a rule is violated, see below. undo() takes the last one back. */
bool world_step(unsigned choice);
void world_undo(void);
unsigned world_depth(void);

/* A key of the state: equal states have equal keys. */
struct key {
	u64 a;
	u32 b;
};
struct key world_key(void);

/*
 * A subset of ENABLED that is enough to take here: one actor's choices, when nothing that another
 * actor may ever do meets them (a persistent set); else all.
 */
u32 persistent(u32 enabled);

/* What an actor may read and write from here on, at most; future.c. */
void future(unsigned actor, u64 *reads, u64 *writes);
bool will_touch(unsigned actor, unsigned page); /* its guest has accesses of the page left */

/* What a choice reads and writes. Two choices of different actors whose sets do not meet commute. */
bool independent(unsigned x, unsigned y);

/* Actors' code stops here until the event is taken; its result. */
u64 post(struct event *e);
_Noreturn void actor_stop(void);
_Noreturn void out_of(const char *what); /* ends with 4 */
void actor_main(unsigned actor);	 /* guest.c */

/* The actor's C state is known from here on by WHAT alone. */
void known_point(u64 what);
void forget_reads(void); /* what it has read so far does not count for its next EV_RELAX */

extern const char *violated; /* the rule, or NULL */
extern char violation_why[200];
void violate(const char *rule, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern unsigned letters; /* rules broken to the letter, without a violation: bit n is rule n */

/* ---- model.c, memory.c, access.c ---- */
void perform(unsigned actor, unsigned option);
u32 enabled(unsigned actor);
bool is_local(const struct event *e);
bool entry_locked(void); /* E's other writers wait for SELF, which holds their lock */
void drain(unsigned actor);
void buffer_store(unsigned actor, const struct event *e); /* into the buffer; under SC, to memory */
u64 locked_value(const struct event *e, u64 v);		  /* what a locked instruction makes of V */
u64 read_now(unsigned actor, unsigned i); /* what the location it read as its I-th holds by now */
u64 view(unsigned actor, u64 addr, unsigned size); /* the value that the actor's CPU loads */
void mem_write(unsigned actor, u64 addr, unsigned size, u64 v);
u64 mem_read(u64 addr, unsigned size);
void mem_undo(unsigned mark);
unsigned mem_mark(void);
void model_start(void);
u64 memory_hash(void);
u64 resource(u64 addr);
bool is_mode(u64 addr, unsigned *vcpu);
bool is_entry(u64 addr);
bool is_note(u64 addr); /* a count of a table's entries */
extern void (*on_event)(unsigned actor, unsigned option, const struct event *e, u64 result);

/* Resources: E's leaf and the frames of each page; what reaches a CPU; then locations. */
#define R_E(page) (1ull << (page))
#define R_FRAMES(page) (1ull << (PAGES + (page)))
#define R_CPU(actor) (1ull << (2 * PAGES + (actor)))
#define R_FIRST (2 * PAGES + ACTORS)
#define R_E_ALL (R_E(PAGES) - R_E(0))
#define R_FRAMES_ALL (R_FRAMES(PAGES) - R_FRAMES(0))

/* ---- tlb.c ---- */
#define T_PAGE(t) ((t)&7)
#define T_FRAME(t) ((t) >> 3 & 0xff)
#define T_LEVEL(t) ((t) >> 11 & 3)
#define T_APIC BIT(13) /* it was the page at A when it was filled */
/* Raw actors alone: what else the processor keeps with a mapping, or beside it. */
#define T_COMBINED                                                                                 \
	BIT(14) /* from linear addresses: tagged by VPID too, and by the guest's tables */
#define T_ROOT(t) ((t) >> 15 & 3)
#define T_VPID(t) ((t) >> 17 & 3)
#define T_GUEST(t) ((t) >> 19 & 1)
#define T_DIRTY BIT(20)	 /* (in tests of reclaim, too) a write through it leaves the D flag alone */
#define T_TABLE BIT(21)	 /* no mapping: the frame is a table page, a walk may start there */
#define T_ABSENT BIT(22) /* only without rule I6 */
/* The processor's walk of E from a root table: the entry that ends it, and its level. */
u64 *walk_from(u64 table, unsigned page, unsigned *level);
struct leaf {
	bool present;
	unsigned level;
	u64 frame; /* number */
	bool dirty;
};
struct leaf walk(unsigned page);
void t_fill(unsigned actor);
void t_fill_all(void); /* after a change of E */
void t_drop_page(unsigned actor, unsigned page);
u32 t_of(const struct cpu_model *c, unsigned page, struct leaf l); /* what is cached of it */
void t_insert(struct cpu_model *c, u32 t);
void t_drop_all(unsigned actor);
void t_coherent(void); /* only without rule I5 */
void t_invalidate(unsigned actor, const struct event *e);
bool sets_dirty(const struct action *a);
void apic_access(const struct cpu_model *c, u32 t, struct leaf now);
void guest_event(unsigned actor, unsigned option);
u32 guest_enabled(unsigned actor);
void frame_touch(unsigned actor, unsigned frame, unsigned page, bool write);
/* A store of the actor's to its frame of PAGE, which may stay in its buffer for a while. */
void frame_write(unsigned actor, unsigned frame, u8 page, const char *name);

/* ---- reclaim.c ---- */
u64 store_put_at_start(unsigned page); /* a handle for what it holds at the start */
u64 store_event(const struct event *e);
u64 reclaim_key(void);
bool reclaim_right(void); /* at the end, or violate() */
bool table_is_freed(u64 frame);
void table_free(u64 frame);
void tables_fill(struct cpu_model *c, unsigned page); /* with what a walk of it passes */
void tables_entered(unsigned actor);
/* The N-th mapping that a write may go by, from 0, or 0. Without T_DIRTY: by a walk of E, whose leaf
 * it makes dirty. */
u32 writable(const struct cpu_model *c, unsigned page, unsigned n);
void set_dirty(unsigned actor, unsigned page);

/* ---- raw.c, rawguest.c; more in raw.h ---- */
enum { INVEPT_OF, INVEPT_EVERY, INVVPID_OF, INVVPID_EVERY }; /* an EV_INVALIDATE's op */
void raw_start(void);
void raw_actor(void);
void raw_future(unsigned actor, u64 *reads, u64 *writes);
bool raw_will_touch(unsigned actor, unsigned page);
u64 raw_key(void);
void raw_fill(unsigned actor);
u32 raw_enabled(unsigned actor);
void raw_event(unsigned actor, unsigned option);
void raw_invalidate(struct cpu_model *c, unsigned type, unsigned tag);

/* ---- guest.c, future.c, shim.c, frames.c, keys.c ---- */
const char *gate_name(unsigned i); /* the shipped gate's I-th step, or NULL */
/* What a load gives that is left out of the argument. */
u64 load_without(const char *name, u64 v);
u64 seen_as(unsigned actor, u64 addr, u64 v); /* a value without numbers that only grow */
/* Nothing is left to do for it: ended, or in the guest, or asleep. */
bool actor_at_rest(unsigned actor);
const char *stuck_why(void);
/* At the end: each frame with an owner is one that P names, or violate(). */
bool frames_right(void);
u64 page_gfn(unsigned page);
const char *page_name(unsigned page);
extern struct ept ept;
void shim_start(void);
u64 shim_key(void);
struct region {
	void *p;
	size_t size;
};
struct region shim_private(unsigned actor); /* C state outside its stack */
struct region split_table(unsigned actor);  /* a table that it may be filling without events */
u64 *p_entry(unsigned page);
u64 *kept_entry(unsigned page);
bool never_changes(u64 addr);	 /* P, or kept[], of a page for which it stays as it is */
u64 leaf_address(unsigned page); /* tlb.c: of E's 4-KB entry; 0 where there is no table for it */

/* Frames, as mm/frame.h has them: at this address, so that frame_ptr() works. */
#define FRAME_BASE 0x100000ull /* frame number */
#define FRAMES_TOTAL 256
#define SETUP ACTORS

static inline u64 mix(u64 h, u64 v)
{
	__uint128_t p = (__uint128_t)(h ^ 0x9e3779b97f4a7c15) * (v ^ 0xd6e8feb86659fd93);

	h = (u64)p ^ (u64)(p >> 64);
	return h ^ h >> 29 ^ v * 0xff51afd7ed558ccd;
}

#endif
