/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a guest image. The first eight bytes choose what else the loader is given; a plan must
 * be one that tests/unit/plans.c has nothing to say against.
 * links: boot/load.c boot/bzimage.c boot/multiboot.c boot/elf.c boot/format.c tests/unit/plans.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/plans.h"

#define CHOICES 8

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const names[] = { NULL, "vmlinuz", "a.bin", "a.flat" };
	static char cmdline[256];
	const char *problem;

	if (size < CHOICES)
		return 0;
	memset(cmdline, 'c', data[1]);
	cmdline[data[1]] = '\0';
	plan_in = (struct load_input){
		.name = names[data[0] & 3],
		.image = data + CHOICES,
		.image_size = size - CHOICES,
		.cmdline = data[0] & 4 ? cmdline : NULL,
		.module = { { data, MIN(data[2] * 32u, size), data[0] & 16 ? cmdline : NULL },
			    { data, 1, cmdline } },
		.modules = data[0] & 8 ? 1 + !(data[2] & 1) : 0,
		.ram = ((u64)data[3] + 1) << 21,
		.acpi = data[0] & 32 ? 0xe0000 : 0,
	};
	plan_scratch = data[0] & 64 ? data[4] * 256u : LOAD_SCRATCH;
	problem = plan_problem(plan_make());
	if (problem) {
		fprintf(stderr, "%s (%s)\n", problem, plan_err);
		abort();
	}
	return 0;
}
