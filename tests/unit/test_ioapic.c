/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's I/O APIC: registers, edges, levels and their EOI; at random against a model of plain
 * flags.
 * links: apic/ioapic.c mm/frame.c tests/unit/fake.c
 */
#include "apic/ioapic.h"
#include "tests/unit/fake.h"

#define STEPS 300000

static struct ioapic io;
static struct apic_message sent[IOAPIC_PINS];
static unsigned nsent;

void ioapic_send(struct ioapic *from, const struct apic_message *m)
{
	assert_ptr_equal(from, &io);
	assert_true(nsent < IOAPIC_PINS);
	sent[nsent++] = *m;
}

static int setup(void **state)
{
	(void)state;
	memset(&io, 0xa5, sizeof(io));
	ioapic_reset(&io);
	nsent = 0;
	return 0;
}

static u32 get(u8 index)
{
	ioapic_write(&io, IOAPIC_SELECT, 0xabcdef00 | index);
	return ioapic_read(&io, IOAPIC_WINDOW);
}

static void put(u8 index, u32 value)
{
	ioapic_write(&io, IOAPIC_SELECT, index);
	ioapic_write(&io, IOAPIC_WINDOW, value);
}

static u32 low(unsigned pin)
{
	return get(IOAPIC_TABLE + 2 * pin);
}

static void program(unsigned pin, u32 low, u32 high)
{
	put(IOAPIC_TABLE + 2 * pin + 1, high);
	put(IOAPIC_TABLE + 2 * pin, low);
}

/* What was sent since this was asked last. */
static unsigned sends(void)
{
	unsigned n = nsent;

	nsent = 0;
	return n;
}

static void registers(void **state)
{
	(void)state;
	assert_int_equal(get(IOAPIC_VERSION), 0x00170020);
	assert_int_equal(ioapic_read(&io, IOAPIC_SELECT), IOAPIC_VERSION);
	put(IOAPIC_VERSION, ~0u);
	put(IOAPIC_ARBITRATION, ~0u);
	assert_int_equal(get(IOAPIC_VERSION), 0x00170020);
	assert_int_equal(get(IOAPIC_ARBITRATION), 0);
	put(IOAPIC_ID, 0xf5ffffff);
	assert_int_equal(get(IOAPIC_ID), 0x05000000);
	assert_int_equal(get(IOAPIC_ARBITRATION), 0x05000000);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		assert_int_equal(low(pin), IOAPIC_MASKED);
		assert_int_equal(get(IOAPIC_TABLE + 2 * pin + 1), 0);
		put(IOAPIC_TABLE + 2 * pin + 1, ~0u);
		put(IOAPIC_TABLE + 2 * pin, ~0u);
		/* Delivery status and remote IRR are read-only, 55:17 are reserved. */
		assert_int_equal(low(pin), 0x1afff);
		assert_int_equal(get(IOAPIC_TABLE + 2 * pin + 1), 0xff000000);
	}
	for (unsigned index = 0; index < 256; index++) {
		if (index < 3 || (index >= IOAPIC_TABLE && index < IOAPIC_TABLE + 2 * IOAPIC_PINS))
			continue;
		put(index, ~0u);
		assert_int_equal(get(index), 0);
	}
	for (u32 offset = 0; offset < PAGE_SIZE; offset++) {
		if (offset == IOAPIC_SELECT || offset == IOAPIC_WINDOW)
			continue;
		ioapic_write(&io, offset, ~0u);
		assert_int_equal(ioapic_read(&io, offset), 0);
	}
	assert_int_equal(sends(), 0);
	ioapic_reset(&io);
	assert_int_equal(low(23), IOAPIC_MASKED);
	assert_int_equal(get(IOAPIC_ID), 0);
}

