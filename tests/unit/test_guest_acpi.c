/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI tables that guests see: read by the hypervisor's own parser, taken apart by ACPICA's
 * disassembler, and their namespace loaded by ACPICA's interpreter (from Debian's acpica-tools).
 * links: vmx/pc/acpi.c boot/acpi.c mm/frame.c tests/unit/fake.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/acpi.h"
#include "tests/unit/fake.h"
#include "vmx/pc/acpi.h"
#include "vmx/pc/fwcfg.h"
#include "vmx/pc/pm.h"
#include "vmx/pc/rtc.h"
#include "vmx/pc/uart.h"

#define GPA ACPI_TABLES_GPA
#define ROOM (0x100000 - GPA)
#define GUARD 64

static u8 memory[ROOM + 2 * GUARD] __attribute__((aligned(ACPI_TABLES_ALIGN)));
static u8 *const tables = memory + GUARD;
static u8 dsdt[4096];
static struct acpi_config config = { .dsdt = dsdt };
static long size;
static char dir[] = "/tmp/guest-acpi.XXXXXX";

static const void *map(void *context, u64 address, u64 length)
{
	(void)context;
	if (address < GPA || address - GPA > (u64)size || length > (u64)size - (address - GPA))
		return NULL;
	return tables + (address - GPA);
}

static u64 number(const u8 *p, unsigned bytes)
{
	u64 value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (u64)p[i] << 8 * i;
	return value;
}

static void build(unsigned cpus)
{
	memset(memory, 0x5c, sizeof(memory));
	config.cpus = cpus;
	size = acpi_tables(tables, ROOM, GPA, &config);
	assert_in_range(size, 1, ROOM);
	for (unsigned i = 0; i < GUARD; i++) {
		assert_int_equal(memory[i], 0x5c);
		assert_int_equal(tables[size + i], 0x5c);
	}
}

static bool sums_to_zero(const u8 *p, u64 length)
{
	u8 sum = 0;

	while (length--)
		sum = (u8)(sum + *p++);
	return !sum;
}

/* A table at a guest-physical address, which must be whole and inside. */
static const u8 *table(u64 gpa, const char *signature)
{
	const u8 *t = map(NULL, gpa, 8);

	assert_non_null(t);
	assert_memory_equal(t, signature, 4);
	assert_non_null(map(NULL, gpa, number(t + 4, 4)));
	if (strcmp(signature, "FACS"))
		assert_true(sums_to_zero(t, number(t + 4, 4)));
	return t;
}

static void pointers(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= MAX_CPUS; cpus++) {
		const u8 *fadt, *xsdt, *rsdt, *facs;

		build(cpus);
		assert_memory_equal(tables, "RSD PTR ", 8);
		assert_true(sums_to_zero(tables, 20) && sums_to_zero(tables, 36));
		rsdt = table(number(tables + 16, 4), "RSDT");
		xsdt = table(number(tables + 24, 8), "XSDT");
		assert_int_equal(number(rsdt + 4, 4), 36 + 2 * 4);
		assert_int_equal(number(xsdt + 4, 4), 36 + 2 * 8);
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(number(rsdt + 36 + 4 * i, 4),
					 number(xsdt + 36 + 8 * i, 8));
		table(number(xsdt + 44, 8), "APIC");
		fadt = table(number(xsdt + 36, 8), "FACP");
		facs = table(number(fadt + 36, 4), "FACS");
		assert_int_equal(number(fadt + 36, 4) % 64, 0);
		assert_int_equal(number(facs + 4, 4), 64);
		assert_ptr_equal(table(number(fadt + 40, 4), "DSDT"),
				 table(number(fadt + 140, 8), "DSDT"));
	}
}

static void own_parser(void **state)
{
	const struct acpi_source source = { map, NULL, GPA };
	struct acpi_power power;
	struct acpi_cpus cpus;
	const char *why;

	(void)state;
	for (unsigned n = 1; n <= MAX_CPUS; n++) {
		build(n);
		assert_int_equal(acpi_cpus(&source, &cpus, &why), 0);
		assert_int_equal(cpus.count, n);
		assert_int_equal(cpus.disabled + cpus.over, 0);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(cpus.apic_id[i], i);
		assert_int_equal(acpi_power(&source, &power, &why), 0);
		assert_int_equal(power.pm1a_cnt, PM_CONTROL);
		assert_int_equal(power.pm1b_cnt | power.smi_cmd, 0);
		assert_int_equal(power.slp_typa, PM_S5);
	}
}

