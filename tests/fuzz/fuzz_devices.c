/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any accesses to the guest's serial port, clock, power management and fw_cfg, at any times: what
 * holds of each device's state and lines holds after each access.
 * links: vmx/pc/uart.c vmx/pc/rtc.c vmx/pc/pm.c vmx/pc/fwcfg.c
 *
 * An operation is a byte (which; 128: it is a write), a byte that chooses among ports, and two bytes
 * of value, or of time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "vmx/pc/fwcfg.h"
#include "vmx/pc/pm.h"
#include "vmx/pc/rtc.h"
#include "vmx/pc/uart.h"

#define SECOND 1000000000ull
#define END_OF_TIME (1ull << 62) /* 146 years: with a step more, below 2^64 */
#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static struct uart uart;
static struct rtc rtc;
static struct pm pm;
static struct fwcfg fwcfg;
static u64 now;

static void time_passes(u8 scale, u16 amount)
{
	static const u64 unit[] = { 1,	    1000,   30518,	   1000000,
				    244000, SECOND, 3600 * SECOND, 86400 * SECOND };

	now += unit[scale % 8] * (now < END_OF_TIME ? amount : 0);
}

static void uart_access(bool write, u8 reg, u8 value)
{
	bool line = uart_irq(&uart);
	u8 count = uart.rx_count;

	if (!write) {
		u8 got = uart_read(&uart, reg & 7);

		HOLDS((reg & 7) != 2 || (got & 0x3f) == (got & 0x0f));
		HOLDS((reg & 7) != 5 || ((got & 0x60) == 0x60 && (got & 1) == (count > 0)));
		/* A read of RBR, IIR, LSR or MSR can end an interrupt; none starts one, but for the
		 * error of the character behind the one that was read. */
		HOLDS(line || !uart_irq(&uart) || (reg & 7) == 0);
		HOLDS(uart_sent(&uart) < 0);
	} else {
		bool sends = !(reg & 7) && !(uart.lcr & 0x80) && !(uart.mcr & 0x10);

		uart_write(&uart, reg & 7, value);
		HOLDS(uart_sent(&uart) == (sends ? value : -1));
	}
	HOLDS(uart.rx_count <= UART_FIFO && uart.rx_head < UART_FIFO);
	HOLDS(uart.fcr & 1 || uart.rx_count <= 1);
	HOLDS(!uart_irq(&uart) || (uart.mcr & 0x18) == 0x08);
	HOLDS(!uart_irq(&uart) || uart.ier);
}

static void uart_input(u8 byte)
{
	u8 count = uart.rx_count, errors = uart.errors;
	bool taken = uart_receive(&uart, byte);

	HOLDS(uart.rx_count == count + taken && uart.errors == errors);
	HOLDS(taken || uart.mcr & 0x10 || count == (uart.fcr & 1 ? UART_FIFO : 1));
}

static void rtc_access(bool write, u8 port, u8 value)
{
	u64 next = rtc_next(&rtc);
	bool line = rtc_irq(&rtc);

	HOLDS(!line || next == ~0ull);
	if (write) {
		rtc_write(&rtc, RTC_PORT + port % 2, value, now);
	} else if (value & 1) {
		rtc_tick(&rtc, now);
		HOLDS(line <= rtc_irq(&rtc));
		/* It does not come earlier than was said. */
		HOLDS(line || !rtc_irq(&rtc) || now >= next);
	} else {
		u8 got = rtc_read(&rtc, RTC_PORT + port % 2, now);

		if (port % 2 && rtc.index == 12)
			HOLDS(!(got & 0x0f) && !rtc_irq(&rtc) && rtc.cmos[12] == 0);
		HOLDS(port % 2 || got == 0xff);
	}
	HOLDS(rtc.index < 128 && !(rtc.cmos[12] & 0x8f) && rtc.cmos[13] == 0x80);
	HOLDS(!(rtc.cmos[10] & 0x80));
	if (!line && !rtc_irq(&rtc) && port % 2)
		HOLDS(rtc_next(&rtc) > now);
	if ((rtc.cmos[10] & 0x70) == 0x20 && port % 2)
		HOLDS(rtc.update > now && rtc.update - now <= SECOND && rtc.periodic > now);
}

static void pm_access(bool write, u8 port, u16 value, unsigned size)
{
	static const u16 ports[] = { 0x600, 0x602, 0x603, 0x604, 0x605, 0x606, 0x608, 0x60b,
				     0xcf9, 0x64,  0x92,  0xf4,	 0x91,	0xcf8, 0x5fe, 0xffff };
	struct pm before = pm;
	u64 next = pm_next(&pm, now);

	HOLDS(next > now);
	HOLDS(next == ~0ull || (!pm_sci(&pm, next - 1) && pm_sci(&pm, next)));
	if (write) {
		pm_write(&pm, ports[port % 16], size, value * 0x10001u, now);
		HOLDS(pm.off >= before.off && pm.reset >= before.reset &&
		      pm.exited >= before.exited);
	} else {
		u32 got = pm_read(&pm, ports[port % 16], size, now);

		HOLDS(size == 4 || got >> 8 * size == 0);
	}
	HOLDS((pm.control & ~0x1c02) == 1 && !(pm.enable & ~0x0721) && !(pm.status & ~1));
}

static void fwcfg_access(bool write, u16 value)
{
	if (write)
		fwcfg_select(&fwcfg, value);
	else
		fwcfg_data(&fwcfg);
	HOLDS(fwcfg.at <= 8);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	now = 0;
	uart_reset(&uart);
	rtc_reset(&rtc, 1700000000, 256ul << 20);
	pm_reset(&pm);
	fwcfg_reset(&fwcfg, 256ul << 20, 3);
	for (size_t at = 0; at + 4 <= size && at < 4096; at += 4) {
		bool write = data[at] & 0x80;
		u16 value = data[at + 2] | data[at + 3] << 8;

		switch (data[at] % 8) {
		case 0:
			time_passes(data[at + 1], data[at + 3] ? value : data[at + 2]);
			break;
		case 1:
		case 2:
			uart_access(write, data[at + 1], (u8)value);
			break;
		case 3:
			uart_input((u8)value);
			break;
		case 4:
		case 5:
			rtc_access(write, data[at + 1], (u8)value);
			break;
		case 6:
			pm_access(write, data[at + 1], value, 1u << data[at] / 8 % 3);
			break;
		case 7:
			fwcfg_access(write, value);
			break;
		}
	}
	return 0;
}
