/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the contents of a guest's reclaimed pages are kept: compressed (LZ4 block format), in
 * frames of their own. */
#ifndef MM_STORE_H
#define MM_STORE_H

#include "mm/lock.h"

#define STORE_CLASSES 13

struct store {
	struct lock lock;
	u16 owner;		     /* OWNER_STORE(guest) */
	u64 partial[STORE_CLASSES];  /* frames with both used and free slots, by size class */
	u64 full;		     /* and all others: for store_destroy() */
	void *work;		     /* the compressor's memory; one user at a time */
	u64 work_first, work_frames; /* the frames it lies in, OWNER_HOST */

	/* For reports. */
	u64 pages, bytes, frames;    /* now: pages kept, bytes they compressed to, frames used */
	u64 stored, stored_bytes;    /* ever: pages put away, and what they compressed to */
	u64 incompressible, no_room; /* refused: would not save half a frame; no frame for it */
};

/* The frames of working memory that a store takes, OWNER_HOST's. */
u64 store_work_frames(void);

/* An empty store for guest ID. 0 or -ENOMEM. */
int store_init(struct store *s, u16 id);

/* Frees every frame it has: what it kept is gone. */
void store_destroy(struct store *s);

/*
 * Compresses the page (4096 bytes) and keeps it. A handle, never 0; or 0: it does not shrink to
 * half a frame, or there is no frame for it (then the account's reserve is used up). One caller at
 * a time for a store; store_read() and store_free() may run beside it, from any CPU.
 */
u64 store_put(struct store *s, const void *page);

/* Writes the 4096 bytes that HANDLE stands for to PAGE. Panics when they are damaged. HANDLE must
 * not be freed meanwhile. */
void store_read(struct store *s, u64 handle, void *page);

/* Gives the room of HANDLE back. */
void store_free(struct store *s, u64 handle);

/* True when the page repeats one 64-bit word, which is then *WORD. */
bool page_is_same(const void *page, u64 *word);

#endif
