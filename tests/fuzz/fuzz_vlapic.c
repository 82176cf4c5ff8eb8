/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whatever is done to four local APICs, in xAPIC and x2APIC mode: they do as the plain model of
 * tests/unit/apicmodel.c. Each 8 bytes of the input are one access, message, edge of a pin, or time
 * that passes.
 * links: apic/vlapic.c apic/vpriority.c apic/vipi.c apic/vx2apic.c
 * links: tests/unit/apics.c tests/unit/apicmodel.c
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/apicmodel.h"

#define OPS_MAX 512

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
static u64 step;

void apicmodel_differs(const char *what, unsigned i, u64 is, u64 should_be)
{
	fprintf(stderr, "step %lu, APIC %u: %s is %lx and not %lx\n", step, i, what, is, should_be);
	abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	apicmodel_start();
	for (step = 0; step < OPS_MAX && (step + 1) * OP_BYTES <= size; step++)
		apicmodel_step(data + step * OP_BYTES);
	return 0;
}
