/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console: the serial port at 0x3f8, or the firmware's screen while there is firmware and no
 * port. */
#ifndef BOOT_CONSOLE_H
#define BOOT_CONSOLE_H

#include "mm/types.h"

/* Finds and sets up the port: 115200 8N1. Once, first of all. */
void console_init(void);

/* True when the serial port is there. */
bool console_has_serial(void);

/* Who shows text where there is no port: UEFI's ConOut, until ExitBootServices (then NULL: text is
 * lost). */
void console_fallback(void (*put)(const char *text));

/* Writes TEXT, of any length, in one piece: what other CPUs print comes before or after. */
void console_write(const char *text);

/* The next byte that came in, or -1. On CPU 0. */
int console_read(void);

/* Writes of what print_later() has left as much as the port takes without waiting. Often, on CPU 0. */
void console_pump(void);

/* Waits, with a bound, until the last byte has left the port. */
void console_drain(void);

#endif
