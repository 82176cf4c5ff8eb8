/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hypervisor's own page tables: RAM and the local APIC, each at its own address, no page
 * writable and executable. */
#ifndef BOOT_PAGING_H
#define BOOT_PAGING_H

#include "boot/memmap.h"

enum access {
	ACCESS_NONE,	/* not present: a guard, page 0 */
	ACCESS_READ,	/* R, no execute */
	ACCESS_WRITE,	/* RW, no execute */
	ACCESS_EXECUTE, /* RX */
	ACCESS_DEVICE,	/* RW, no execute, uncached (UC) */
};

/* How many page-table pages paging_build() may need for this map; EXTRA single pages may get an
 * access of their own. */
u32 paging_pages_needed(const struct memmap *map, u32 extra);

/*
 * Builds the tables out of the COUNT pages at POOL (below 4 GB: an AP loads CR3 in 32 bits): RAM as
 * ACCESS_WRITE, with 2-MB pages where the whole 2 MB is alike; the image's sections as linked; the
 * local APIC as ACCESS_DEVICE; page 0 not at all. Nothing is loaded yet. Panics when the pool is
 * used up.
 */
void paging_build(const struct memmap *map, u64 pool, u32 count);

/*
 * Gives the pages of [START, END) another access. Before paging_load(); later only for pages that
 * no CPU has touched since, because nothing is flushed here.
 */
void paging_set(u64 start, u64 end, enum access access);

/* What CR3 gets. */
u64 paging_root(void);

/* Loads the tables on this CPU, with PAT as at reset, EFER.NXE and CR0.WP. */
void paging_load(void);

/* Walks the tables in CR3 and panics if any page is both writable and executable. Returns the
 * number of leaves seen. */
u64 paging_check(void);

#endif
