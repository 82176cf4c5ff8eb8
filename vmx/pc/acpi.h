/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables that a guest finds: RSDP, RSDT, XSDT, FADT, FACS, MADT, DSDT (ACPI 5.1). */
#ifndef VMX_PC_ACPI_H
#define VMX_PC_ACPI_H

#include "mm/types.h"

/* Where a guest without UEFI looks for the RSDP: from here to 1 MB, at each 16th byte. */
#define ACPI_TABLES_GPA 0xe0000
#define ACPI_TABLES_ALIGN 64 /* the FACS's */

struct acpi_config {
	unsigned cpus; /* 1 to MAX_CPUS; their APIC ids are 0, 1, ... */
	const u8 *dsdt;
	u32 dsdt_size;
};

/* The DSDT in the image (dsdt.asm). */
extern const u8 dsdt_aml[];
extern const u32 dsdt_aml_size;

/*
 * Writes the tables to BUF, which has room for SIZE bytes, as they are to stand from guest-physical
 * address GPA on, below 4 GB. Both are aligned to ACPI_TABLES_ALIGN. The RSDP comes first. Returns how many bytes that
 * took, or -EINVAL: it does not fit, or what is asked for is out of range.
 */
long acpi_tables(void *buf, size_t size, u64 gpa, const struct acpi_config *c);

#endif
