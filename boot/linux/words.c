/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For init: `words FILE MB` fills a file in memory with text, `words FILE` sums it up. By 64-bit words,
 * since a checksum of busybox's takes ten instructions for each byte, which an emulator feels.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE 64 /* bytes */

/* Each line says which one it is: no page is like another. */
static void fill(char *at, uint64_t size)
{
	for (uint64_t i = 0; i < size / LINE; i++, at += LINE) {
		char number[9];

		memcpy(at, "        : the quick brown fox jumps over the lazy dog, and again\n", LINE);
		for (int digit = 7; digit >= 0; digit--)
			number[digit] = (char)('0' + (i >> 4 * (7 - digit) & 15));
		memcpy(at, number, 8);
	}
}

/* By place as well as by value: what has changed places changes the sum. */
static uint64_t sum(const uint64_t *word, uint64_t size)
{
	uint64_t a = 1, b = 0;

	for (uint64_t i = 0; i < size / sizeof(*word); i++) {
		a += word[i];
		b += a;
	}
	return a ^ b;
}

int main(int argc, char **argv)
{
	int file = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
	uint64_t size = argc > 2 ? strtoull(argv[2], NULL, 10) << 20 : 0;
	struct stat st;
	void *at;

	if (file < 0 || (size && ftruncate(file, (off_t)size)) || fstat(file, &st))
		return 1;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (at == MAP_FAILED)
		return 1;
	if (size)
		fill(at, size);
	printf("%016llx\n", (unsigned long long)sum(at, (uint64_t)st.st_size));
	return 0;
}
