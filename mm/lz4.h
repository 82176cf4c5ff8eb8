/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LZ4's block format for single pages. The code is Debian's liblz4; this is how it is called from a
 * place that must keep its hands off the vector registers. */
#ifndef MM_LZ4_H
#define MM_LZ4_H

#include "mm/types.h"

/* Bytes of working memory, 8-byte aligned, that lz4_pack() wants. */
size_t lz4_state_size(void);

/* Compresses the page (4096 bytes) to at most ROOM bytes at TO. How many they are, or 0 when they
 * do not fit. STATE need not be prepared and holds nothing afterwards. */
unsigned lz4_pack(void *state, const void *page, void *to, unsigned room);

/* Writes the page (4096 bytes) that the SIZE bytes at FROM stand for. Reads and writes nothing
 * beyond the two whatever FROM holds; false when it is no whole page. */
bool lz4_unpack(const void *from, unsigned size, void *page);

#endif
