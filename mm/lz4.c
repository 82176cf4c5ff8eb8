/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calls of liblz4, whose lz4.o the image links as Debian compiled it: for a program. What it
 * takes for granted is seen to in these places:
 *
 *   XMM registers     in them are a guest's values (vmx/state.c); they are put back here. It uses
 *                     nothing newer, nor x87 or MMX: the Makefile looks.
 *   red zone          what takes a CPU away from it comes on a stack of its own: NMIs, #DF and #MC
 *                     by IST, VM exits not at all. Interrupts are off wherever it is called.
 *   stack protector   %fs:0x28 is struct cpu's `guard`.
 *   C library         boot/string.c, boot/libc.c
 */
#include <lz4.h>

#include "mm/lz4.h"

/* Of the pages of a Linux kernel 2% fewer shrink to half a frame than with 1, in a third of the time. */
#define ACCELERATION 8

struct xmm {
	u64 reg[16][2];
} __attribute__((aligned(16)));

#if __STDC_HOSTED__ /* unit tests: the registers are the program's */
static void xmm_save(struct xmm *x)
{
	(void)x;
}

static void xmm_restore(const struct xmm *x)
{
	(void)x;
}
#else
#define EACH_XMM(X)                                                                                \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/* Not FXSAVE64, which would lose the guest's FCS and FDS. Legacy SSE instructions leave the upper
 * halves of YMM and ZMM alone (SDM, MOVAPS). */
static void xmm_save(struct xmm *x)
{
#define SAVE(n) "movaps %%xmm" #n ", " #n "*16(%0)\n\t"
	asm volatile(EACH_XMM(SAVE) : : "r"(x) : "memory");
}

static void xmm_restore(const struct xmm *x)
{
#define RESTORE(n) "movaps " #n "*16(%0), %%xmm" #n "\n\t"
	asm volatile(EACH_XMM(RESTORE) : : "r"(x) : "memory");
}
#endif

size_t lz4_state_size(void)
{
	return (size_t)LZ4_sizeofState();
}

unsigned lz4_pack(void *state, const void *page, void *to, unsigned room)
{
	struct xmm guest;
	int size;

	xmm_save(&guest);
	size = LZ4_compress_fast_extState(state, page, to, PAGE_SIZE, (int)room, ACCELERATION);
	xmm_restore(&guest);
	return size > 0 ? (unsigned)size : 0;
}

bool lz4_unpack(const void *from, unsigned size, void *page)
{
	struct xmm guest;
	int length;

	xmm_save(&guest);
	length = LZ4_decompress_safe(from, page, (int)size, PAGE_SIZE);
	xmm_restore(&guest);
	return length == PAGE_SIZE;
}