static void refused(void **state)
{
	struct acpi_config c = config;

	(void)state;
	c.cpus = 0;
	assert_int_equal(acpi_tables(tables, ROOM, GPA, &c), -EINVAL);
	c.cpus = MAX_CPUS + 1;
	assert_int_equal(acpi_tables(tables, ROOM, GPA, &c), -EINVAL);
	c.cpus = 1;
	assert_int_equal(acpi_tables(tables, ROOM, GPA + 16, &c), -EINVAL);
	assert_int_equal(acpi_tables(tables, ROOM, 0xffffff00, &c), -EINVAL);
	assert_int_equal(acpi_tables(tables, ROOM, 1ul << 32, &c), -EINVAL);
	assert_int_equal(acpi_tables(tables, ROOM, -64ul, &c), -EINVAL);
	/* each size that is too small */
	build(1);
	for (size_t room = 0;; room++) {
		long rc;

		memset(memory, 0x5c, sizeof(memory));
		rc = acpi_tables(tables, room, GPA, &c);
		assert_int_equal(tables[room], 0x5c);
		if (rc > 0) {
			assert_in_range(room, size, size + 128);
			break;
		}
		assert_int_equal(rc, -EINVAL);
	}
	c.dsdt_size = 0xffffffff;
	assert_int_equal(acpi_tables(tables, ROOM, GPA, &c), -EINVAL);
}

static void put_file(const char *name, const void *bytes, size_t length)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

/* Runs a command in the directory, with what it says in a file of its own; that file is shown when the
 * command fails, or says what BAD, a regular expression, matches. */
static void run(const char *log, const char *command, const char *bad)
{
	char line[1024];

	snprintf(line, sizeof(line),
		 "cd %s && { %s; } >%s 2>&1 </dev/null && ! grep -iE '%s' %s >&2 || "
		 "{ cat %s/%s >&2; exit 1; }",
		 dir, command, log, bad, log, dir, log);
	assert_int_equal(system(line), 0);
}

/* The text of a table has LINE, a regular expression, COUNT times. */
static void has(const char *file, const char *line, unsigned count)
{
	char command[512];

	snprintf(command, sizeof(command), "test $(grep -cE '%s' %s/%s) = %u", line, dir, file,
		 count);
	if (system(command))
		fail_msg("%s: not %u times %s", file, count, line);
}

static void disassembles(void **state)
{
	(void)state;
	for (unsigned cpus = 1; cpus <= MAX_CPUS; cpus++) {
		const u8 *xsdt, *fadt;

		build(cpus);
		xsdt = table(number(tables + 24, 8), "XSDT");
		fadt = table(number(xsdt + 36, 8), "FACP");
		put_file("rsdp", tables, 36);
		put_file("rsdt", table(number(tables + 16, 4), "RSDT"), 36 + 8);
		put_file("xsdt", xsdt, 36 + 16);
		put_file("fadt", fadt, number(fadt + 4, 4));
		put_file("facs", table(number(fadt + 36, 4), "FACS"), 64);
		put_file("madt", tables + (number(xsdt + 44, 8) - GPA),
			 number(table(number(xsdt + 44, 8), "APIC") + 4, 4));
		put_file("dsdt", tables + (number(fadt + 40, 4) - GPA),
			 number(table(number(fadt + 40, 4), "DSDT") + 4, 4));
		/* The disassembler takes an RSDP for a table that it does not know: by its name, no. */
		run("iasl.log", "iasl -d rsdt xsdt fadt facs madt dsdt",
		    "error|warning|invalid|unknown|incorrect|could not");
		has("madt.dsl", "Processor Enabled : 1", cpus);
		has("madt.dsl", "Local Apic ID : ", cpus);
	}
	has("madt.dsl", "PC-AT Compatibility : 1", 1);
	has("madt.dsl", "Local Apic Address : FEE00000", 1);
	has("madt.dsl", "Address : FEC00000", 1);
	has("madt.dsl", "Source : 00", 1);
	has("madt.dsl", "Interrupt : 00000002", 1);
	has("madt.dsl", "Source : 09", 1);
	has("madt.dsl", "Interrupt : 00000009", 1);
	has("madt.dsl", "Interrupt Input LINT : 01", 1);
	has("fadt.dsl", "SCI Interrupt : 0009", 1);
	has("fadt.dsl", "SMI Command Port : 00000000", 1);
	has("fadt.dsl", "8042 Present on ports 60/64 .*: 0", 1);
	has("fadt.dsl", "Legacy Devices Supported .*: 1", 1);
	has("fadt.dsl", "VGA Not Present .*: 1", 1);
	has("fadt.dsl", "CMOS RTC Not Present .*: 0", 1);
	has("fadt.dsl", "32-bit PM Timer .*: 1", 1);
	has("fadt.dsl", "Reset Register Supported .*: 1", 1);
	has("fadt.dsl", "Value to cause reset : 06", 1);
	has("fadt.dsl", "Address : 0000000000000CF9", 1);
	has("fadt.dsl", "RTC Century Index : 32", 1);
	/* compiled again, it is a table without remarks */
	run("again.log", "iasl -we -p again dsdt.dsl", "[1-9][0-9]* (Errors|Warnings|Remarks)");
}

