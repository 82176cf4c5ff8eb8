/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ACPI tables, read with suspicion. Field offsets are the ACPI specification's; no AML is
 * interpreted. */
#include "boot/acpi.h"

#define HEADER_SIZE 36
/* No real table is larger: a bound for a length that is only input. */
#define MAX_TABLE (16u << 20)

static u16 le16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static u32 le32(const u8 *p)
{
	return le16(p) | (u32)le16(p + 2) << 16;
}

static u64 le64(const u8 *p)
{
	return le32(p) | (u64)le32(p + 4) << 32;
}

static const u8 *map(const struct acpi_source *s, u64 address, u64 length)
{
	return s->map(s->context, address, length);
}

static bool sums_to_zero(const u8 *p, size_t length)
{
	u8 sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (u8)(sum + p[i]);
	return sum == 0;
}

/* A whole checked table, or NULL. A wrong signature is no damage (*WHY stays), anything else is. */
static const u8 *table_at(const struct acpi_source *s, u64 address, const char *signature,
			  u32 *length, const char **why)
{
	const u8 *table = address ? map(s, address, HEADER_SIZE) : NULL;

	if (!table) {
		*why = "a table's address is not memory";
		return NULL;
	}
	if (memcmp(table, signature, 4))
		return NULL;
	*length = le32(table + 4);
	if (*length < HEADER_SIZE || *length > MAX_TABLE) {
		*why = "a table's length is out of range";
		return NULL;
	}
	table = map(s, address, *length);
	if (!table) {
		*why = "a table reaches beyond memory";
		return NULL;
	}
	if (!sums_to_zero(table, *length)) {
		*why = "a table's checksum is wrong";
		return NULL;
	}
	return table;
}

/* The root table's address and the size of its entries: 8 for the XSDT, 4 for the RSDT. */
static int find_root(const struct acpi_source *s, u64 *root, u32 *entry_size, const char **why)
{
	const u8 *rsdp = s->rsdp ? map(s, s->rsdp, 20) : NULL;

	*why = "the firmware names no RSDP";
	if (!s->rsdp)
		return -ENOENT;
	*why = "the RSDP is damaged";
	if (!rsdp || memcmp(rsdp, "RSD PTR ", 8) || !sums_to_zero(rsdp, 20))
		return -EINVAL;
	*root = le32(rsdp + 16);
	*entry_size = 4;
	if (rsdp[15] >= 2) { /* the revision: 36 bytes, with the XSDT's address */
		rsdp = map(s, s->rsdp, 36);
		if (!rsdp || le32(rsdp + 20) < 36 || !sums_to_zero(rsdp, 36))
			return -EINVAL;
		if (le64(rsdp + 24)) {
			*root = le64(rsdp + 24);
			*entry_size = 8;
		}
	}
	return 0;
}

/* The first table with this signature. */
static const u8 *find_table(const struct acpi_source *s, const char *signature, u32 *length,
			    int *rc, const char **why)
{
	const char *damage = NULL;
	const u8 *root, *table = NULL;
	u32 entry_size, root_length;
	u64 address;

	*rc = find_root(s, &address, &entry_size, why);
	if (*rc)
		return NULL;
	*why = "the root table has the wrong signature";
	root = table_at(s, address, entry_size == 8 ? "XSDT" : "RSDT", &root_length, why);
	if (!root) {
		*rc = -EINVAL;
		return NULL;
	}
	for (u32 at = HEADER_SIZE; !table && at + entry_size <= root_length; at += entry_size)
		table = table_at(s, entry_size == 8 ? le64(root + at) : le32(root + at), signature,
				 length, &damage);
	if (!table) {
		*rc = damage ? -EINVAL : -ENOENT;
		*why = damage ? damage : "there is no such table";
	}
	return table;
}

#define MADT_ENTRIES 44 /* behind the header: local APIC address, flags */
#define MADT_LAPIC 0
#define MADT_X2APIC 9
#define MADT_ENABLED 1u /* bit 1, "online capable", is for hot-plug: disabled for us */

static void add_cpu(struct acpi_cpus *cpus, u32 id, u32 flags)
{
	if (!(flags & MADT_ENABLED)) {
		cpus->disabled++;
		return;
	}
	for (u32 i = 0; i < cpus->count; i++)
		if (cpus->apic_id[i] == id)
			return; /* a CPU may stand as both kinds of entry */
	if (cpus->count == ACPI_MAX_CPUS)
		cpus->over++;
	else
		cpus->apic_id[cpus->count++] = id;
}