static void edges(void **state)
{
	(void)state;
	/* One that comes while the pin is masked is lost. */
	ioapic_line(&io, 4, true);
	program(4, 0x31, 0x05000000);
	ioapic_line(&io, 4, true);
	assert_int_equal(sends(), 0);
	ioapic_line(&io, 4, false);
	assert_int_equal(sends(), 0);
	ioapic_line(&io, 4, true);
	assert_int_equal(sends(), 1);
	assert_int_equal(sent[0].dest, 5);
	assert_false(sent[0].logical);
	assert_int_equal(sent[0].mode, DELIVER_FIXED);
	assert_int_equal(sent[0].vector, 0x31);
	assert_false(sent[0].level);
	assert_int_equal(low(4), 0x31); /* no remote IRR */
	ioapic_line(&io, 4, true);
	ioapic_eoi(&io, 0x31);
	assert_int_equal(sends(), 0);
	/* No such pins. */
	ioapic_line(&io, 24, true);
	ioapic_line(&io, 64, true);
	ioapic_line(&io, ~0u, true);
	assert_int_equal(io.lines, BIT(4));
	assert_int_equal(sends(), 0);
}

static void levels(void **state)
{
	(void)state;
	/* Logical, lowest priority, active low. */
	ioapic_line(&io, 10, true);
	program(10, IOAPIC_LEVEL | IOAPIC_LOW | IOAPIC_LOGICAL | DELIVER_LOWEST << 8 | 0x42,
		0xc3000000);
	assert_int_equal(sends(), 1); /* an asserted pin that is unmasked */
	assert_int_equal(sent[0].dest, 0xc3);
	assert_true(sent[0].logical);
	assert_int_equal(sent[0].mode, DELIVER_LOWEST);
	assert_true(sent[0].level);
	assert_int_equal(low(10) & IOAPIC_REMOTE_IRR, IOAPIC_REMOTE_IRR);
	/* Nothing more before its EOI: no other line, no write, no EOI of another vector. */
	ioapic_line(&io, 10, true);
	ioapic_line(&io, 10, false);
	ioapic_line(&io, 10, true);
	put(IOAPIC_TABLE + 20, IOAPIC_LEVEL | 0x42);
	put(IOAPIC_TABLE + 21, 0);
	ioapic_eoi(&io, 0x43);
	assert_int_equal(sends(), 0);
	ioapic_eoi(&io, 0x42); /* still asserted */
	assert_int_equal(sends(), 1);
	ioapic_line(&io, 10, false);
	ioapic_write(&io, IOAPIC_EOI, 0x42);
	assert_int_equal(low(10), IOAPIC_LEVEL | 0x42);
	assert_int_equal(sends(), 0);
	/* An EOI while masked; the level is looked at again when it is unmasked. */
	ioapic_line(&io, 10, true);
	put(IOAPIC_TABLE + 20, IOAPIC_LEVEL | IOAPIC_MASKED | 0x42);
	assert_int_equal(sends(), 1);
	ioapic_eoi(&io, 0x42);
	assert_int_equal(sends(), 0);
	assert_int_equal(low(10), IOAPIC_LEVEL | IOAPIC_MASKED | 0x42);
	put(IOAPIC_TABLE + 20, IOAPIC_LEVEL | 0x42);
	assert_int_equal(sends(), 1);
	/* Two pins with one vector: both are told. */
	program(11, IOAPIC_LEVEL | 0x42, 0);
	ioapic_line(&io, 11, true);
	sends();
	ioapic_eoi(&io, 0x42);
	assert_int_equal(sends(), 2);
}

/* How Linux gets rid of a remote IRR: masked and edge-triggered for a moment. */
static void remote_irr_goes_with_an_edge(void **state)
{
	(void)state;
	program(9, IOAPIC_LEVEL | 0x50, 0);
	ioapic_line(&io, 9, true);
	assert_int_equal(sends(), 1);
	put(IOAPIC_TABLE + 18, IOAPIC_MASKED | 0x50);
	assert_int_equal(low(9), IOAPIC_MASKED | 0x50);
	put(IOAPIC_TABLE + 18, IOAPIC_LEVEL | 0x50);
	assert_int_equal(sends(), 1);
}

/* Other delivery modes: no EOI will come, so each rising edge counts, and nothing else does. */
static void modes(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 8; mode++) {
		bool reserved = mode == 3 || mode == DELIVER_SIPI;

		if (mode == DELIVER_FIXED || mode == DELIVER_LOWEST)
			continue;
		setup(NULL);
		ioapic_line(&io, 0, true);
		program(0, IOAPIC_LEVEL | mode << 8 | 0x20, 0);
		assert_int_equal(sends(), 0);
		for (unsigned i = 0; i < 2; i++) {
			ioapic_line(&io, 0, false);
			ioapic_line(&io, 0, true);
			assert_int_equal(low(0), IOAPIC_LEVEL | mode << 8 | 0x20);
			assert_int_equal(sends(), !reserved);
			assert_int_equal(sent[0].mode, reserved ? sent[0].mode : mode);
			assert_false(sent[0].level);
		}
	}
}

