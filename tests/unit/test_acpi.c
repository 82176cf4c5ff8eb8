/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI parser: whole tables, damaged tables, and random damage with the checksums put right
 * again. links: boot/acpi.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/acpi.h"

/* The machine's memory: tables, each in a block of exactly its size, so that the sanitizer sees
 * every byte read too far. */
static struct block {
	u64 address;
	u32 size;
	u8 *bytes;
} blocks[8];
static unsigned nblocks;

static const void *map_block(void *context, u64 address, u64 length)
{
	(void)context;
	for (unsigned i = 0; i < nblocks; i++)
		if (address >= blocks[i].address && length <= blocks[i].size &&
		    address - blocks[i].address <= blocks[i].size - length)
			return blocks[i].bytes + (address - blocks[i].address);
	return NULL;
}

static const struct acpi_source source = { map_block, NULL, 0x1000 };
static const char *why;
static struct acpi_cpus cpus;
static struct acpi_power power;

static u8 *put_block(u64 address, const void *bytes, u32 size)
{
	struct block *b = &blocks[nblocks++];

	*b = (struct block){ address, size, malloc(size) };
	memcpy(b->bytes, bytes, size);
	return b->bytes;
}

static struct block *block_at(u64 address)
{
	for (unsigned i = 0; i < nblocks; i++)
		if (blocks[i].address == address)
			return &blocks[i];
	return NULL;
}

static void put32(u8 *p, u32 v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (u8)(v >> 8 * i);
}

static void put64(u8 *p, u64 v)
{
	put32(p, (u32)v);
	put32(p + 4, (u32)(v >> 32));
}

/* Sets the byte at SUM so that LENGTH bytes add up to 0. */
static void fix_sum(u8 *p, u32 length, u32 sum)
{
	u8 total = 0;

	p[sum] = 0;
	for (u32 i = 0; i < length; i++)
		total = (u8)(total + p[i]);
	p[sum] = (u8)-total;
}

static void put_table(u64 address, const char *signature, const void *body, u32 body_size)
{
	u32 size = 36 + body_size;
	u8 *table = calloc(1, size);

	memcpy(table, signature, 4);
	put32(table + 4, size);
	memcpy(table + 36, body, body_size);
	fix_sum(table, size, 9);
	put_block(address, table, size);
	free(table);
}

enum { XSDT = 0x2000, RSDT = 0x2800, MADT = 0x3000, FADT = 0x4000, DSDT = 0x100005000 };

static void put_rsdp(bool xsdt)
{
	u8 rsdp[36] = "RSD PTR ";

	rsdp[15] = xsdt ? 2 : 0;
	put32(rsdp + 16, RSDT);
	fix_sum(rsdp, 20, 8);
	put32(rsdp + 20, 36);
	put64(rsdp + 24, XSDT);
	fix_sum(rsdp, 36, 32);
	put_block(0x1000, rsdp, xsdt ? 36 : 20);
}

/* A machine with both root tables; the MADT holds ENTRIES. */
static void machine(bool xsdt, const u8 *entries, u32 size)
{
	u8 madt[8 + 4096] = { 0 }, root[24] = { 0 }, fadt[244 - 36] = { 0 };
	static const u8 dsdt[] = { 0x5b, 0x80, 0x08, '_',  'S',	 '3',  '_',  0x12, 0x06, 0x04,
				   0x01, 0x01, 0x00, 0x00, 0x08, '_',  'S',  '5',  '_',	 0x12,
				   0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00, 0x10, 0x20, 0x30 };

	put_rsdp(xsdt);
	put64(root, 0x9999000); /* a table that is not there */
	put64(root + 8, FADT);
	put64(root + 16, MADT);
	put_table(XSDT, "XSDT", root, 24);
	put32(root, FADT);
	put32(root + 4, MADT);
	put_table(RSDT, "RSDT", root, 8);
	memcpy(madt + 8, entries, size);
	put_table(MADT, "APIC", madt, 8 + size);
	put32(fadt + 48 - 36, 0xb2);
	fadt[52 - 36] = 0xf1;
	put32(fadt + 64 - 36, 0x604);
	put64(fadt + 140 - 36, DSDT);
	put_table(FADT, "FACP", fadt, sizeof(fadt));
	put_table(DSDT, "DSDT", dsdt, sizeof(dsdt));
}

static int clear(void **state)
{
	(void)state;
	while (nblocks)
		free(blocks[--nblocks].bytes);
	return 0;
}

#define LAPIC(id, flags) 0, 8, 0, id, flags, 0, 0, 0
#define X2APIC(id, flags) 9, 16, 0, 0, (u8)(id), (u8)((id) >> 8), 0, 0, flags, 0, 0, 0, 0, 0, 0, 0

static const u8 mixed[] = {
	LAPIC(4, 1),
	1,
	12,
	0,
	0,
	0,
	0,
	0xc0,
	0xfe,
	0,
	0,
	0,
	0, /* an I/O APIC: not ours */
	LAPIC(0, 1),
	LAPIC(2, 0),
	LAPIC(3, 2),
	LAPIC(0xff, 1),
	X2APIC(4, 1),
	X2APIC(300, 1),
	X2APIC(301, 0),
};

