/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host tool: checks an interlock.cfg with the hypervisor's own parser, so that a mistake costs no
 * boot. Prints "cpus=N runs=N" (the most CPUs any run wants) and ends with 0; or prints the error
 * and ends with 2.
 */
#include <stdio.h>
#include <stdlib.h>

#include "boot/config.h"

/* Far above what a file can hold that the parser accepts. */
#define MAX_SIZE (1u << 20)

int main(int argc, char **argv)
{
	static char text[MAX_SIZE];
	static struct config cfg;
	char err[2000];

	if (argc != 2) {
		fprintf(stderr, "usage: cfgcheck FILE\n");
		return 2;
	}
	FILE *file = fopen(argv[1], "rb");
	if (!file) {
		perror(argv[1]);
		return 2;
	}
	size_t size = fread(text, 1, sizeof(text), file);
	if (ferror(file) || (size == sizeof(text) && fgetc(file) != EOF)) {
		fprintf(stderr, "%s: cannot be read, or is larger than %u bytes\n", argv[1],
			MAX_SIZE);
		return 2;
	}
	fclose(file);
	if (config_parse(text, size, &cfg, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		return 2;
	}
	printf("cpus=%u runs=%u\n", config_max_cpus(&cfg), cfg.nruns);
	return 0;
}
