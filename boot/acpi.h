/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What we need of ACPI: the CPUs of the MADT, and how to power off. Plain C, tested on the host. */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include "mm/types.h"

/* Where the parser gets its bytes: returns LENGTH readable bytes at physical ADDRESS, or NULL when
 * they are not memory. */
struct acpi_source {
	const void *(*map)(void *context, u64 address, u64 length);
	void *context;
	u64 rsdp; /* physical, 0 when the firmware names none */
};

#define ACPI_MAX_CPUS 256

struct acpi_cpus {
	u32 apic_id[ACPI_MAX_CPUS]; /* enabled CPUs, each id once, in the MADT's order */
	u32 count;		    /* in apic_id */
	u32 disabled;		    /* entries skipped because they are not enabled */
	u32 over;		    /* enabled ones for which apic_id had no room */
};

/*
 * All tables are input: signature, length and checksum of each are checked, and no byte outside a
 * checked table is read. Return 0, -ENOENT when there is no RSDP or no such table, -EINVAL when one
 * is damaged; *WHY then says which and how.
 */
int acpi_cpus(const struct acpi_source *source, struct acpi_cpus *cpus, const char **why);

struct acpi_power {
	u16 pm1a_cnt, pm1b_cnt; /* ports; pm1b_cnt is 0 where there is none */
	u16 smi_cmd;		/* port, 0 where ACPI mode is on from the start */
	u8 acpi_enable;		/* what to write there */
	u8 slp_typa, slp_typb;	/* from \_S5 */
};

int acpi_power(const struct acpi_source *source, struct acpi_power *power, const char **why);

#endif
