/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one text formatter: for the console, the configuration's errors, and the host's tests. */
#ifndef BOOT_FORMAT_H
#define BOOT_FORMAT_H

#include <stdarg.h>

#include "mm/types.h"

/*
 * Writes at most SIZE bytes, the closing NUL included, and returns the length of what was written.
 * Text that does not fit is cut. Knows %d %i %u %x %X %s %c %%, the lengths l, ll and z, a width,
 * the flags 0 and -. Anything else is copied as it stands, so that a mistake shows. A NULL string
 * is written as "(null)". SIZE 0 writes nothing.
 */
__attribute__((format(printf, 3, 4))) int format(char *buf, size_t size, const char *fmt, ...);
__attribute__((format(printf, 3, 0))) int vformat(char *buf, size_t size, const char *fmt,
						  va_list args);

/* Copies TEXT into BUF as the inside of a JSON string: quotes, backslashes and control bytes
 * escaped; cut to fit. */
int format_json(char *buf, size_t size, const char *text);

#endif