/* ---- against a model ----------------------------------------------------------------------------- */

static struct pin {
	u8 vector, mode, dest;
	bool logical, low, level, masked;
	bool asserted, waits; /* for an EOI */
} pins[IOAPIC_PINS];
static struct apic_message expected[IOAPIC_PINS];
static unsigned nexpected;

static void model_send(const struct pin *p, bool level)
{
	if (p->mode != 3 && p->mode != 6)
		expected[nexpected++] = (struct apic_message){
			.dest = p->dest,
			.logical = p->logical,
			.mode = p->mode,
			.vector = p->vector,
			.level = level,
		};
}

static void model_level(struct pin *p)
{
	if (!p->level || p->mode > 1) {
		p->waits = false;
	} else if (p->asserted && !p->masked && !p->waits) {
		p->waits = true;
		model_send(p, true);
	}
}

static void model_line(struct pin *p, bool asserted)
{
	bool rises = asserted && !p->asserted;

	p->asserted = asserted;
	if (p->level && p->mode < 2)
		model_level(p);
	else if (rises && !p->masked)
		model_send(p, false);
}

static void model_eoi(u8 vector)
{
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		if (!pins[i].waits || pins[i].vector != vector)
			continue;
		pins[i].waits = false;
		model_level(&pins[i]);
	}
}

static void model_low(struct pin *p, u32 v)
{
	p->vector = v;
	p->mode = v >> 8 & 7;
	p->logical = v >> 11 & 1;
	p->low = v >> 13 & 1;
	p->level = v >> 15 & 1;
	p->masked = v >> 16 & 1;
	model_level(p);
}

static u32 model_shows(const struct pin *p)
{
	return p->vector | p->mode << 8 | p->logical << 11 | p->low << 13 | p->waits << 14 |
	       p->level << 15 | p->masked << 16;
}

static void step(unsigned pin)
{
	u32 v = fake_random();
	bool on;

	switch (fake_random() % 8) {
	case 0 ... 2:
		on = fake_random() & 1;
		ioapic_line(&io, pin, on);
		model_line(&pins[pin], on);
		break;
	case 3:
		v &= ~0xf8u; /* few vectors */
		if (fake_random() % 4)
			v &= ~(0x600u | IOAPIC_MASKED);
		put(IOAPIC_TABLE + 2 * pin, v);
		model_low(&pins[pin], v);
		break;
	case 4:
		put(IOAPIC_TABLE + 2 * pin + 1, v);
		pins[pin].dest = v >> 24;
		break;
	case 5 ... 6:
		ioapic_eoi(&io, v % 8);
		model_eoi(v % 8);
		break;
	case 7:
		ioapic_write(&io, IOAPIC_EOI, v);
		model_eoi(v);
		break;
	}
	CHECK(low(pin) == model_shows(&pins[pin]));
	CHECK(get(IOAPIC_TABLE + 2 * pin + 1) == (u32)pins[pin].dest << 24);
}

static void random_sequences(void **state)
{
	(void)state;
	fake_random_start();
	memset(pins, 0, sizeof(pins));
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		pins[i].masked = true;
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		nsent = nexpected = 0;
		step(fake_random() % IOAPIC_PINS);
		CHECK(nsent == nexpected);
		for (unsigned i = 0; i < nsent; i++) {
			CHECK(sent[i].dest == expected[i].dest);
			CHECK(sent[i].logical == expected[i].logical);
			CHECK(sent[i].mode == expected[i].mode);
			CHECK(sent[i].vector == expected[i].vector);
			CHECK(sent[i].level == expected[i].level);
		}
	}
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		CHECK(low(i) == model_shows(&pins[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(registers, setup),
		cmocka_unit_test_setup(edges, setup),
		cmocka_unit_test_setup(levels, setup),
		cmocka_unit_test_setup(remote_irr_goes_with_an_edge, setup),
		cmocka_unit_test_setup(modes, setup),
		cmocka_unit_test_setup(random_sequences, setup),
	};

	return cmocka_run_group_tests_name("ioapic", tests, NULL, NULL);
}
