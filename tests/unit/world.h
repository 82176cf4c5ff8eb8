/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's memory, with P, E, a batch and the gates of its vCPUs, for tests of what works on
 * them.
 */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include "ept/order.h"
#include "ept/protocol.h"
#include "tests/unit/fake.h"

#define OWNER 5
#define RAM_PAGES 1024
#define WORLD_FRAMES 4096

extern struct backing backing;
extern struct ept ept;
extern struct batch batch;
extern const char *const protocol_names[];
extern const unsigned nprotocols;

/* For cmocka: an empty guest without gates, protocol `ordered`; afterwards all frames are back. */
int world_setup(void **state);
int world_teardown(void **state);

void world_add_gate(struct gate *g);

/* P's entry of the page, and the frame it names. */
u64 p_of(u64 gfn);
u64 frame_at(u64 gfn);

/* The host address of the page by E, or 0. */
u64 leaf_of(u64 gfn);

/* Of E's leaf for the page, or 0. */
unsigned level_of(u64 gfn);

/* The page is there, by P and E, with contents of its own. */
void populate(u64 gfn);
void assert_contents(u64 gfn);

/* The frame is free and has been since it was filled with poison. */
void assert_poisoned(u64 pfn);

#endif
