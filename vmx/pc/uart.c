/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmx/pc/uart.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RECEIVE 0x01
#define IER_THRE 0x02
#define IER_LINE 0x04
#define IER_MODEM 0x08
#define IER_BITS 0x0f
/* Interrupts by priority. */
#define IIR_LINE 0x06
#define IIR_RECEIVE 0x04
#define IIR_TIMEOUT 0x0c
#define IIR_THRE 0x02
#define IIR_MODEM 0x00
#define IIR_NONE 0x01
#define IIR_FIFOS 0xc0
#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define FCR_TRIGGER 0xc0
#define LCR_BREAK 0x40
#define LCR_DLAB 0x80
#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_BITS 0x1f
#define LSR_READY 0x01
#define LSR_OVERRUN 0x02
#define LSR_FRAMING 0x08
#define LSR_BREAK 0x10
#define LSR_EMPTY 0x60 /* THRE, TEMT */
#define LSR_FIFO_ERROR 0x80
#define MSR_TERI 0x04
#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80

void uart_reset(struct uart *u)
{
	memset(u, 0, sizeof(*u));
	u->dll = 1; /* not 0: there is software that divides by it */
}

static u8 modem_lines(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
	       (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static unsigned rx_room(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

/* Errors of a character show in LSR when it becomes the next to be read. */
static void rx_show(struct uart *u)
{
	if (u->rx_count)
		u->errors |= u->rx[u->rx_head].errors;
}

static void rx_put(struct uart *u, u8 byte, u8 errors)
{
	unsigned at = (u->rx_head + u->rx_count) % UART_FIFO;

	if (u->rx_count == rx_room(u)) {
		u->errors |= LSR_OVERRUN;
		/* The FIFO stays as it is and the new byte is lost; without it the old one is. */
		if (u->fcr & FCR_ENABLE)
			return;
		at = u->rx_head;
		u->rx_count = 0;
	}
	u->rx[at].byte = byte;
	u->rx[at].errors = errors;
	if (++u->rx_count == 1)
		rx_show(u);
}

static u8 rx_get(struct uart *u)
{
	u8 byte = u->rx[u->rx_head].byte;

	/* The last byte stays readable. */
	if (u->rx_count) {
		u->rx_head = (u->rx_head + 1) % UART_FIFO;
		u->rx_count--;
		rx_show(u);
		if (!u->rx_count)
			u->rx[u->rx_head].byte = byte;
	}
	return byte;
}

/* Reading LSR takes the errors of the next character with it. Bit 7 is there while any is left. */
static u8 lsr_read(struct uart *u)
{
	u8 lsr = LSR_EMPTY | u->errors | (u->rx_count ? LSR_READY : 0);

	if (u->fcr & FCR_ENABLE)
		for (unsigned i = 0; i < u->rx_count; i++)
			if (u->rx[(u->rx_head + i) % UART_FIFO].errors)
				lsr |= LSR_FIFO_ERROR;
	u->errors = 0;
	if (u->rx_count)
		u->rx[u->rx_head].errors = 0;
	return lsr;
}

static u8 interrupt(const struct uart *u)
{
	static const u8 trigger[] = { 1, 4, 8, 14 };

	if (u->ier & IER_LINE && u->errors)
		return IIR_LINE;
	if (u->ier & IER_RECEIVE && u->rx_count)
		return u->fcr & FCR_ENABLE && u->rx_count < trigger[u->fcr >> 6] ? IIR_TIMEOUT
										 : IIR_RECEIVE;
	if (u->ier & IER_THRE && u->thre)
		return IIR_THRE;
	if (u->ier & IER_MODEM && u->deltas)
		return IIR_MODEM;
	return IIR_NONE;
}

u8 uart_read(struct uart *u, unsigned reg)
{
	bool dlab = u->lcr & LCR_DLAB;
	u8 value;

	switch (reg) {
	case RBR_THR:
		return dlab ? u->dll : rx_get(u);
	case IER:
		return dlab ? u->dlm : u->ier;
	case IIR_FCR:
		value = interrupt(u);
		if (value == IIR_THRE)
			u->thre = false;
		return value | (u->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return lsr_read(u);
	case MSR:
		value = modem_lines(u) | u->deltas;
		u->deltas = 0;
		return value;
	case SCR:
		return u->scr;
	}
	return 0xff;
}

static void send(struct uart *u, u8 byte)
{
	if (u->mcr & MCR_LOOP) {
		rx_put(u, byte, 0);
	} else {
		u->sent_byte = byte;
		u->sent = true;
	}
	u->thre = true; /* empty again */
}

static void fcr_write(struct uart *u, u8 value)
{
	/* The other bits count only with this one; a change of it empties the FIFO. */
	if ((value ^ u->fcr) & FCR_ENABLE || value & FCR_CLEAR_RX) {
		u->rx_head = u->rx_count = 0;
		u->errors &= LSR_OVERRUN; /* not of a byte in it */
	}
	u->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_TRIGGER) : 0;
}

static void mcr_write(struct uart *u, u8 value)
{
	u8 before = modem_lines(u), after;

	u->mcr = value & MCR_BITS;
	after = modem_lines(u);
	/* Each line's delta is its bit shifted right by 4; RI's counts the end of the ringing only. */
	u->deltas |= ((before ^ after) >> 4 & ~MSR_TERI) | ((before & ~after) >> 4 & MSR_TERI);
}

void uart_write(struct uart *u, unsigned reg, u8 value)
{
	bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		if (dlab)
			u->dll = value;
		else
			send(u, value);
		break;
	case IER:
		if (dlab) {
			u->dlm = value;
			break;
		}
		/* Enabled while the transmitter is empty: it is reported, once more. */
		if (value & ~u->ier & IER_THRE)
			u->thre = true;
		u->ier = value & IER_BITS;
		break;
	case IIR_FCR:
		fcr_write(u, value);
		break;
	case LCR:
		/* In loopback mode the receiver sees the break: one zero without a stop bit. */
		if (value & ~u->lcr & LCR_BREAK && u->mcr & MCR_LOOP)
			rx_put(u, 0, LSR_BREAK | LSR_FRAMING);
		u->lcr = value;
		break;
	case MCR:
		mcr_write(u, value);
		break;
	case SCR:
		u->scr = value;
		break;
	}
}

bool uart_irq(const struct uart *u)
{
	return (u->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && interrupt(u) != IIR_NONE;
}

bool uart_receive(struct uart *u, u8 byte)
{
	if (u->mcr & MCR_LOOP || u->rx_count == rx_room(u))
		return false;
	rx_put(u, byte, 0);
	return true;
}

int uart_sent(struct uart *u)
{
	bool sent = u->sent;

	u->sent = false;
	return sent ? u->sent_byte : -1;
}
