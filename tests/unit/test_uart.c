/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's 16550A by its data sheet, and as drivers probe it.
 * links: vmx/pc/uart.c mm/frame.c tests/unit/fake.c
 */
#include <string.h>

#include "tests/unit/fake.h"
#include "vmx/pc/uart.h"

enum { RBR, THR = 0, IER, IIR, FCR = 2, LCR, MCR, LSR, MSR, SCR };

static struct uart u;

static int reset(void **state)
{
	(void)state;
	memset(&u, 0xa5, sizeof(u));
	uart_reset(&u);
	return 0;
}

static u8 in(unsigned reg)
{
	return uart_read(&u, reg);
}

static void out(unsigned reg, u8 value)
{
	uart_write(&u, reg, value);
}

static void after_reset(void **state)
{
	(void)state;
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(IIR), 0x01);
	assert_int_equal(in(LCR), 0);
	assert_int_equal(in(MCR), 0);
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(MSR), 0xb0);
	assert_int_equal(uart_sent(&u), -1);
	assert_false(uart_irq(&u));
}

static void masks(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		out(IER, v);
		assert_int_equal(in(IER), v & 0x0f);
		out(MCR, v);
		assert_int_equal(in(MCR), v & 0x1f);
		out(SCR, v);
		assert_int_equal(in(SCR), v);
		out(LSR, v);
		assert_int_equal(in(LSR)&0x60, 0x60);
		out(LCR, v);
		assert_int_equal(in(LCR), v);
		out(LCR, 0);
	}
}

static void divisor(void **state)
{
	(void)state;
	out(IER, 5);
	out(LCR, 0x83);
	out(0, 0x34);
	out(1, 0x12);
	assert_int_equal(in(0), 0x34);
	assert_int_equal(in(1), 0x12);
	assert_int_equal(uart_sent(&u), -1);
	out(LCR, 0x03);
	assert_int_equal(in(IER), 5);
	out(THR, 'x');
	assert_int_equal(uart_sent(&u), 'x');
	assert_int_equal(uart_sent(&u), -1);
	out(LCR, 0x80);
	assert_int_equal(in(0), 0x34);
}

/* What Linux writes and wants to read in autoconfig(), autoconfig_16550a(). */
static void probed_as_16550a(void **state)
{
	(void)state;
	out(IER, 0x0f);
	assert_int_equal(in(IER), 0x0f);
	out(MCR, 0x1a);
	assert_int_equal(in(MSR)&0xf0, 0x90);
	out(MCR, 0);
	out(LCR, 0xbf);
	out(FCR, 0);
	out(LCR, 0);
	out(FCR, 0x01);
	assert_int_equal(in(IIR) >> 6, 3);
	out(LCR, 0x80);
	assert_int_not_equal(in(2), 0); /* no 16650 */
	out(LCR, 0xbf);
	assert_int_not_equal(in(2), 0);
	out(LCR, 0);
	out(FCR, 0x21);
	assert_int_equal(in(IIR) >> 5, 6); /* no 16750 */
	out(IER, 0x40);
	assert_int_equal(in(IER)&0x40, 0); /* no XScale */
}

static void loopback_lines(void **state)
{
	/* MCR: DTR, RTS, OUT1, OUT2; MSR: DSR, CTS, RI, DCD */
	static const u8 line[] = { 0x20, 0x10, 0x40, 0x80 };

	(void)state;
	for (unsigned v = 0; v < 16; v++) {
		u8 want = 0;

		for (unsigned i = 0; i < 4; i++)
			want |= v >> i & 1 ? line[i] : 0;
		out(MCR, 0x10 | v);
		assert_int_equal(in(MSR)&0xf0, want);
		assert_int_equal(in(MSR), want); /* without deltas */
	}
	out(MCR, 0x10);
	in(MSR);
	out(MCR, 0x12);
	assert_int_equal(in(MSR), 0x11); /* CTS and its delta */
	out(MCR, 0x14);
	assert_int_equal(in(MSR), 0x41); /* CTS went; RI came, which is no delta */
	out(MCR, 0x10);
	assert_int_equal(in(MSR), 0x04); /* RI's end is one */
	out(IER, 0x08);
	assert_int_equal(in(IIR), 0x01);
	out(MCR, 0x19);
	assert_int_equal(in(IIR), 0x00);
	assert_int_equal(in(MSR), 0xaa);
	assert_int_equal(in(IIR), 0x01);
}

