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
enum { LCR_8N1 = 0x03, LCR_DLAB = 0x80, LSR_DATA = 0x01, LSR_THR_EMPTY = 0x20, LSR_IDLE = 0x40 };

/* A byte takes 87 us at 115200 baud, a port read about 1 us or more: the bound only serves a port
 * that hangs. */
#define UART_WAIT 1000000u

/* Bytes that an empty port takes; older ones than the 16550A took one, but no machine with VT-x has
 * them. Under a hypervisor each access is an exit, and this many bytes are one access. */
#define FIFO 16

static bool have_serial;
static void (*fallback)(const char *text);
static u32 taken;

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

/* The port's FIFO is empty: as many of TEXT's bytes as it takes. Returns what is left. */
static const char *put_some(const char *text)
{
	u8 bytes[FIFO];
	u32 n = 0;

	for (; *text && n < FIFO - 1; text++) {
		if (*text == '\n')
			bytes[n++] = '\r';
		bytes[n++] = (u8)*text;
	}
	outsb(COM1 + UART_DATA, bytes, n);
	return text;
}

static void put_text(const char *text)
{
	if (!have_serial) {
		if (fallback)
			fallback(text);
		return;
	}
	while (*text) {
		wait_for(LSR_THR_EMPTY);
		text = put_some(text);
	}
}

/* What waits to be written: queue[written .. queued]. With the lock. */
static char queue[8192];
static u32 written, queued;

static void put_queue(void)
{
	put_text(queue + written);
	written = queued = 0;
	queue[0] = 0;
}

static void take(void)
{
	/* The CPU that panics has stopped the others, perhaps one that holds the lock: it does not
	 * ask for it. */
	while (__atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE)) {
		if (panic_is_mine())
			break;
		while (__atomic_load_n(&taken, __ATOMIC_RELAXED) && !panic_is_mine())
			cpu_relax();
	}
}

static void give(void)
{
	__atomic_store_n(&taken, 0, __ATOMIC_RELEASE);
}

void console_write(const char *text)
{
	take();
	put_queue();
	put_text(text);
	give();
}

void console_pump(void)
{
	if (!have_serial || !__atomic_load_n(&queued, __ATOMIC_RELAXED))
		return;
	take();
	if (inb(COM1 + UART_LSR) & LSR_THR_EMPTY)
		written = (u32)(put_some(queue + written) - queue);
	if (written == queued)
		put_queue();
	give();
}

int console_read(void)
{
	if (!have_serial || !(inb(COM1 + UART_LSR) & LSR_DATA))
		return -1;
	return inb(COM1 + UART_DATA);
}

void print_later(const char *fmt, ...)
{
	char text[256];
	va_list args;
	u32 length;

	va_start(args, fmt);
	length = (u32)vformat(text, sizeof(text), fmt, args);
	va_end(args);
	take();
	if (queued + length >= sizeof(queue))
		put_queue();
	memcpy(queue + queued, text, length + 1);
	__atomic_store_n(&queued, queued + length, __ATOMIC_RELAXED);
	give();
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
