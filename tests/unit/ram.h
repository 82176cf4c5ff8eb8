/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The world's guest with a budget and something that reclaims, a processor that uses its memory by
 * E, and a model of what each page must hold.
 */
#ifndef TESTS_UNIT_RAM_H
#define TESTS_UNIT_RAM_H

#include "ept/reclaim.h"
#include "tests/unit/pages.h"
#include "tests/unit/world.h"

/* Pages are numbered as in P: the APIC-access page is the last. */
#define APIC_INDEX RAM_PAGES

extern struct reclaim reclaim;
struct ram_page {
	enum page_kind kind; /* all pages begin as PAGE_ZERO */
	u64 number;
};
extern struct ram_page ram[RAM_PAGES + 1];

/* As world_setup() and world_teardown(), with at most LIMIT frames for the guest. */
int ram_setup(void **state, u64 limit, unsigned batch);
int ram_teardown(void **state);

/*
 * The host address of the page's first byte after an access of the guest to it (EPT_READ, ...),
 * with the accessed and dirty flags set. NULL when the EPT violation found no memory.
 */
void *ram_access(u64 page, u64 access);

/* Writes or reads the whole page as the guest does; what was read must be what the model has.
 * False: no memory. */
bool ram_write(u64 page, enum page_kind kind, u64 number);
bool ram_read(u64 page);

/* Everything that can go is out afterwards. */
void ram_reclaim_all(void);

/* By P. */
bool ram_resident(u64 page);
u64 *ram_kept(u64 page);

/* Nothing moves: P, E, the frames, the store, the account and the lists agree with one another. */
void ram_check(void);
void ram_verify_all(void);

#endif
