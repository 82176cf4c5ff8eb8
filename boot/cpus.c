/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPU list: from ACPI's MADT, or from UEFI's MP services where the firmware has no ACPI (OVMF
 * on Bochs). */
#include "boot/cpus.h"
#include "apic/lapic.h"
#include "mm/host.h"

/* From the UEFI Platform Initialization specification, volume 2; GNU-EFI does not have it. */
typedef struct {
	UINT64 processor_id; /* the APIC id */
	UINT32 status;
	UINT32 package, core, thread;
	UINT32 extended[6]; /* newer firmware writes these too when asked to */
} mp_processor;

enum { MP_STATUS_ENABLED = 1 << 1 };

typedef struct mp_services {
	EFI_STATUS(EFIAPI *number_of_processors)(struct mp_services *, UINTN *all, UINTN *enabled);
	EFI_STATUS(EFIAPI *processor_info)(struct mp_services *, UINTN index, mp_processor *);
	void *start_all, *start_this, *switch_bsp, *enable_disable, *who_am_i;
} mp_services;

static EFI_GUID mp_services_guid = {
	0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 }
};

/* Returns 0, or -ENOENT when the firmware does not offer the protocol. */
static int cpus_from_mp(EFI_BOOT_SERVICES *bs, struct acpi_cpus *cpus)
{
	mp_services *mp = NULL;
	UINTN all = 0, enabled = 0;

	memset(cpus, 0, sizeof(*cpus));
	if (EFI_ERROR(bs->LocateProtocol(&mp_services_guid, NULL, (void **)&mp)) ||
	    EFI_ERROR(mp->number_of_processors(mp, &all, &enabled)))
		return -ENOENT;
	for (UINTN i = 0; i < all; i++) {
		mp_processor info;

		memset(&info, 0, sizeof(info));
		if (EFI_ERROR(mp->processor_info(mp, i, &info)) ||
		    !(info.status & MP_STATUS_ENABLED))
			cpus->disabled++;
		else if (cpus->count == ACPI_MAX_CPUS)
			cpus->over++;
		else
			cpus->apic_id[cpus->count++] = (u32)info.processor_id;
	}
	return cpus->count ? 0 : -ENOENT;
}

static bool has(const struct acpi_cpus *cpus, u32 id)
{
	for (u32 i = 0; i < cpus->count; i++)
		if (cpus->apic_id[i] == id)
			return true;
	return false;
}

static bool same(const struct acpi_cpus *a, const struct acpi_cpus *b)
{
	for (u32 i = 0; i < a->count; i++)
		if (!has(b, a->apic_id[i]))
			return false;
	return a->count == b->count;
}

/* Names the CPUs of A that B lacks. */
static void print_missing(const struct acpi_cpus *a, const struct acpi_cpus *b, const char *who)
{
	for (u32 i = 0; i < a->count; i++)
		if (!has(b, a->apic_id[i]))
			printk("  APIC id %u: listed by %s\n", a->apic_id[i], who);
}

/* Moves the booting CPU to the front; the others keep their order. */
static void put_first(struct acpi_cpus *cpus, u32 id)
{
	u32 at = 0;

	while (at < cpus->count && cpus->apic_id[at] != id)
		at++;
	if (at == cpus->count) { /* a list without the CPU that reads it */
		printk("the list lacks the booting CPU, APIC id %u: added\n", id);
		if (cpus->count < ACPI_MAX_CPUS)
			cpus->count++;
		at = cpus->count - 1;
	}
	for (; at; at--)
		cpus->apic_id[at] = cpus->apic_id[at - 1];
	cpus->apic_id[0] = id;
}

void cpus_list(EFI_BOOT_SERVICES *bs, const struct acpi_source *acpi, struct acpi_cpus *cpus)
{
	static struct acpi_cpus mp; /* 1 KB: not on the firmware's stack */
	const char *why = "";
	int madt_rc = acpi_cpus(acpi, cpus, &why);
	int mp_rc = cpus_from_mp(bs, &mp);

	if (!madt_rc) {
		printk("%u CPU%s from the MADT%s\n", cpus->count, cpus->count == 1 ? "" : "s",
		       mp_rc		 ? "; the firmware has no MP services to compare"
		       : same(cpus, &mp) ? "; MP services agree"
					 : "; MP services differ, the MADT is used");
		if (!mp_rc) {
			print_missing(cpus, &mp, "the MADT, not MP services");
			print_missing(&mp, cpus, "MP services, not the MADT");
		}
	} else if (!mp_rc) {
		*cpus = mp;
		printk("%u CPU%s from MP services (no MADT: %s)\n", cpus->count,
		       cpus->count == 1 ? "" : "s", why);
	} else {
		memset(cpus, 0, sizeof(*cpus));
		cpus->apic_id[cpus->count++] = lapic_id();
		printk("1 CPU: no MADT (%s) and no MP services\n", why);
	}
	if (cpus->disabled)
		printk("disabled in the list, left out: %u\n", cpus->disabled);
	put_first(cpus, lapic_id());
}
