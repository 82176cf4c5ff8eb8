/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames: 4-KB pages of the machine's memory. Each has one owner; a frame between owners holds
 * poison. */
#ifndef MM_FRAME_H
#define MM_FRAME_H

#include "mm/types.h"

/*
 * Who owns a frame. Guests are numbered from 1; OWNER_STORE(id) are the frames in which the
 * hypervisor keeps what it took out of guest id's pages. Both are charged to the guest's account.
 */
#define OWNER_FREE 0xffff
#define OWNER_HOST 0
#define OWNER_STORE_BIT 0x8000
#define OWNER_STORE(id) ((u16)((id) | OWNER_STORE_BIT))
#define MAX_ACCOUNTS 64 /* guests at once; an account is found by its number modulo this */

/* What a freed frame is filled with: the mark, with the frame's own number in the low half, so that
 * a stale read tells both that it is stale and what it read. */
#define POISON 0xdead57a1e0000000ul
#define POISON_MASK 0xfffffffff0000000ul

/* Hands [start, end), bytes, page aligned, to the allocator. Small ranges (under 16 pages) are
 * ignored: each range pays for its own table. At start-up, on one CPU. */
void frames_add(u64 start, u64 end);

/* A zeroed frame for OWNER: its number (physical address >> 12), or 0 when memory is out. */
u64 frame_alloc(u16 owner);

/* As frame_alloc, but with whatever the frame held: only for a caller that overwrites the whole
 * page. */
u64 frame_alloc_dirty(u16 owner);

/* COUNT frames in a row, the first a multiple of ALIGN (a power of two), zeroed: its number, or 0.
 * They are freed one by one. */
u64 frame_alloc_run(u16 owner, u64 count, u64 align);

/*
 * Opens the account of guest ID: at most LIMIT frames (~0ul: no limit) are its own or its store's
 * at any time. An allocation for the guest's own pages fails as soon as only RESERVE are left;
 * these are for the store, which frees more than it takes. The account must be empty: panics else.
 * An account that was never opened has no limit.
 */
void frame_account(u16 id, u64 limit, u64 reserve);
u64 frame_used(u16 id); /* charged now */
u64 frame_peak(u16 id); /* the most that was, since the account was opened */
u64 frame_left(u16 id); /* until the limit; without a limit ~0ul */

/* The last COUNT free frames of the machine are for OWNER_HOST and stores alone: without them no
 * guest could be made to give frames back. 0 at the start. */
void frames_keep_back(u64 count);

/* A word that the owner keeps with a frame, for instance which guest page it backs: 0 when it was
 * just allocated. Of what is no frame it is 0. */
void frame_note(u64 pfn, u32 note);
u32 frame_noted(u64 pfn);

/* Where it lies. Panics when PFN is no frame. */
u32 *frame_note_of(u64 pfn);

/* Poisons the frame and makes it free. Panics when OWNER does not own it: a frame is freed once, by
 * its owner. */
void frame_free(u64 pfn, u16 owner);

/* Fills the frame with one 64-bit word. */
void frame_fill(u64 pfn, u64 word);

/* Copies the contents of one frame to another. */
void frame_copy(u64 to, u64 from);

/* OWNER_FREE or the owner; OWNER_FREE also for an address that is no frame. */
u16 frame_owner(u64 pfn);

/*
 * Compaction. Chooses the block with the most free frames, at least one and not all, in which every
 * frame that is used is a guest's own page, and keeps its free frames, and those freed in it from
 * now on, from being handed out. Its first frame; 0 when there is none, or one is kept already. The
 * caller moves what frame_owner() and frame_noted() tell of its frames; both are hints, as others
 * free frames meanwhile.
 */
u64 frames_isolate(void);

/* Hands the block's free frames out again. True when all of it was free: a run of LARGE_PAGES can
 * be had, unless another CPU is faster. Only after frames_isolate() chose one. */
bool frames_isolate_end(void);

u64 frames_free(void); /* those that frames_isolate() keeps included */
u64 frames_total(void);

/* The host maps all frames at their physical addresses. */
static inline void *frame_ptr(u64 pfn)
{
	return (void *)(pfn << PAGE_SHIFT);
}

static inline u64 frame_of(const void *p)
{
	return (u64)p >> PAGE_SHIFT;
}

#endif