static void loopback_data(void **state)
{
	(void)state;
	out(MCR, 0x18);
	assert_false(uart_receive(&u, 'q')); /* not connected */
	out(THR, 'a');
	assert_int_equal(uart_sent(&u), -1);
	assert_int_equal(in(LSR), 0x61);
	out(IER, 0x01);
	assert_int_equal(in(IIR), 0x04);
	assert_false(uart_irq(&u)); /* OUT2's pin is off */
	out(MCR, 0x08);
	assert_true(uart_irq(&u));
	assert_int_equal(in(RBR), 'a');
	assert_false(uart_irq(&u));
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(RBR), 'a'); /* still */
}

static void overrun(void **state)
{
	(void)state;
	out(MCR, 0x10);
	out(THR, 'a');
	out(THR, 'b');
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(RBR), 'b');
	assert_int_equal(in(LSR), 0x60);

	out(FCR, 0x01);
	out(IER, 0x04);
	for (unsigned i = 0; i < 16; i++)
		out(THR, i);
	assert_int_equal(in(IIR), 0xc1);
	out(THR, 99);
	assert_int_equal(in(IIR), 0xc6);
	assert_int_equal(in(LSR), 0x63);
	assert_int_equal(in(IIR), 0xc1);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(RBR), i);
	assert_int_equal(in(LSR), 0x60);
}

static void line_break(void **state)
{
	(void)state;
	out(LCR, 0x40); /* on the line nobody sees it */
	assert_int_equal(in(LSR), 0x60);
	out(LCR, 0);
	out(MCR, 0x10);
	out(FCR, 0x01);
	out(THR, 'a');
	out(LCR, 0x40);
	out(LCR, 0x00);
	/* behind 'a': in the FIFO, not yet at its head */
	assert_int_equal(in(LSR), 0xe1);
	assert_int_equal(in(RBR), 'a');
	assert_int_equal(in(LSR), 0xf9);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(RBR), 0);
	assert_int_equal(in(LSR), 0x60);
	/* an overrun survives the clearing of the FIFO, a break in it does not */
	out(LCR, 0x40);
	for (unsigned i = 0; i < 16; i++)
		out(THR, 0);
	out(FCR, 0x03);
	assert_int_equal(in(LSR), 0x62);
}

static void receive(void **state)
{
	static const u8 triggers[] = { 1, 4, 8, 14 };

	(void)state;
	out(MCR, 0x08);
	out(IER, 0x01);
	assert_true(uart_receive(&u, 'a'));
	assert_false(uart_receive(&u, 'b'));
	assert_true(uart_irq(&u));
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(LSR), 0x61);
	assert_int_equal(in(RBR), 'a');
	assert_false(uart_irq(&u));

	for (unsigned t = 0; t < 4; t++) {
		out(FCR, 0x01 | t << 6);
		for (unsigned n = 1; n <= 16; n++) {
			assert_true(uart_receive(&u, n));
			assert_true(uart_irq(&u));
			assert_int_equal(in(IIR), n >= triggers[t] ? 0xc4 : 0xcc);
		}
		assert_false(uart_receive(&u, 17));
		assert_int_equal(in(LSR), 0x61);
		for (unsigned n = 1; n <= 16; n++) {
			assert_int_equal(in(RBR), n);
			assert_int_equal(uart_irq(&u), n < 16);
		}
	}
	assert_true(uart_receive(&u, 'x'));
	out(FCR, 0x03);
	assert_int_equal(in(LSR), 0x60);
	assert_true(uart_receive(&u, 'x'));
	out(FCR, 0x00); /* off: emptied */
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(in(IIR), 0x01);
	out(FCR, 0xc0); /* without bit 0 the trigger level is not taken */
	out(FCR, 0x01);
	assert_true(uart_receive(&u, 'x'));
	assert_int_equal(in(IIR), 0xc4);
}

