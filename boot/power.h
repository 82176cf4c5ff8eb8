/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a boot ends. */
#ifndef BOOT_POWER_H
#define BOOT_POWER_H

#include "boot/acpi.h"
#include "mm/types.h"

enum exit_code { EXIT_HELD = 0, EXIT_OTHER = 1, EXIT_INPUT = 2, EXIT_STALE = 3 };

/* Tells power_off() of ACPI's way; without it the machine has none. POWER must stay. */
void power_use_acpi(const struct acpi_power *power);

/* A last way out, for as long as the firmware is there; NULL afterwards. */
void power_use_firmware(void (*shutdown)(void));

/* Ends this boot: prints "@end CODE" and turns the machine off, or halts for ever where that cannot
 * be done. */
_Noreturn void finish(int code);

/* Wrong input or set-up: prints the sentence, its JSON object and "@end 2". */
__attribute__((format(printf, 1, 2))) _Noreturn void setup_error(const char *fmt, ...);

/* Prints @json {"result":RESULT,"exit":CODE,"error":TEXT}, TEXT escaped. */
void report_error(const char *result, int code, const char *text);

#endif