static void check_mixed(void)
{
	assert_int_equal(acpi_cpus(&source, &cpus, &why), 0);
	assert_int_equal(cpus.count, 3);
	assert_int_equal(cpus.apic_id[0], 4);
	assert_int_equal(cpus.apic_id[1], 0);
	assert_int_equal(cpus.apic_id[2], 300);
	assert_int_equal(cpus.disabled, 3);
	assert_int_equal(cpus.over, 0);
}

static void whole(void **state)
{
	machine(true, mixed, sizeof(mixed));
	check_mixed();
	assert_int_equal(acpi_power(&source, &power, &why), 0);
	assert_int_equal(power.pm1a_cnt, 0x604);
	assert_int_equal(power.pm1b_cnt, 0);
	assert_int_equal(power.smi_cmd, 0xb2);
	assert_int_equal(power.acpi_enable, 0xf1);
	assert_int_equal(power.slp_typa, 5);
	assert_int_equal(power.slp_typb, 1);
	clear(state);
	machine(false, mixed, sizeof(mixed)); /* ACPI 1.0: by the RSDT */
	check_mixed();
}

static void no_tables(void **state)
{
	const struct acpi_source none = { map_block, NULL, 0 };

	assert_int_equal(acpi_cpus(&none, &cpus, &why), -ENOENT);
	assert_string_equal(why, "the firmware names no RSDP");
	assert_int_equal(acpi_cpus(&source, &cpus, &why), -EINVAL); /* named, but no memory */
	machine(true, mixed, sizeof(mixed));
	memcpy(block_at(MADT)->bytes, "ABCD", 4);
	assert_int_equal(acpi_cpus(&source, &cpus, &why),
			 -EINVAL); /* the missing table's address counts as damage */
	clear(state);
	machine(false, mixed, sizeof(mixed));
	memcpy(block_at(MADT)->bytes, "ABCD", 4);
	assert_int_equal(acpi_cpus(&source, &cpus, &why), -ENOENT);
	assert_string_equal(why, "there is no such table");
	assert_int_equal(cpus.count, 0);
}

static void damaged(void **state)
{
	static const u64 checked[] = { 0x1000, XSDT, MADT };

	for (unsigned i = 0; i < ARRAY_SIZE(checked); i++) {
		clear(state);
		machine(true, mixed, sizeof(mixed));
		block_at(checked[i])->bytes[12] ^= 1; /* a byte that only the checksum guards */
		assert_int_equal(acpi_cpus(&source, &cpus, &why), -EINVAL);
	}
	for (u32 length = 0; length < 36; length++) {
		clear(state);
		machine(true, mixed, sizeof(mixed));
		put32(block_at(MADT)->bytes + 4, length);
		assert_int_equal(acpi_cpus(&source, &cpus, &why), -EINVAL);
		assert_string_equal(why, "a table's length is out of range");
	}
	clear(state);
	machine(true, mixed, sizeof(mixed));
	put32(block_at(MADT)->bytes + 4, block_at(MADT)->size + 1);
	assert_int_equal(acpi_cpus(&source, &cpus, &why), -EINVAL);
	assert_string_equal(why, "a table reaches beyond memory");
	put32(block_at(MADT)->bytes + 4, UINT32_MAX);
	assert_int_equal(acpi_cpus(&source, &cpus, &why), -EINVAL);
}

static void bad_entries(void **state)
{
	static const u8 empty[] = { LAPIC(0, 1), 0, 0 }, one_byte[] = { LAPIC(0, 1), 0 },
			too_long[] = { LAPIC(0, 1), 0, 9, 0, 1, 1, 0, 0, 0 },
			all_off[] = { LAPIC(0, 0) }, short_one[] = { 0, 4, 0, 7, LAPIC(1, 1) };
	static const struct {
		const u8 *entries;
		u32 size;
	} bad[] = { { empty, sizeof(empty) },
		    { one_byte, sizeof(one_byte) },
		    { too_long, sizeof(too_long) },
		    { all_off, sizeof(all_off) },
		    { NULL, 0 } };

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		clear(state);
		machine(true, bad[i].entries ? bad[i].entries : empty, bad[i].size);
		assert_int_equal(acpi_cpus(&source, &cpus, &why), -EINVAL);
	}
	clear(state);
	machine(true, short_one,
		sizeof(short_one)); /* an entry too short for its kind is passed over */
	assert_int_equal(acpi_cpus(&source, &cpus, &why), 0);
	assert_int_equal(cpus.count, 1);
	assert_int_equal(cpus.apic_id[0], 1);
}

