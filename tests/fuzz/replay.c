/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzzer's function as a test: the inputs of its corpus (CORPUS, a directory), and as many with a
 * few bytes changed at random as fit into SECONDS. `make fuzz` searches for real.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mm/random.h"
#include "mm/types.h"

#define SECONDS 2
#define INPUTS 256
#define SIZE 65536

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct {
	u8 *data;
	size_t size;
} inputs[INPUTS];
static unsigned count;

static void load(const char *name)
{
	static u8 buf[SIZE];
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", CORPUS, name);
	file = fopen(path, "rb");
	if (!file || count == INPUTS) {
		printf("Bail out! %s cannot be read\n", path);
		exit(1);
	}
	inputs[count].size = fread(buf, 1, sizeof(buf), file);
	inputs[count].data = malloc(inputs[count].size + 1);
	memcpy(inputs[count].data, buf, inputs[count].size);
	fclose(file);
	LLVMFuzzerTestOneInput(inputs[count].data, inputs[count].size);
	count++;
}

static void change(u64 *state)
{
	unsigned i = (unsigned)(random_next(state) % count);
	size_t size = inputs[i].size + random_next(state) % 3;
	u8 *data = malloc(size + 1);

	memcpy(data, inputs[i].data, MIN(size, inputs[i].size));
	for (u64 n = random_next(state) % 8; n-- && size;)
		data[random_next(state) % size] = (u8)random_next(state);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(void)
{
	const char *seed = getenv("SEED");
	u64 state = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL), first = state, runs = 0;
	DIR *dir = opendir(CORPUS);
	time_t start = time(NULL);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# SEED=%lu\n", first); /* before a sanitizer or an assertion ends it */
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			load(entry->d_name);
	printf("%sok 1 - the inputs of %s\n", count ? "" : "not ", CORPUS);
	for (; count && time(NULL) - start < SECONDS; runs++)
		change(&state);
	printf("ok 2 - and %lu with some bytes changed\n1..2\n", runs);
	for (unsigned i = 0; i < count; i++)
		free(inputs[i].data);
	if (dir)
		closedir(dir);
	return 0;
}
