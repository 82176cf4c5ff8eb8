/* SPDX-License-Identifier: GPL-2.0-or-later */
/* printk() and the port under it. */
#include "boot/console.h"
#include "boot/format.h"
#include "boot/panic.h"
#include "mm/host.h"
#include "mm/x86.h"

enum {
	COM1 = 0x3f8,
	UART_DATA = 0,
	UART_IER = 1,
	UART_FCR = 2,
	UART_LCR = 3,
	UART_MCR = 4,
	UART_LSR = 5,
	UART_SCRATCH = 7
};
enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80, LSR_THR_EMPTY = 0x20, LSR_IDLE = 0x40 };

/* A byte takes 87 us at 115200 baud, a port read about 1 us or more: the bound only serves a port
 * that hangs. */
#define UART_WAIT 1000000u

static bool have_serial;
static void (*fallback)(const char *text);
static u32 lock;

void console_init(void)
{
	/* Where no port answers, reads give 0xff: the scratch register tells. */
	outb(COM1 + UART_SCRATCH, 0x5a);
	if (inb(COM1 + UART_SCRATCH) != 0x5a)
		return;
	outb(COM1 + UART_SCRATCH, 0xa5);
	if (inb(COM1 + UART_SCRATCH) != 0xa5)
		return;
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, LCR_DLAB);
	outb(COM1 + UART_DATA, 1); /* divisor 1: 115200 */
	outb(COM1 + UART_IER, 0);
	outb(COM1 + UART_LCR, LCR_8N1);
	outb(COM1 + UART_FCR, 0x07); /* FIFOs on and empty */
	outb(COM1 + UART_MCR, 0x03); /* DTR, RTS; interrupts stay off */
	have_serial = true;
}

bool console_has_serial(void)
{
	return have_serial;
}

void console_fallback(void (*put)(const char *text))
{
	fallback = put;
}

static void wait_for(u8 bits)
{
	for (u32 i = 0; i < UART_WAIT && (inb(COM1 + UART_LSR) & bits) != bits; i++)
		cpu_relax();
}

void console_drain(void)
{
	if (have_serial)
		wait_for(LSR_THR_EMPTY | LSR_IDLE);
}

static void put_text(const char *text)
{
	if (!have_serial) {
		if (fallback)
			fallback(text);
		return;
	}
	for (; *text; text++) {
		if (*text == '\n') {
			wait_for(LSR_THR_EMPTY);
			outb(COM1 + UART_DATA, '\r');
		}
		wait_for(LSR_THR_EMPTY);
		outb(COM1 + UART_DATA, (u8)*text);
	}
}

void console_write(const char *text)
{
	/* The CPU that panics has stopped the others, perhaps one that holds the lock: it does not
	 * ask for it. */
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {
		if (panic_is_mine())
			break;
		while (__atomic_load_n(&lock, __ATOMIC_RELAXED) && !panic_is_mine())
			cpu_relax();
	}
	put_text(text);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void printk(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	console_write(text);
}
