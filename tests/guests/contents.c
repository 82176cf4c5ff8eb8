/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mm/random.h"
#include "tests/guests/contents.h"

/* A prime above any number of pages: multiplied by it, modulo that number, pages are scattered, and
 * each has a place of its own. So the shares are exact. */
#define SCATTER 2654435761ul

/* Of 64 versions of a page. */
#define ONE_WORD_OF_64 8
#define SPARSE_OF_64 11 /* a fifth of the others */

#define SPARSE_STEP 32

/* A line of text. Four of its words are not as they stand here; the row's number is two bytes in
 * the middle of one. */
#define PAGE_WORD 1
#define VERSION_WORD 3
#define ROW_WORD 4
#define OWNER_WORD 8
#define ROW_SHIFT 40
#define LINE                                                                                       \
	"page no ........ version........ row ..: a train of the guest   ........ waits for "      \
	"the points, and the points wait for a train.\n"
_Static_assert(sizeof(LINE) - 1 == 8 * CONTENTS_LINE, "a line is so many words");
static const union {
	char text[8 * CONTENTS_LINE];
	u64 words[CONTENTS_LINE];
} line = { LINE };

static u64 hash(u64 owner, u32 page, u32 version)
{
	u64 state = ((u64)page << 32 | version) + owner * SCATTER;

	return random_next(&state);
}

/* Cheaper than a hash for each word, and different for each all the same. */
static u64 stream(u64 hash, u32 word)
{
	u64 x = hash + word * 0x9e3779b97f4a7c15;

	return (x ^ x >> 32) * 0xbf58476d1ce4e5b9;
}

/* Eight hexadecimal digits, as they lie in memory: a digit's value in each byte first. */
static u64 hex(u32 value)
{
	u64 x = value;

	x = (x | x << 16) & 0x0000ffff0000ffff;
	x = (x | x << 8) & 0x00ff00ff00ff00ff;
	x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
	x += 0x3030303030303030 + ((x + 0x0606060606060606) >> 4 & 0x0101010101010101) * 39;
	return __builtin_bswap64(x);
}

static void build_line(u64 *words, u64 owner, u32 page, u32 version)
{
	for (u32 i = 0; i < CONTENTS_LINE; i++)
		words[i] = line.words[i];
	words[PAGE_WORD] = hex(page);
	words[OWNER_WORD] = hex((u32)owner);
	words[VERSION_WORD] = (hex(version) & ~0xfful) | ' ';
}

static u64 row_word(u32 row)
{
	return (line.words[ROW_WORD] & ~(0xfffful << ROW_SHIFT)) | hex(row) >> 48 << ROW_SHIFT;
}

void contents_mix(struct contents_mix *m, u64 owner, u32 first, u32 pages, u32 budget)
{
	*m = (struct contents_mix){ owner, first, pages, pages / 10, pages / 2 };
	if (budget) {
		m->random = MIN(m->random, budget / 8);
		m->packed = MIN(m->packed, (u64)budget * 4);
	}
}

static enum contents_kind kind_of(const struct contents_mix *m, u32 page, u32 version, u64 hash)
{
	u32 place = (page - m->first) * SCATTER % m->pages, dice = hash >> 58;

	if (!version)
		return CONTENTS_ZERO;
	if (dice < ONE_WORD_OF_64 || place >= m->random + m->packed)
		return dice & 1 ? CONTENTS_SAME : CONTENTS_ZERO;
	if (place < m->random)
		return CONTENTS_RANDOM;
	return dice < ONE_WORD_OF_64 + SPARSE_OF_64 ? CONTENTS_SPARSE : CONTENTS_TEXT;
}

void contents_of(struct contents *c, const struct contents_mix *m, u32 page, u32 version)
{
	c->hash = hash(m->owner, page, version);
	c->kind = kind_of(m, page, version, c->hash);
	if (c->kind == CONTENTS_TEXT)
		build_line(c->line, m->owner, page, version);
}

/* KIND is C's own: a constant where it is called, so that no loop over words asks for it each time.
 */
static inline __attribute__((always_inline)) u64 word_of(const struct contents *c,
							 enum contents_kind kind, u32 i)
{
	switch (kind) {
	case CONTENTS_SAME:
		return c->hash;
	case CONTENTS_TEXT:
		return i % CONTENTS_LINE == ROW_WORD ? row_word(i / CONTENTS_LINE)
						     : c->line[i % CONTENTS_LINE];
	case CONTENTS_SPARSE:
		return (i ^ c->hash) % SPARSE_STEP ? 0 : stream(c->hash, i);
	case CONTENTS_RANDOM:
		return stream(c->hash, i);
	default:
		return 0;
	}
}

static inline __attribute__((always_inline)) u32 scan(const struct contents *c,
						      enum contents_kind kind,
						      const volatile u64 *words, u32 i, u32 step,
						      struct contents_word *wrong)
{
	for (; i < CONTENTS_WORDS; i += step) {
		u64 word = word_of(c, kind, i), found = words[i];

		if (unlikely(found != word)) {
			*wrong = (struct contents_word){ found, word };
			break;
		}
	}
	return i;
}

u32 contents_wrong(const struct contents *c, const volatile u64 *words, u32 from, u32 step,
		   struct contents_word *wrong)
{
	switch (c->kind) {
	case CONTENTS_SAME:
		return scan(c, CONTENTS_SAME, words, from, step, wrong);
	case CONTENTS_TEXT:
		return scan(c, CONTENTS_TEXT, words, from, step, wrong);
	case CONTENTS_SPARSE:
		return scan(c, CONTENTS_SPARSE, words, from, step, wrong);
	case CONTENTS_RANDOM:
		return scan(c, CONTENTS_RANDOM, words, from, step, wrong);
	default:
		return scan(c, CONTENTS_ZERO, words, from, step, wrong);
	}
}

/* One instruction for many words: a fault in the middle of it is as likely as between two. */
static void repeat(volatile u64 *words, u64 word)
{
	u64 n = CONTENTS_WORDS;

	asm volatile("rep stosq" : "+D"(words), "+c"(n) : "a"(word) : "memory");
}

static void copy_line(volatile u64 *to, const u64 *from)
{
	u64 n = CONTENTS_LINE;

	asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

void contents_fill(const struct contents *c, volatile u64 *words)
{
	switch (c->kind) {
	case CONTENTS_TEXT:
		for (u32 i = 0; i < CONTENTS_WORDS; i += CONTENTS_LINE) {
			copy_line(&words[i], c->line);
			words[i + ROW_WORD] = row_word(i / CONTENTS_LINE);
		}
		break;
	case CONTENTS_SPARSE:
		repeat(words, 0);
		for (u32 i = c->hash % SPARSE_STEP; i < CONTENTS_WORDS; i += SPARSE_STEP)
			words[i] = word_of(c, CONTENTS_SPARSE, i);
		break;
	case CONTENTS_RANDOM:
		for (u32 i = 0; i < CONTENTS_WORDS; i++)
			words[i] = word_of(c, CONTENTS_RANDOM, i);
		break;
	case CONTENTS_SAME:
		repeat(words, c->hash);
		break;
	default:
		repeat(words, 0);
	}
}

u16 contents_stamp(u32 page, u32 version)
{
	return version ? (u16)(hash(0, page, version) << 11 | version) : 0;
}

bool contents_version(u32 page, u16 stamp, u32 *version)
{
	*version = stamp & CONTENTS_VERSION_MAX;
	return stamp == contents_stamp(page, *version);
}
