/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI tables, found as a BIOS leaves them, and the PM timer. */
#include "boot/acpi.h"
#include "tests/guests/hw/hw.h"

#define PM_TIMER_HZ 3579545u
#define LOW_MEMORY 0x40000000ull /* what is mapped */
#define HEADER 36

struct machine machine = { .ioapic = 0xfec00000, .timer_pin = 2 };

struct table {
	char signature[4];
	u32 length;
	u8 bytes[];
};

static const u8 *rsdp;
static const struct table *root, *madt, *fadt, *dsdt;
static u32 tables, bad_sums, ioapics, overrides, all_ids;

static u32 get32(const void *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static bool sums(const void *p, size_t n)
{
	u8 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((const u8 *)p)[i];
	return !sum;
}

static const struct table *table_at(u64 at)
{
	const struct table *t = (const void *)at;

	if (!at || at >= LOW_MEMORY - HEADER || t->length < HEADER || t->length > LOW_MEMORY - at)
		return NULL;
	tables++;
	bad_sums += !sums(t, t->length);
	return t;
}

static void read_madt(void)
{
	const u8 *p = (const u8 *)madt + 44, *end = (const u8 *)madt + madt->length;

	for (; p + 2 <= end && p[1] >= 2 && p + p[1] <= end; p += p[1]) {
		if (p[0] == 0 && get32(p + 4) & 1) {
			all_ids++;
			if (p[3] < MAX_CPUS && machine.cpus < MAX_CPUS)
				machine.apic_ids[machine.cpus++] = p[3];
		} else if (p[0] == 1 && !ioapics++) {
			machine.ioapic = get32(p + 4);
		} else if (p[0] == 2 && p[3] == 0) {
			machine.timer_pin = get32(p + 4);
			overrides++;
		}
	}
}

static void read_fadt(void)
{
	const u8 *p = (const u8 *)fadt;

	dsdt = table_at(get32(p + 40));
	machine.pm_timer = (u16)get32(p + 76);
	machine.pm_timer_32 = get32(p + 112) & BIT(8);
}

void acpi_find(void)
{
	u64 at = 0xe0000, entries;
	u32 size = 4;

	for (; at < 0x100000 && memcmp((const void *)at, "RSD PTR ", 8); at += 16)
		;
	if (at < 0x100000) {
		rsdp = (const u8 *)at;
		if (rsdp[15] >= 2 && get32(rsdp + 24)) {
			root = table_at(get32(rsdp + 24)); /* the XSDT; all lies below 4 GB */
			size = 8;
		} else {
			root = table_at(get32(rsdp + 16));
		}
	}
	entries = root ? (root->length - HEADER) / size : 0;
	for (u64 i = 0; i < entries; i++) {
		const struct table *t = table_at(get32((const u8 *)root + HEADER + i * size));

		if (t && !memcmp(t->signature, "APIC", 4))
			madt = t;
		if (t && !memcmp(t->signature, "FACP", 4))
			fadt = t;
	}
	if (madt)
		read_madt();
	if (fadt)
		read_fadt();
	if (!machine.cpus)
		machine.apic_ids[machine.cpus++] = bsp;
}

static const void *map(void *unused, u64 address, u64 length)
{
	(void)unused;
	return address < LOW_MEMORY && length <= LOW_MEMORY - address ? (const void *)address
								      : NULL;
}

void acpi_power_off(void)
{
	struct acpi_source source = { map, NULL, (u64)rsdp };
	struct acpi_power power;
	const char *why;

	if (!rsdp || acpi_power(&source, &power, &why))
		return;
	outw(power.pm1a_cnt,
	     (u16)((inw(power.pm1a_cnt) & ~0x1c00) | power.slp_typa << 10 | BIT(13)));
}

static u64 pm_timer(u64 unused)
{
	u32 v;

	(void)unused;
	asm volatile("inl %1, %0" : "=a"(v) : "Nd"(machine.pm_timer));
	return v;
}

static u64 pm_rate(u64 mask)
{
	return rate_of(pm_timer, 0, mask);
}

void test_acpi(void)
{
	bool back = false, listed = false;
	u32 mask, last;

	ok(rsdp && sums(rsdp, 20), "ACPI: an RSDP in E0000h-FFFFFh");
	ok(root, "ACPI: an RSDT or XSDT");
	ok(madt && fadt && dsdt && !memcmp(dsdt->signature, "DSDT", 4), "ACPI: MADT, FADT, DSDT");
	ok(tables && !bad_sums, "ACPI: the sums of all tables");
	if (madt) {
		const u8 *p = (const u8 *)madt;

		is(get32(p + 36), APIC_BASE_GPA, "MADT: the local APICs' address");
		is(get32(p + 40) & 1, 1, "MADT: there is a PIC as well");
	}
	for (u32 i = 0; i < machine.cpus; i++)
		listed |= machine.apic_ids[i] == bsp;
	ok(listed && all_ids == machine.cpus, "MADT: this CPU and the others");
	is(ioapics, 1, "MADT: one I/O APIC");
	is(overrides, 1, "MADT: where IRQ 0 is");
	if (fadt) {
		const u8 *p = (const u8 *)fadt;

		ok(get32(p + 64) && p[89] >= 2, "FADT: PM1a control");
		ok(machine.pm_timer && p[91] == 4, "FADT: a PM timer of 4 bytes");
	}
	if (!machine.pm_timer) {
		skip("there is none", "PM timer");
		return;
	}
	mask = machine.pm_timer_32 ? ~0u : 0xffffff;
	near(pm_rate, mask, PM_TIMER_HZ, 5, "PM timer: its rate");
	last = (u32)pm_timer(0);
	for (u32 i = 0; i < 1000; i++) {
		u32 now = (u32)pm_timer(0);

		back |= ((now - last) & mask) > mask / 2;
		last = now;
	}
	ok(!back, "PM timer: it never goes back");
}
