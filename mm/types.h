/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer types and the few macros every room uses. Freestanding and host builds alike. */
#ifndef MM_TYPES_H
#define MM_TYPES_H

/*
 * The hypervisor is one image: what another file declares is reached without a table of addresses.
 */
#if !__STDC_HOSTED__
#pragma GCC visibility push(hidden)
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define PAGE_SIZE 4096u
#define PAGE_SHIFT 12
#define LARGE_PAGES 512ul /* pages in a 2-MB page, frames in a block of them */
#define MAX_CPUS 8

#define BIT(n) (1ul << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define unlikely(x) __builtin_expect(!!(x), 0)
#define likely(x) __builtin_expect(!!(x), 1)

/* Errors are negative, as in Linux. */
#define ENOENT 2
#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENOSYS 38

void *memcpy(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

#endif
