/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The C library functions that the compiler itself calls, and two more. Only for the freestanding
 * build. */
#include "mm/types.h"

void *memcpy(void *dst, const void *src, size_t n)
{
	typedef u64 __attribute__((aligned(1), may_alias)) word;
	void *to = dst;

	if (n ==
	    sizeof(word)) { /* in one access: a guest's page table entry, which may just change */
		*(word *)dst = *(const word *)src;
		return dst;
	}
	asm volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(n) : : "memory");
	return dst;
}

/* Not declared in mm/types.h: nobody here calls it, but the compiler may. */
void *memmove(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n)
{
	u8 *to = dst;
	const u8 *from = src;

	if ((uintptr_t)to - (uintptr_t)from >= n)
		return memcpy(dst, src, n);
	to += n - 1;
	from += n - 1;
	asm volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 word = 0x0101010101010101ul * (u8)c, words = n / sizeof(word);
	void *to = dst;

	n %= sizeof(word);
	asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(word) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}
