/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What liblz4's lz4.o asks of a C library besides boot/string.c. Only for the freestanding build. */
#include "mm/host.h"

/* Called by a function that finds its frame overwritten: it must not return to its caller. */
_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
	panic("stack-guard: a function of liblz4 has written beyond its frame");
}

/* Only LZ4_createStream() and LZ4_freeStream() and their like call these two, which nothing here
 * calls: there is no heap. */
void *calloc(size_t n, size_t size);
void *calloc(size_t n, size_t size)
{
	(void)n;
	(void)size;
	return NULL;
}

void free(void *p);
void free(void *p)
{
	if (p)
		panic("no-heap: free of %lx", (u64)p);
}
