/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stand-ins for the machine and for boot/: memory for the frame allocator, a VMCS, invalidations
 * that are counted, a panic that the test expects. Includes cmocka with what it wants before it.
 */
#ifndef TESTS_UNIT_FAKE_H
#define TESTS_UNIT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "mm/host.h"

/* Gives the allocator a new range of PAGES pages, aligned, of which it takes some for its table. */
#define FAKE_FRAMES_ALIGN (512 * PAGE_SIZE)
void fake_frames(u64 pages);

/* Takes all free frames but COUNT of them away, and gives those back that are left of it. */
void fake_frames_leave(u64 count);
void fake_frames_back(void);

/* For cmocka: nothing is free but FRAMES in a fresh range, so few that one page more is enough for
 * their table. */
int fake_frames_only(u64 frames);

/* Each word of the frame. */
bool filled_with(u64 pfn, u64 word);

/* That many allocations succeed, and the next one fails; then, and with -1, none does. A run counts
 * as one. Atomic. */
extern long fake_fail_alloc;

/* The current VMCS by field encoding; how often each field was written; an all-zero start. */
#define FAKE_FIELDS 0x8000
extern u64 fake_vmcs[FAKE_FIELDS];
extern unsigned fake_vmwrites[FAKE_FIELDS];
void fake_vmcs_clear(void);

/* What was done to the processor since fake_vmcs_clear(). */
extern unsigned fake_invepts, fake_invvpids, fake_xsetbvs;
extern u64 fake_xcr0;

/* Called, if not NULL, in place of the defaults: cpu_relax() yields, invept() counts. */
extern void (*fake_on_relax)(void);
extern void (*fake_on_invept)(u64 type, u64 eptp);
extern void (*fake_on_trace)(const char *event);

/* The last line that printk() got. */
extern char fake_printed[256];

/* STATEMENT must panic, with TEXT in the message. */
extern jmp_buf fake_panic_jump;
extern bool fake_panic_expected;
extern char fake_panic_text[256];
bool fake_panic_says(const char *text);
#define assert_panics(text, statement)                                                             \
	do {                                                                                       \
		fake_panic_expected = true;                                                        \
		if (!setjmp(fake_panic_jump)) {                                                    \
			statement;                                                                 \
			fail_msg("no panic: %s", #statement);                                      \
		}                                                                                  \
		assert_true(fake_panic_says(text));                                                \
	} while (0)

/* Random tests: the seed is 1, or SEED in the environment, and a failure names it. */
extern u64 fake_seed, fake_step;
void fake_random_start(void);
u64 fake_random(void);
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s; step %lu with SEED=%lu", #condition, fake_step, fake_seed);  \
	} while (0)

#endif
