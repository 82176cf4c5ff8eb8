/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one text formatter: for the console, the configuration's errors, and the host's tests. */
#ifndef BOOT_FORMAT_H
#define BOOT_FORMAT_H

#include "mm/host.h" /* format(), vformat() */

/* Copies TEXT into BUF as the inside of a JSON string: quotes, backslashes and control bytes
 * escaped; cut to fit. */
int format_json(char *buf, size_t size, const char *text);

#endif