int acpi_cpus(const struct acpi_source *source, struct acpi_cpus *cpus, const char **why)
{
	u32 length;
	int rc;
	const u8 *madt = find_table(source, "APIC", &length, &rc, why);

	memset(cpus, 0, sizeof(*cpus));
	if (!madt)
		return rc;
	*why = "the MADT's entries are damaged";
	for (u32 at = MADT_ENTRIES; at < length;) {
		const u8 *entry = madt + at;
		u32 size = length - at >= 2 ? entry[1] : 0;

		if (size < 2 || size > length - at)
			return -EINVAL;
		/* 0xff and 0xffffffff are the broadcast ids: some firmware fills unused entries
		 * with them */
		if (entry[0] == MADT_LAPIC && size >= 8 && entry[3] != 0xff)
			add_cpu(cpus, entry[3], le32(entry + 4));
		else if (entry[0] == MADT_X2APIC && size >= 16 && le32(entry + 4) != UINT32_MAX)
			add_cpu(cpus, le32(entry + 4), le32(entry + 8));
		at += size;
	}
	*why = "the MADT lists no enabled CPU";
	return cpus->count ? 0 : -EINVAL;
}

/* A port from the old 32-bit field, else from the generic address structure (only when it is in I/O
 * space). */
static u16 port_of(const u8 *fadt, u32 length, u32 old_field, u32 generic)
{
	u64 port = le32(fadt + old_field);

	if (!port && generic && length >= generic + 12 && fadt[generic] == 1)
		port = le64(fadt + generic + 4);
	return port <= 0xffff ? (u16)port : 0;
}

/* One AML integer that fits a byte; moves *AT behind it. */
static int aml_byte(const u8 *aml, u32 length, u32 *at)
{
	u8 op = *at < length ? aml[(*at)++] : 0xff;

	if (op <= 1) /* ZeroOp, OneOp */
		return op;
	if (op == 0x0a && *at < length) /* BytePrefix */
		return aml[(*at)++];
	return -EINVAL;
}

/* Name (_S5, Package {SLP_TYPa, SLP_TYPb, ...}) in the DSDT's AML, found by its bytes. */
static int find_s5(const u8 *dsdt, u32 length, struct acpi_power *power)
{
	for (u32 at = HEADER_SIZE + 1; at + 8 < length; at++) {
		u32 next = at + 4;
		int a, b;

		if (memcmp(dsdt + at, "_S5_", 4) || dsdt[next] != 0x12)
			continue;
		if (dsdt[at - 1] != 0x08 && !(dsdt[at - 1] == '\\' && dsdt[at - 2] == 0x08))
			continue;
		next++;
		next += 1 + (dsdt[next] >> 6); /* the package's length, 1 to 4 bytes */
		if (next >= length || dsdt[next] < 1)
			continue;
		b = dsdt[next++] >= 2; /* how many elements */
		a = aml_byte(dsdt, length, &next);
		b = b ? aml_byte(dsdt, length, &next) : 0;
		if (a < 0 || b < 0)
			continue;
		power->slp_typa = a & 7;
		power->slp_typb = b & 7;
		return 0;
	}
	return -ENOENT;
}

int acpi_power(const struct acpi_source *source, struct acpi_power *power, const char **why)
{
	u32 length, dsdt_length;
	u64 address;
	int rc;
	const u8 *fadt = find_table(source, "FACP", &length, &rc, why), *dsdt;

	memset(power, 0, sizeof(*power));
	if (!fadt)
		return rc;
	*why = "the FADT is too short";
	if (length < 90)
		return -EINVAL;
	power->pm1a_cnt = port_of(fadt, length, 64, 172);
	power->pm1b_cnt = port_of(fadt, length, 68, 184);
	power->smi_cmd = port_of(fadt, length, 48, 0);
	power->acpi_enable = fadt[52];
	*why = "the FADT names no PM1a control port";
	if (!power->pm1a_cnt)
		return -ENOENT;
	address = length >= 148 && le64(fadt + 140) ? le64(fadt + 140) : le32(fadt + 40);
	*why = "the DSDT has the wrong signature";
	dsdt = table_at(source, address, "DSDT", &dsdt_length, why);
	if (!dsdt)
		return -EINVAL;
	*why = "the DSDT has no \\_S5 package";
	return find_s5(dsdt, dsdt_length, power);
}
