/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest programs in the image, and the numbers of the results that a guest reports. */
#ifndef BOOT_GUESTS_H
#define BOOT_GUESTS_H

/* Allowed values of `guest` in interlock.cfg; boot/guests.asm embeds one image for each. */
#define GUEST_NAMES "patrol", "bench", "state", "rogue", "churn", "peer"

/* First argument of the RESULT hypercall: which operation was measured. */
#define BENCH_CPUID 0
#define BENCH_VMCALL 1
#define BENCH_APIC_READ 2 /* of a register whose read exits */
#define BENCH_APIC_EOI 3
#define BENCH_TPR 4
#define BENCH_SELF_IPI 5
#define BENCH_PORT 6
#define BENCH_IPI 7
#define BENCH_FAULT 8
#define BENCH_LOOP 9	  /* the empty loop, already subtracted from the others */
#define BENCH_TOUCHES 10  /* not ticks: the touches of pages that churn made */
#define BENCH_X2APIC_READ 11 /* of the TPR; and the same operations in x2APIC mode: arg = 1 */
#define BENCH_X2APIC_EOI 12
#define BENCH_X2APIC_TPR 13
#define BENCH_X2APIC_SELF_IPI 14
#define BENCH_ACCESSES 16 /* added to one of these: the VMCS accesses that it takes */

#ifndef GUEST_CODE
#include "mm/types.h"

/* A flat binary, loaded at guest-physical 0x8000 and entered there in real mode. */
struct guest_image {
	const char *name;
	const u8 *start;
	const u8 *end;
};

extern const struct guest_image guest_images[];
extern const u32 guest_image_count;
#endif

#endif
