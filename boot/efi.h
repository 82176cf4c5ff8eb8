/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firmware, as main.c sees it. Nothing here works after efi_exit(). */
#ifndef BOOT_EFI_H
#define BOOT_EFI_H

#include "boot/memmap.h"

#include <efi.h>

/* Takes over from the firmware's loader: remembers the tables, stops the watchdog, gives the
 * console a way to the screen. */
void efi_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_BOOT_SERVICES *efi_boot_services(void);

/* The physical address of ACPI's RSDP, 0 when the firmware has none. */
u64 efi_rsdp(void);

/* What became of a file on the volume we were loaded from. */
enum efi_file { FILE_THERE, FILE_MISSING, FILE_BROKEN, FILE_TOO_LARGE };

/* Reads the whole of NAME into pages of its own, which are in use in every later map. FILE_TOO_LARGE:
 * above FILE_SIZE_MAX, or for the memory there is. */
#define FILE_SIZE_MAX BIT(30)
enum efi_file efi_read_file(const CHAR16 *name, u8 **data, u64 *size);

/* Identity-mapped means in the lower half of the address space. */
#define ADDRESS_LIMIT (1ull << 47)

/* COUNT zeroed pages that end at or below LIMIT; 0 when there are none left. They are in use in
 * every later map. */
u64 efi_pages(u64 count, u64 limit);

/* The RAM as it is now. The map's memory is set aside on the first call. Sorted. NULL when the
 * firmware fails. */
const struct memmap *efi_memory(void);

/* True when the firmware's memory map describes every byte of the range, as RAM or as anything
 * else. */
bool efi_describes(u64 address, u64 length);

/* Ticks of the TSC in a microsecond, measured against the firmware's clock. */
u64 efi_tick_rate(void);

/* ExitBootServices. Returns the final map, or NULL when the firmware refuses. Interrupts are off
 * afterwards. */
const struct memmap *efi_exit(void);

#endif
