/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test points by TAP on the first serial port, and the machine's end. */
#include "tests/guests/hw/hw.h"

#define UART_FIFO 16
#define LSR 5
#define LSR_EMPTY 0x20
#define LOOKS 1000000u /* at a transmitter that may not be there */
#define CPUID_HYPERVISOR 0x40000000

static u32 points, failed;

static void put(const char *text)
{
	u32 room = 0;

	for (; *text; text++) {
		for (u32 i = 0; !room && i < LOOKS; i++)
			room = inb(PORT_COM1 + LSR) & LSR_EMPTY ? UART_FIFO : 0;
		room -= room != 0;
		outb(PORT_COM1, (u8)*text);
	}
}

static void point(bool good, const char *why, const char *fmt, va_list args)
{
	char name[128], line[256];

	vformat(name, sizeof(name), fmt, args);
	format(line, sizeof(line), "%s %u - %s%s%s\n", good ? "ok" : "not ok", ++points, name,
	       why ? " # SKIP " : "", why ? why : "");
	failed += !good;
	put(line);
}

#define POINT(good, why, fmt)                                                                      \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, fmt);                                                               \
		point(good, why, fmt, args);                                                       \
		va_end(args);                                                                      \
	} while (0)

void ok(bool good, const char *fmt, ...)
{
	POINT(good, NULL, fmt);
}

void is(u64 got, u64 wanted, const char *fmt, ...)
{
	POINT(got == wanted, NULL, fmt);
	if (got != wanted)
		say("got 0x%lx, wanted 0x%lx", got, wanted);
}

void skip(const char *why, const char *fmt, ...)
{
	POINT(true, why, fmt);
}

bool is_tcg(void)
{
	struct cpuid r = cpuid(CPUID_HYPERVISOR, 0);

	return cpuid(1, 0).ecx & BIT(31) && r.ebx == 0x54474354 && r.ecx == 0x43544743 &&
	       r.edx == 0x47435447; /* TCGTCGTCGTCG */
}

bool tcg_lacks_(const char *why, const char *const *names)
{
	if (!is_tcg())
		return false;
	for (; *names; names++)
		skip(why, "%s", *names);
	return true;
}

void near(u64 (*measure)(u64), u64 arg, u64 wanted, u32 percent, const char *fmt, ...)
{
	u64 got[TRIES];
	bool good = false;
	u32 n = 0;

	while (!good && n < TRIES) {
		got[n] = measure(arg);
		good = got[n] * 100 >= wanted * (100 - percent) &&
		       got[n] * 100 <= wanted * (100 + percent);
		n++;
	}
	POINT(good, NULL, fmt);
	for (u32 i = 0; !good && i < n; i++)
		say("got %lu, wanted %lu, give or take %u %%", got[i], wanted, percent);
}

void say(const char *fmt, ...)
{
	char text[160], line[168];
	va_list args;

	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	format(line, sizeof(line), "# %s\n", text);
	put(line);
}

/* isa-debug-exit ends QEMU with 2 * VALUE + 1. Where there is none, the power goes. */
static _Noreturn void leave(u32 value)
{
	outl(PORT_EXIT, value);
	acpi_power_off();
	for (;;)
		asm volatile("cli; hlt");
}

_Noreturn void finish(void)
{
	char line[32];

	format(line, sizeof(line), "1..%u\n", points);
	put(line);
	leave(failed != 0);
}

_Noreturn void bail_out(const char *fmt, ...)
{
	char text[160];
	va_list args;

	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	put("Bail out! ");
	put(text);
	put("\n");
	leave(1);
}
