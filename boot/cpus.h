/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which CPUs the machine has. */
#ifndef BOOT_CPUS_H
#define BOOT_CPUS_H

#include "boot/acpi.h"

#include <efi.h>

/*
 * The enabled CPUs' APIC ids, the booting CPU's first, from the MADT where there is one, else from
 * the firmware's MP services. Prints how many and where from, and, when both sources are there,
 * whether they agree. With neither, the list holds the booting CPU alone. Only before
 * ExitBootServices.
 */
void cpus_list(EFI_BOOT_SERVICES *bs, const struct acpi_source *acpi, struct acpi_cpus *cpus);

#endif
