/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What churn writes to its pages: contents that follow from the guest's number, page and version
 * alone, of kinds that differ in how they compress. Free of everything else of the guests, so that
 * it is tested on the host, too.
 */
#ifndef TESTS_GUESTS_CONTENTS_H
#define TESTS_GUESTS_CONTENTS_H

#include "mm/types.h"

#define CONTENTS_WORDS (PAGE_SIZE / 8)
#define CONTENTS_LINE 16 /* words of a line of text */

/* Text and sparse pages compress to a twelfth or less under LZ4, random ones not at all. */
enum contents_kind {
	CONTENTS_ZERO,
	CONTENTS_SAME,	 /* one word over and over */
	CONTENTS_TEXT,	 /* lines that name guest, page, version and row */
	CONTENTS_SPARSE, /* zero but for one word in 32 */
	CONTENTS_RANDOM,
	CONTENTS_KINDS,
};

/* Of the PAGES pages from FIRST on, RANDOM are random and PACKED text or sparse. The others are
 * zero or one word, as is one version in eight of every page. */
struct contents_mix {
	u64 owner; /* pages of another owner are other pages */
	u32 first, pages, random, packed;
};

struct contents {
	enum contents_kind kind;
	u64 hash;		 /* of owner, page and version */
	u64 line[CONTENTS_LINE]; /* of text, but for the row's number */
};

/*
 * Shares such that all PAGES pages find room in BUDGET frames, some of them compressed: random
 * pages take an eighth of these and packed ones a third. BUDGET 0: no limit.
 */
void contents_mix(struct contents_mix *m, u64 owner, u32 first, u32 pages, u32 budget);

/* What is in PAGE, of those of M, as its version VERSION. Version 0 is the page that was never
 * written: zero. */
void contents_of(struct contents *c, const struct contents_mix *m, u32 page, u32 version);

void contents_fill(const struct contents *c, volatile u64 *words);

/* What was found, by the one look at it, and what should have been. */
struct contents_word {
	u64 found, expected;
};

/* Which of the words FROM, FROM + STEP, ... is the first that is not as C says, and *WRONG, what it
 * is. At or above CONTENTS_WORDS: none. */
u32 contents_wrong(const struct contents *c, const volatile u64 *words, u32 from, u32 step,
		   struct contents_word *wrong);

/*
 * How a page's version is remembered: in bits 10:0, with a hash of page and version above them, so
 * that the memory of versions tells when it is itself damaged. Version 0 is 0.
 */
#define CONTENTS_VERSION_MAX 2047
u16 contents_stamp(u32 page, u32 version);
/* False: this stamp is no version of PAGE. */
bool contents_version(u32 page, u16 stamp, u32 *version);

#endif