static void many(void **state)
{
	u8 entries[254 * 8 + 10 * 16];

	(void)state;
	for (u32 i = 0; i < 254; i++)
		memcpy(entries + i * 8, (u8[]){ LAPIC((u8)i, 1) }, 8);
	for (u32 i = 0; i < 10; i++)
		memcpy(entries + 254 * 8 + i * 16, (u8[]){ X2APIC(1000 + i, 1) }, 16);
	machine(true, entries, sizeof(entries));
	assert_int_equal(acpi_cpus(&source, &cpus, &why), 0);
	assert_int_equal(cpus.count, ACPI_MAX_CPUS);
	assert_int_equal(cpus.apic_id[255], 1001);
	assert_int_equal(cpus.over, 8);
}

/* Puts BODY in place of the DSDT's. */
static int power_with_dsdt(void **state, const void *body, u32 size)
{
	clear(state);
	machine(true, mixed, sizeof(mixed));
	block_at(DSDT)->address = 1; /* out of the way */
	put_table(DSDT, "DSDT", body, size);
	return acpi_power(&source, &power, &why);
}

static void s5(void **state)
{
	static const u8 root[] = { 0x08, '\\', '_',  'S',  '5',	 '_', 0x12, 0x06,
				   0x02, 0x0a, 0x07, 0x0a, 0x06, 0,   0 },
			one[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x04, 0x01, 0x01, 0, 0, 0 },
			long_package[] = { 0x08, '_',  'S',  '5',  '_',	 0x12,
					   0x46, 0x00, 0x02, 0x00, 0x01, 0 },
			no_name[] = { 0x00, '_',  'S',	'5',  '_',  0x12,
				      0x06, 0x02, 0x0a, 0x07, 0x0a, 0x06 },
			not_byte[] = { 0x08, '_',  'S',	 '5',  '_',  0x12,
				       0x06, 0x02, 0x0b, 0x07, 0x0a, 0x06 },
			ends[] = { 0x08, '_', 'S', '5', '_', 0x12, 0xc6 };

	assert_int_equal(power_with_dsdt(state, root, sizeof(root)), 0);
	assert_int_equal(power.slp_typa, 7);
	assert_int_equal(power.slp_typb, 6);
	assert_int_equal(power_with_dsdt(state, one, sizeof(one)), 0);
	assert_int_equal(power.slp_typa, 1);
	assert_int_equal(power.slp_typb, 0);
	assert_int_equal(power_with_dsdt(state, long_package, sizeof(long_package)), 0);
	assert_int_equal(power.slp_typa, 0);
	assert_int_equal(power.slp_typb, 1);
	assert_int_equal(power_with_dsdt(state, no_name, sizeof(no_name)), -ENOENT);
	assert_int_equal(power_with_dsdt(state, not_byte, sizeof(not_byte)), -ENOENT);
	for (u32 size = 0; size <= sizeof(ends); size++)
		assert_int_equal(power_with_dsdt(state, ends, size), -ENOENT);
}

static void generic_port(void **state)
{
	u8 *fadt;

	(void)state;
	machine(true, mixed, sizeof(mixed));
	fadt = block_at(FADT)->bytes;
	put32(fadt + 64, 0);
	fadt[172] = 1; /* I/O space */
	put64(fadt + 176, 0x1804);
	fix_sum(fadt, block_at(FADT)->size, 9);
	assert_int_equal(acpi_power(&source, &power, &why), 0);
	assert_int_equal(power.pm1a_cnt, 0x1804);
	fadt[172] = 0; /* memory: not supported, so not used */
	fix_sum(fadt, block_at(FADT)->size, 9);
	assert_int_equal(acpi_power(&source, &power, &why), -ENOENT);
}

/* xorshift64: the same cases each time. */
static u64 rng = 88172645463325252ull;

static u32 below(u32 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (u32)(rng >> 32) % n;
}

static void random_damage(void **state)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct block *b;

		clear(state);
		machine(below(2), mixed, sizeof(mixed));
		for (unsigned hits = 1 + below(4); hits; hits--) {
			b = &blocks[below(nblocks)];
			b->bytes[below(b->size)] =
				below(3) ? (u8)below(256) : (u8[]){ 0, 1, 0x7f, 0xff }[below(4)];
		}
		for (b = blocks; b < blocks + nblocks; b++) {
			if (b->address != 0x1000) {
				fix_sum(b->bytes, b->size, 9);
				continue;
			}
			fix_sum(b->bytes, 20, 8);
			if (b->size == 36)
				fix_sum(b->bytes, 36, 32);
		}
		acpi_cpus(&source, &cpus, &why);
		assert_true(cpus.count <= ACPI_MAX_CPUS);
		acpi_power(&source, &power, &why);
		assert_true(power.slp_typa < 8 && power.slp_typb < 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(whole, clear),
		cmocka_unit_test_teardown(no_tables, clear),
		cmocka_unit_test_teardown(damaged, clear),
		cmocka_unit_test_teardown(bad_entries, clear),
		cmocka_unit_test_teardown(many, clear),
		cmocka_unit_test_teardown(s5, clear),
		cmocka_unit_test_teardown(generic_port, clear),
		cmocka_unit_test_teardown(random_damage, clear),
	};

	return cmocka_run_group_tests_name("acpi", tests, NULL, NULL);
}
