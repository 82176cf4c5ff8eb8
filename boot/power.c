/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a boot: the last line, then whichever way of powering off the machine has. */
#include "boot/power.h"
#include "boot/console.h"
#include "boot/format.h"
#include "mm/host.h"
#include "mm/x86.h"

enum { QEMU_DEBUG_EXIT = 0xf4, BOCHS_SHUTDOWN = 0x8900 };
enum { PM1_SCI_EN = 1 << 0, PM1_SLP_TYP_SHIFT = 10, PM1_SLP_EN = 1 << 13 };

static const struct acpi_power *acpi;
static void (*firmware_shutdown)(void);

void power_use_acpi(const struct acpi_power *power)
{
	acpi = power;
}

void power_use_firmware(void (*shutdown)(void))
{
	firmware_shutdown = shutdown;
}

static void acpi_off(void)
{
	if (acpi->smi_cmd && !(inw(acpi->pm1a_cnt) & PM1_SCI_EN)) {
		outb(acpi->smi_cmd, acpi->acpi_enable);
		for (u32 i = 0; i < 1000000 && !(inw(acpi->pm1a_cnt) & PM1_SCI_EN); i++)
			cpu_relax();
	}
	outw(acpi->pm1a_cnt, (u16)(acpi->slp_typa << PM1_SLP_TYP_SHIFT | PM1_SLP_EN));
	if (acpi->pm1b_cnt)
		outw(acpi->pm1b_cnt, (u16)(acpi->slp_typb << PM1_SLP_TYP_SHIFT | PM1_SLP_EN));
}

static _Noreturn void power_off(int code)
{
	irq_disable();
	console_drain();
	outb(QEMU_DEBUG_EXIT, (u8)code);
	if (firmware_shutdown)
		firmware_shutdown();
	/* A real machine may have a device at Bochs's port. It has ACPI as well; Bochs under UEFI
	 * has none. */
	if (acpi)
		acpi_off();
	else
		for (const char *c = "Shutdown"; *c; c++)
			outb(BOCHS_SHUTDOWN, (u8)*c);
	for (;;)
		asm volatile("cli; hlt");
}

_Noreturn void finish(int code)
{
	printk("@end %d\n", code);
	power_off(code);
}

void report_error(const char *result, int code, const char *text)
{
	char escaped[640];

	format_json(escaped, sizeof(escaped), text);
	printk("@json {\"result\":\"%s\",\"exit\":%d,\"error\":\"%s\"}\n", result, code, escaped);
}

_Noreturn void setup_error(const char *fmt, ...)
{
	char text[480];
	va_list args;

	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	printk("error: %s\n", text);
	report_error("error", EXIT_INPUT, text);
	finish(EXIT_INPUT);
}
