/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PC's firmware leaves below 1 MB for who knows no UEFI: an interrupt vector table whose
 * handlers return, and the BIOS data area (bios.asm). INT 10h with AH = 0Eh prints on the first serial
 * port, INT 11h and 12h say what is there; the other services say that they are not: CF = 1, AH = 86h.
 */
#ifndef VMX_PC_BIOS_H
#define VMX_PC_BIOS_H

#include "mm/types.h"

#define BIOS_LOW_GPA 0
#define BIOS_LOW_SIZE 0x500
#define BIOS_CODE_GPA 0xfff53

extern const u8 bios_low[BIOS_LOW_SIZE], bios_code[];
extern const u32 bios_code_size;

#endif
