/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line's tests, or all of them, each on a quiet machine. */
#include "tests/guests/hw/hw.h"

#define MULTIBOOT_LOADED 0x2badb002

void hw_main(void);

u32 memory_upper;

void apic_setup(void *unused)
{
	(void)unused;
	apic_write(APIC_SVR, APIC_SVR_VALUE);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_LVT_LINT0, LVT_MASKED);
	apic_write(APIC_LVT_LINT1, LVT_MASKED);
	apic_write(APIC_LVT_ERROR, LVT_MASKED);
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_1);
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << (24 + this_vcpu()->id));
	apic_write(APIC_TPR, 0);
	apic_write(APIC_ESR, 0);
}

void quiet(void)
{
	irq_disable();
	pic_init();
	for (u32 i = 0; i < ioapic_pins(); i++)
		ioapic_route(i, IOAPIC_MASKED, 0);
	pit_set(0, 0, 0);
	rtc_write(RTC_B, RTC_24H);
	rtc_read(RTC_C);
	uart_init();
	call_all(apic_setup, NULL);
	for (u32 i = 0; i < 256; i++)
		rt_on((u8)i, NULL);
	open_us(100);
	forget();
}

/* The word that TEXT begins with is NAME. */
static bool word_is(const char *text, size_t length, const char *name)
{
	return strlen(name) == length && !memcmp(text, name, length);
}

static _Noreturn void no_such_test(const char *line)
{
	char names[120];
	int n = 0;

	for (u32 i = 0; i < ntests; i++)
		n += format(names + n, sizeof(names) - (size_t)n, " %s", tests[i].name);
	bail_out("no test with such a name: %s; there are%s", line, names);
}

static u32 unless_chosen(void)
{
	u32 mask = 0;

	for (u32 i = 0; i < ntests; i++)
		mask |= !tests[i].alone << i;
	return mask;
}

static u32 chosen(const char *line)
{
	u32 mask = 0, words = 0;

	while (*line) {
		size_t length = 0;
		u32 i = 0;

		for (; *line == ' '; line++)
			;
		for (; line[length] && line[length] != ' '; length++)
			;
		for (; length && i < ntests && !word_is(line, length, tests[i].name); i++)
			;
		if (length && i < ntests)
			mask |= 1u << i;
		else if (length && words) /* a loader may pass the file's name first */
			no_such_test(line);
		words += length != 0;
		line += length;
	}
	return mask ? mask : unless_chosen();
}

/* The fields of the multiboot information that are used, if the loader filled them in. */
static u32 read_multiboot(void)
{
	const struct {
		u32 flags, lower, upper, device, cmdline;
	} *info = (const void *)(u64)multiboot_info;
	const char *given = "";
	static char line[256];

	if (multiboot_magic != MULTIBOOT_LOADED)
		bail_out("not started by a multiboot loader: EAX 0x%x", multiboot_magic);
	if (info->flags & BIT(0))
		memory_upper = info->upper;
	if (info->flags & BIT(2))
		given = (const char *)(u64)info->cmdline;
	for (u32 i = 0; i < sizeof(line) - 1 && given[i]; i++)
		line[i] = given[i];
	return chosen(line);
}

void hw_main(void)
{
	u32 mask;

	uart_init();
	mask = read_multiboot();
	if (!clock_init())
		bail_out("the PIT does not count: there is nothing to tell the time by");
	acpi_find();
	start_cpus();
	is(all_cpus(), (1u << machine.cpus) - 1, "the CPUs of the MADT have started");
	say("%u CPUs, TSC %lu kHz", machine.cpus, tsc_khz);
	for (u32 i = 0; i < ntests; i++) {
		u64 start = rdtsc();

		if (!(mask >> i & 1))
			continue;
		quiet();
		tests[i].run();
		irq_disable();
		say("%s: %lu ms", tests[i].name, (rdtsc() - start) / tsc_khz);
	}
	quiet();
	finish();
}