/* The file's text from FROM to the TO behind it, or to its end. */
static char *text_between(const char *name, const char *from, const char *to)
{
	static char text[65536];
	char path[128], *start, *stop;
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = 0;
	assert_int_equal(fclose(file), 0);
	start = strstr(text, from);
	if (!start)
		fail_msg("%s: no %s", name, from);
	stop = strstr(start + 1, to);
	if (stop)
		*stop = 0;
	return start;
}

/* The next number behind NAME, which is moved over. */
static u64 number_behind(char **text, const char *name, int base)
{
	char *found = strstr(*text, name);

	if (!found)
		fail_msg("no %s", name);
	return strtoull(found + strlen(name), text, base);
}

/* What an operating system makes of the DSDT is what the devices' headers say. */
static void resources(void **state)
{
	static const struct {
		const char *device;
		int irq; /* -1: none */
		struct {
			u16 at, count;
		} ports[5];
	} devices[] = {
		{ "COM1", UART_COM1_IRQ, { { UART_COM1, 8 } } },
		{ "RTC", RTC_IRQ, { { RTC_PORT, 2 } } },
		{ "PIT", 0, { { 0x40, 4 } } },
		{ "SPKR", -1, { { 0x61, 1 } } },
		{ "PIC", 2, { { 0x20, 2 }, { 0xa0, 2 }, { 0x4d0, 2 } } },
		{ "MISC",
		  -1,
		  { { RESET_PORT_A, 1 },
		    { EXIT_PORT, 4 },
		    { FWCFG_SELECT, 2 },
		    { PM_EVENT, PM_END - PM_EVENT },
		    { RESET_CONTROL, 1 } } },
	};
	char *text;

	(void)state;
	/* In this tool's words "error" and "warning" are the compiler's, AE_ codes the interpreter's. */
	run("load.log", "acpiexec -b 'namespace; integrity; test objects' dsdt",
	    "error|warning|exception|invalid|could not|AE_");
	run("resources.log", "acpiexec -b 'resources; evaluate \\_S5' dsdt",
	    "error|warning|exception|invalid|could not");
	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
		char name[32];

		snprintf(name, sizeof(name), "Device: \\_SB.%s\n", devices[i].device);
		text = text_between("resources.log", name, "Device: ");
		for (unsigned n = 0; n < 5 && devices[i].ports[n].count; n++) {
			u16 at = devices[i].ports[n].at;

			assert_int_equal(number_behind(&text, "Address Minimum : ", 16), at);
			assert_int_equal(number_behind(&text, "Address Maximum : ", 16), at);
			assert_int_equal(number_behind(&text, "Address Length : ", 16),
					 devices[i].ports[n].count);
		}
		assert_null(strstr(text, "Address Minimum"));
		if (devices[i].irq < 0)
			assert_null(strstr(text, "Interrupt List"));
		else
			assert_int_equal(number_behind(&text, "Interrupt List : ", 10),
					 devices[i].irq);
	}
	text = text_between("resources.log", "Contains 4 Elements", "No outstanding");
	assert_int_equal(number_behind(&text, "[Integer] = ", 16), PM_S5);
}

static int start(void **state)
{
	char command[256];
	FILE *file;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(command, sizeof(command), "iasl -we -p %s/aml vmx/pc/dsdt.asl >%s/log 2>&1", dir,
		 dir);
	if (system(command))
		return -1;
	snprintf(command, sizeof(command), "%s/aml.aml", dir);
	file = fopen(command, "r");
	if (!file)
		return -1;
	config.dsdt_size = (u32)fread(dsdt, 1, sizeof(dsdt), file);
	return fclose(file);
}

static int end(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pointers),  cmocka_unit_test(own_parser),
		cmocka_unit_test(refused),   cmocka_unit_test(disassembles),
		cmocka_unit_test(resources),
	};

	return cmocka_run_group_tests_name("guest_acpi", tests, start, end);
}