static void transmitter_interrupt(void **state)
{
	(void)state;
	out(MCR, 0x08);
	out(IER, 0x02);
	assert_true(uart_irq(&u)); /* empty as it is enabled */
	assert_int_equal(in(IIR), 0x02);
	assert_false(uart_irq(&u));
	assert_int_equal(in(IIR), 0x01);
	out(IER, 0x03); /* it was enabled before */
	assert_int_equal(in(IIR), 0x01);
	out(THR, 'a');
	assert_true(uart_irq(&u));
	assert_int_equal(in(LSR), 0x60);
	assert_true(uart_irq(&u));
	/* an IIR that reports something else does not take it */
	assert_true(uart_receive(&u, 'z'));
	assert_int_equal(in(IIR), 0x04);
	assert_int_equal(in(RBR), 'z');
	assert_int_equal(in(IIR), 0x02);
	assert_int_equal(in(IIR), 0x01);
	out(IER, 0x00);
	out(IER, 0x02);
	assert_int_equal(in(IIR), 0x02);
	out(MCR, 0x00);
	out(THR, 'a');
	assert_false(uart_irq(&u)); /* OUT2 gates it */
	assert_int_equal(in(IIR), 0x02);
}

static void priorities(void **state)
{
	(void)state;
	out(MCR, 0x10);
	out(FCR, 0x01);
	out(IER, 0x0f);
	for (unsigned i = 0; i < 17; i++)
		out(THR, i);
	out(MCR, 0x12);
	assert_int_equal(in(IIR), 0xc6);
	in(LSR);
	assert_int_equal(in(IIR), 0xc4);
	out(FCR, 0xc1);
	assert_int_equal(in(IIR), 0xc4);
	for (unsigned i = 0; i < 3; i++)
		in(RBR);
	assert_int_equal(in(IIR), 0xcc);
	out(FCR, 0x03);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc0);
	in(MSR);
	assert_int_equal(in(IIR), 0xc1);
}

/* Bytes that come in, in random amounts, are read in order, none lost or twice, whatever the guest
 * asks in between; and what is sent comes out. */
static void random_stream(void **state)
{
	u8 next_in = 0, next_out = 0;

	(void)state;
	out(FCR, 0x01);
	for (fake_step = 0; fake_step < 200000; fake_step++) {
		u64 choice = fake_random();
		u8 byte = (u8)(choice >> 8);

		switch (choice % 8) {
		case 0:
		case 1:
		case 2:
			if (uart_receive(&u, next_in))
				next_in++;
			else
				CHECK((u8)(next_in - next_out) == 16);
			break;
		case 3:
		case 4:
			if (in(LSR)&1)
				CHECK(in(RBR) == next_out++);
			else
				CHECK(next_in == next_out);
			break;
		case 5:
			out(THR, byte);
			CHECK(uart_sent(&u) == byte);
			break;
		case 6:
			out(choice >> 16 & 1 ? IER : MCR, byte & 0x0f);
			CHECK(!uart_irq(&u) || in(MCR)&8);
			break;
		case 7:
			in(IIR);
			in(MSR);
			break;
		}
		CHECK(in(LSR) == (next_in == next_out ? 0x60 : 0x61));
	}
}

static int random_start(void **state)
{
	fake_random_start();
	return reset(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_reset, reset),
		cmocka_unit_test_setup(masks, reset),
		cmocka_unit_test_setup(divisor, reset),
		cmocka_unit_test_setup(probed_as_16550a, reset),
		cmocka_unit_test_setup(loopback_lines, reset),
		cmocka_unit_test_setup(loopback_data, reset),
		cmocka_unit_test_setup(overrun, reset),
		cmocka_unit_test_setup(line_break, reset),
		cmocka_unit_test_setup(receive, reset),
		cmocka_unit_test_setup(transmitter_interrupt, reset),
		cmocka_unit_test_setup(priorities, reset),
		cmocka_unit_test_setup(random_stream, random_start),
	};

	return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
