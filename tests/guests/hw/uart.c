/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The UART (16550A). It is also where the points go, so none is reported while it is out of order. */
#include "tests/guests/hw/hw.h"

#define DATA 0
#define IER 1
#define IIR 2
#define FCR 2
#define LCR 3
#define MCR 4
#define LSR 5
#define MSR 6
#define SCRATCH 7
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define FCR_ON 0x01
#define FCR_CLEAR 0x06
#define MCR_DTR_RTS_OUT2 0x0b
#define MCR_LOOP 0x10
#define IER_RX 0x01
#define IER_THRE 0x02
#define IIR_NONE 0x1
#define IIR_RX 0x4 /* with bit 3: and nobody came for it for a while */
#define LSR_DR 0x01
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define PIN 4
#define VECTOR 0x65

static u8 get(u32 reg)
{
	return inb((u16)(PORT_COM1 + reg));
}

static void set(u32 reg, u8 value)
{
	outb((u16)(PORT_COM1 + reg), value);
}

/* 115200 8N1. The divisor is written first: what is still to be sent is. */
void uart_init(void)
{
	until_closed(BOUND_MS, get(LSR) & LSR_TEMT);
	set(IER, 0);
	set(LCR, LCR_8N1 | LCR_DLAB);
	set(DATA, 1);
	set(IER, 0);
	set(LCR, LCR_8N1);
	set(FCR, FCR_ON | FCR_CLEAR);
	set(MCR, MCR_DTR_RTS_OUT2);
	get(IIR);
}

void uart_thre_irq(bool on)
{
	until_closed(BOUND_MS, get(LSR) & LSR_TEMT);
	set(IER, on ? IER_THRE : 0);
}

u8 uart_iir(void)
{
	return get(IIR);
}

static void registers(void)
{
	u8 scratch, low, high, data;

	set(SCRATCH, 0x5a);
	scratch = get(SCRATCH);
	set(SCRATCH, 0xa5);
	ok(scratch == 0x5a && get(SCRATCH) == 0xa5, "UART: the scratch register is kept");
	until_closed(BOUND_MS, get(LSR) & LSR_TEMT);
	set(LCR, LCR_8N1 | LCR_DLAB);
	set(DATA, 0x34);
	set(IER, 0x12);
	low = get(DATA);
	high = get(IER);
	set(DATA, 1);
	set(IER, 0);
	set(LCR, LCR_8N1);
	data = get(IER);
	ok(low == 0x34 && high == 0x12 && !data, "UART: the divisor is behind DLAB");
	is(get(LCR), LCR_8N1, "UART: LCR is kept");
	ok(until_closed(BOUND_MS, (get(LSR) & (LSR_THRE | LSR_TEMT)) == (LSR_THRE | LSR_TEMT)),
	   "UART: LSR says when all is sent");
	is(get(LSR) & 0x1f, 0, "UART: LSR has nothing received, no error");
	is(get(IIR) & 0xc0, 0xc0, "UART: IIR says that the FIFOs are on");
}

static void loopback(void)
{
	u8 got[4] = { 0 }, status[4], before, with_data, iir, after;
	static const u8 lines[] = { 0x1, 0x2, 0x4, 0x8 };    /* DTR, RTS, OUT1, OUT2 */
	static const u8 seen[] = { 0x20, 0x10, 0x40, 0x80 }; /* DSR, CTS, RI, DCD */
	u32 right = 0, n = 0;

	until_closed(BOUND_MS, get(LSR) & LSR_TEMT);
	set(MCR, MCR_LOOP | MCR_DTR_RTS_OUT2);
	for (u32 i = 0; i < 4; i++) {
		set(MCR, MCR_LOOP | lines[i]);
		status[i] = get(MSR) & 0xf0;
		right += status[i] == seen[i];
	}
	set(IER, IER_RX);
	before = get(LSR);
	for (u32 i = 0; i < 4; i++)
		set(DATA, (u8)(0xc0 + i));
	until_closed(BOUND_MS, get(LSR) & LSR_TEMT);
	until_closed(BOUND_MS, get(LSR) & LSR_DR);
	with_data = get(LSR);
	iir = get(IIR);
	while (n < 4 && until_closed(BOUND_MS / 10, get(LSR) & LSR_DR))
		got[n++] = get(DATA);
	after = get(LSR);
	set(IER, 0);
	uart_init();

	is(right, 4, "UART loopback: DTR, RTS, OUT1, OUT2 are DSR, CTS, RI, DCD");
	ok(!(before & LSR_DR) && with_data & LSR_DR && !(after & LSR_DR),
	   "UART loopback: LSR says whether there is data");
	is(iir & 7, IIR_RX, "UART loopback: IIR says: received");
	is((u32)got[0] << 24 | got[1] << 16 | got[2] << 8 | got[3], 0xc0c1c2c3,
	   "UART loopback: what is sent comes back, in order");
}

static void interrupts(void)
{
	u8 none, first, second;
	u32 taken_off, taken_gated = 0, taken_on;

	forget();
	ioapic_route(PIN, VECTOR, (u8)bsp);
	none = get(IIR);
	uart_thre_irq(true);
	until(BOUND_MS, my_hits(VECTOR));
	open_us(QUIET_US);
	taken_on = my_hits(VECTOR);
	first = get(IIR);
	second = get(IIR);
	set(DATA, '\n'); /* TAP ignores an empty line */
	until(BOUND_MS, my_hits(VECTOR) > 1);
	taken_off = my_hits(VECTOR);
	uart_thre_irq(false);
	get(IIR);

	/* On a PC OUT2 gates the interrupt. */
	forget();
	set(MCR, MCR_DTR_RTS_OUT2 & ~0x8);
	uart_thre_irq(true);
	open_us(QUIET_US);
	taken_gated = my_hits(VECTOR);
	uart_thre_irq(false);
	uart_init();
	ioapic_route(PIN, IOAPIC_MASKED, 0);
	is(none & 0xf, IIR_NONE, "UART: IIR says: none");
	is(taken_on, 1, "UART: an empty transmitter interrupts when that is switched on");
	is(first & 0xf, IIR_THRE, "UART: IIR says: transmitter empty");
	is(second & 0xf, IIR_NONE, "UART: reading IIR clears that");
	is(taken_off, 2, "UART: a byte sent interrupts again");
	if (!tcg_lacks("it has no such gate", "UART: without OUT2 no interrupt"))
		is(taken_gated, 0, "UART: without OUT2 no interrupt");
}

void test_uart(void)
{
	registers();
	loopback();
	interrupts();
}
