/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's serial port: a 16550A (National Semiconductor, PC16550D). Sending takes no time, so the
 * transmitter is always empty; baud rate and word length are kept and mean nothing. The other end is
 * always ready: CTS, DSR and DCD are on. The caller serializes.
 */
#ifndef VMX_PC_UART_H
#define VMX_PC_UART_H

#include "mm/types.h"

#define UART_COM1 0x3f8 /* eight ports */
#define UART_COM1_IRQ 4
#define UART_FIFO 16

struct uart {
	u8 ier, fcr, lcr, mcr, scr;
	u8 errors; /* LSR's error bits, until LSR is read */
	u8 deltas; /* MSR's low half, until MSR is read */
	u8 dll, dlm;
	bool thre; /* the transmitter's interrupt, until IIR is read while it reports that */
	u8 rx_head, rx_count;
	struct {
		u8 byte, errors; /* errors: what LSR shows when it is next to be read */
	} rx[UART_FIFO];
	u8 sent_byte;
	bool sent; /* sent_byte waits for uart_sent() */
};

void uart_reset(struct uart *u);

/* The register at the port UART_COM1 + REG, REG 0 to 7. */
u8 uart_read(struct uart *u, unsigned reg);
void uart_write(struct uart *u, unsigned reg, u8 value);

/*
 * The state of the interrupt line. As on a PC, OUT2 gates it, and that pin is off in loopback mode.
 * The FIFO's timeout, four characters' time without a read, is taken as over at once: bytes below
 * the trigger level are reported so.
 */
bool uart_irq(const struct uart *u);

/* A byte comes in on the line. False: no room for it (or loopback mode), try again later; so the
 * line never causes an overrun. */
bool uart_receive(struct uart *u, u8 byte);

/* The byte that the last write sent, or -1: to be asked after each write, a further one replaces it. */
int uart_sent(struct uart *u);

#endif
