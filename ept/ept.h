/* SPDX-License-Identifier: GPL-2.0-or-later */
/* E, the EPT paging structures of one guest: a cache of P that the processor walks. */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include "mm/backing.h"
#include "mm/lock.h"

/* EPT entry bits; SDM, "The Extended Page Table Mechanism". */
#define EPT_READ BIT(0)
#define EPT_WRITE BIT(1)
#define EPT_EXEC BIT(2)
#define EPT_RWX (EPT_READ | EPT_WRITE | EPT_EXEC)
#define EPT_MEMTYPE_WB (6ul << 3)
#define EPT_LARGE BIT(7)
#define EPT_ACCESSED BIT(8)
#define EPT_DIRTY BIT(9)
#define EPT_ADDRESS 0x000ffffffffff000ul

/* EPTP */
#define EPTP_WALK_4 (3ul << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

/* IA32_VMX_EPT_VPID_CAP */
#define EPT_CAP_WALK_4 BIT(6)
#define EPT_CAP_WB BIT(14)
#define EPT_CAP_2M BIT(16)
#define EPT_CAP_1G BIT(17)
#define EPT_CAP_INVEPT BIT(20)
#define EPT_CAP_AD BIT(21)
#define EPT_CAP_INVEPT_SINGLE BIT(25)
#define EPT_CAP_INVEPT_ALL BIT(26)
#define EPT_CAP_INVVPID BIT(32)
#define EPT_CAP_INVVPID_SINGLE BIT(41)
#define EPT_CAP_INVVPID_ALL BIT(42)

struct gate;
struct protocol;
struct reclaim;

struct ept {
	u64 eptp;
	struct lock lock; /* entries change under it; the processor reads them without */
	struct backing *backing;
	u16 owner;
	u64 caps; /* IA32_VMX_EPT_VPID_CAP, or what of it may be used */
	const struct protocol *protocol;
	struct reclaim *reclaim; /* of the guest; NULL: nothing is reclaimed */
	bool large;		 /* map by 2-MB leaves where P allows it */
	u64 splits;		 /* leaves split since the start; changes under the lock */

	/* T's bookkeeping. A CPU whose flushed[] differs from the generation executes INVEPT before
	 * it enters the guest. */
	u64 generation;
	u64 flushed[MAX_CPUS]; /* touched by its own CPU alone */

	u64 apic_leaf; /* the frame that E last had for the APIC-access page; for reports */

	struct gate *gates[MAX_CPUS];
	unsigned ngates;
	u32 starving; /* a bit for each vCPU that invalidators are to let through; atomic */
	u64 yields;   /* how often one waited for that; atomic, for reports */
};

/* The leaf that translates an address: its value, where it is, and its level: 1 for 4 KB, 2 for 2
 * MB, 3 for 1 GB; level 0 and value 0 when nothing is mapped. */
struct ept_leaf {
	u64 value;
	u64 *entry;
	unsigned level;
};

/* The accessed and the dirty flag of a leaf. Where the processor keeps none, whatever is mapped
 * counts as written to. */
static inline u64 ept_flags(const struct ept *e, u64 leaf)
{
	if (e->eptp & EPTP_ACCESSED_DIRTY)
		return leaf & (EPT_ACCESSED | EPT_DIRTY);
	return leaf ? EPT_DIRTY : 0;
}

static inline u64 ept_level_size(unsigned level)
{
	return (u64)PAGE_SIZE << (9 * (level - 1));
}

/* An empty root for OWNER. A/D flags are on from the start where CAPS has them (never switched on
 * later: SDM rule on INVEPT before enabling them for a root in use). 0 or -ENOMEM. */
int ept_init(struct ept *e, struct backing *b, u16 owner, u64 caps);

/* Frees all table pages. No CPU may use the EPTP any more. */
void ept_destroy(struct ept *e);

/*
 * Maps the LEVEL-sized page at GPA to HPA, both aligned to it, with PERM of EPT_RWX. Not present to
 * present: no INVEPT is needed (SDM). 0, -EINVAL (alignment, level the CPU lacks, write without
 * read), -EEXIST (something is mapped there, or a
 * table is) or -ENOMEM. Lock held.
 */
int ept_map(struct ept *e, u64 gpa, u64 hpa, unsigned level, u64 perm);

/*
 * Makes the 4-KB page at GPA not present, splitting a larger leaf first. *OLD is the 4-KB leaf that
 * was there, 0 if none. The caller owes an INVEPT on every CPU that used this EPTP before the frame
 * is used for anything else. 0 or -ENOMEM (nothing changed). Lock held.
 */
int ept_unmap(struct ept *e, u64 gpa, u64 *old);

/* Sets the permissions of the 4-KB page at GPA, splitting a larger leaf first. Removing a
 * permission owes an INVEPT. 0, -ENOENT, -EINVAL or -ENOMEM. Lock held. */
int ept_protect(struct ept *e, u64 gpa, u64 perm);

/*
 * Takes the tables of level 1 and 2 that GPA's walk passes and that have no entries out of E. Their
 * frames, up to EPT_PRUNE_MAX, are left in TABLES, and their number returned. They are the caller's
 * to free, once no CPU can walk through them any more: it owes an INVEPT as for ept_unmap() (SDM:
 * paging-structure caches). Lock held.
 */
#define EPT_PRUNE_MAX 2
unsigned ept_prune(struct ept *e, u64 gpa, u64 *tables);

/*
 * Clears the accessed flag of GPA's leaf and returns the leaf as it was before. The processor may
 * go on without setting the flag again until the next INVEPT: the caller owes one if the flag is to
 * tell anything. Lock held.
 */
struct ept_leaf ept_age(struct ept *e, u64 gpa);

/*
 * Replaces the leaf above 4 KB that maps GPA by a table of next-smaller leaves with the same
 * translation, permissions and A/D flags. The table is whole before one store publishes it. The old
 * leaf may stay cached: callers that then change a child owe the INVEPT. 0, -ENOENT (no leaf, or
 * already 4 KB) or -ENOMEM. Lock held.
 */
int ept_split(struct ept *e, u64 gpa);

/* True when nothing is mapped in the LEVEL-sized page around GPA, and no table is there for parts
 * of it. Lock held. */
bool ept_empty(const struct ept *e, u64 gpa, unsigned level);

/*
 * Looks at every leaf: its frames are the owner's, and those that P has for the pages; else it panics.
 * Returns how many pages are mapped. Nothing moves meanwhile.
 */
u64 ept_audit(const struct ept *e);

/* Where GPA leads. Lock held, or nothing is pruned meanwhile. */
struct ept_leaf ept_walk(const struct ept *e, u64 gpa);

#endif
