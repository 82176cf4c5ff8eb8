/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's two 8259A: initialization, priorities, the ways to end an interrupt; at random
 * against a model of plain flags and a list of priorities.
 * links: vmx/pc/pic.c mm/frame.c tests/unit/fake.c
 */
#include "tests/unit/fake.h"
#include "vmx/pc/pic.h"

#define STEPS 500000

static struct pic pic;

static int power_on(void **state)
{
	(void)state;
	memset(&pic, 0xa5, sizeof(pic));
	pic_reset(&pic);
	return 0;
}

static void initialize(u8 master_icw4, u8 slave_icw4)
{
	pic_write(&pic, PIC_MASTER_COMMAND, 0x11);
	pic_write(&pic, PIC_MASTER_DATA, 0x20);
	pic_write(&pic, PIC_MASTER_DATA, 0x04);
	pic_write(&pic, PIC_MASTER_DATA, master_icw4);
	pic_write(&pic, PIC_SLAVE_COMMAND, 0x11);
	pic_write(&pic, PIC_SLAVE_DATA, 0x28);
	pic_write(&pic, PIC_SLAVE_DATA, 0x02);
	pic_write(&pic, PIC_SLAVE_DATA, slave_icw4);
}

static int setup(void **state)
{
	power_on(state);
	initialize(0x01, 0x01);
	return 0;
}

static void pulse(unsigned irq)
{
	pic_line(&pic, irq, true);
	pic_line(&pic, irq, false);
}

/* Is asked for an interrupt, which is IRQ's. */
#define assert_interrupt(irq)                                                                      \
	do {                                                                                       \
		assert_true(pic_output(&pic));                                                     \
		assert_int_equal(pic_acknowledge(&pic), 0x20 + (irq));                             \
	} while (0)

static u8 ocw3(u16 port, u8 value)
{
	pic_write(&pic, port, 0x08 | value);
	return pic_read(&pic, port);
}
#define irr(port) ocw3(port, 2)
#define isr(port) ocw3(port, 3)
#define poll(port) ocw3(port, 4)

static void after_power_on(void **state)
{
	(void)state;
	pic_line(&pic, 16, true);
	pic_line(&pic, ~0u, true);
	pic_line(&pic, PIC_CASCADE, true);
	assert_int_equal(irr(PIC_MASTER_COMMAND) | irr(PIC_SLAVE_COMMAND), 0);
	for (unsigned irq = 0; irq < PIC_IRQS; irq++)
		pic_line(&pic, irq, true);
	assert_false(pic_output(&pic));
	/* How Linux finds out that there is one. */
	pic_write(&pic, PIC_MASTER_DATA, 0xfb);
	assert_int_equal(pic_read(&pic, PIC_MASTER_DATA), 0xfb);
	pic_write(&pic, PIC_MASTER_DATA, 0);
	assert_false(pic_output(&pic));
	assert_int_equal(pic_acknowledge(&pic), 7);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0);
	assert_int_equal(pic_read(&pic, 0x22), 0xff);
	pic_write(&pic, 0x22, 0xff);
	assert_int_equal(irr(PIC_MASTER_COMMAND), 0xfb);
}

static void initialization(void **state)
{
	(void)state;
	/* No output before the last word; an edge before the first one is forgotten. */
	pic_line(&pic, 1, true);
	for (unsigned icw4 = 0; icw4 < 2; icw4++) {
		pic_write(&pic, PIC_MASTER_COMMAND, 0x10 | icw4);
		assert_int_equal(irr(PIC_MASTER_COMMAND), 0);
		pic_line(&pic, 1, false);
		pic_line(&pic, 1, true);
		assert_false(pic_output(&pic));
		pic_write(&pic, PIC_MASTER_DATA, 0x37);
		assert_false(pic_output(&pic));
		pic_write(&pic, PIC_MASTER_DATA, 0x04);
		assert_int_equal(pic_output(&pic), !icw4);
		if (icw4)
			pic_write(&pic, PIC_MASTER_DATA, 0x01);
		assert_true(pic_output(&pic));
		assert_int_equal(pic_read(&pic, PIC_MASTER_DATA), 0);
		assert_int_equal(pic_acknowledge(&pic), 0x31);
		assert_int_equal(isr(PIC_MASTER_COMMAND), 2);
	}
	/* One chip alone has no ICW3, and its input 2 is like any other. */
	initialize(0x01, 0x01);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x12);
	pic_write(&pic, PIC_MASTER_DATA, 0x20);
	pulse(8);
	assert_interrupt(2);
	assert_int_equal(irr(PIC_SLAVE_COMMAND), 1);
}

static void fully_nested(void **state)
{
	(void)state;
	pulse(4);
	pulse(6);
	assert_interrupt(4);
	assert_false(pic_output(&pic)); /* 6 waits */
	pulse(4);
	assert_false(pic_output(&pic)); /* so does the next 4 */
	pulse(1);
	assert_interrupt(1);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0x12);
	assert_int_equal(irr(PIC_MASTER_COMMAND), 0x50);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20); /* of 1 */
	assert_false(pic_output(&pic));
	pic_write(&pic, PIC_MASTER_COMMAND, 0x64); /* of 4, by its number */
	assert_interrupt(4);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	assert_interrupt(6);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20); /* of nothing */
	/* A masked edge is remembered. */
	pic_write(&pic, PIC_MASTER_DATA, 0x08);
	pulse(3);
	assert_false(pic_output(&pic));
	pic_write(&pic, PIC_MASTER_DATA, 0x00);
	assert_interrupt(3);
}

static void slave(void **state)
{
	(void)state;
	pulse(10);
	pulse(3);
	assert_int_equal(irr(PIC_MASTER_COMMAND), 0x0c);
	assert_interrupt(10);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0x04);
	assert_int_equal(isr(PIC_SLAVE_COMMAND), 0x04);
	pulse(8);
	assert_false(pic_output(&pic)); /* the master sees 2 in service */
	pic_write(&pic, PIC_MASTER_COMMAND, 0x62);
	assert_interrupt(8);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x62);
	pulse(15);
	assert_interrupt(3);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x63);
	assert_false(pic_output(&pic)); /* the slave holds 15 back */
	pic_write(&pic, PIC_SLAVE_COMMAND, 0x20);
	pic_write(&pic, PIC_SLAVE_COMMAND, 0x20);
	assert_interrupt(15);
	/* Special fully nested: the slave's higher ones do come through, the master's lower do not. */
	initialize(0x11, 0x01);
	pulse(10);
	assert_interrupt(10);
	pulse(3);
	pulse(11);
	assert_false(pic_output(&pic));
	pulse(9);
	assert_interrupt(9);
	pulse(1);
	assert_interrupt(1);
	pulse(8);
	assert_false(pic_output(&pic));
}

/* A request that goes before it is acknowledged. */
static void spurious(void **state)
{
	(void)state;
	pic_write(&pic, PIC_MASTER_ELCR, 0xff);
	pic_write(&pic, PIC_SLAVE_ELCR, 0xff);
	assert_int_equal(pic_read(&pic, PIC_MASTER_ELCR), 0xf8);
	assert_int_equal(pic_read(&pic, PIC_SLAVE_ELCR), 0xde);
	pic_line(&pic, 5, true);
	assert_true(pic_output(&pic));
	pic_line(&pic, 5, false);
	assert_false(pic_output(&pic));
	assert_int_equal(pic_acknowledge(&pic), 0x27);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0);
	pic_line(&pic, 10, true);
	assert_true(pic_output(&pic));
	pic_line(&pic, 10, false);
	assert_false(pic_output(&pic));
	assert_int_equal(pic_acknowledge(&pic), 0x27);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0);
	assert_int_equal(isr(PIC_SLAVE_COMMAND), 0);
	/* A real one. */
	pic_write(&pic, PIC_MASTER_ELCR, 0);
	pulse(7);
	assert_interrupt(7);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0x80);
}

static void levels(void **state)
{
	(void)state;
	pulse(11);
	pic_write(&pic, PIC_SLAVE_ELCR, 0x08);
	assert_false(pic_output(&pic)); /* the edge is no level */
	pic_line(&pic, 11, true);
	for (unsigned i = 0; i < 3; i++) {
		assert_interrupt(11);
		assert_false(pic_output(&pic));
		assert_int_equal(irr(PIC_SLAVE_COMMAND), 0x08);
		pic_write(&pic, PIC_SLAVE_COMMAND, 0x20);
		pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	}
	/* ICW1 leaves ELCR, which is the board's, and the level. */
	initialize(0x01, 0x01);
	assert_interrupt(11);
	/* Edge-triggered again: that takes another edge. */
	initialize(0x01, 0x01);
	pic_write(&pic, PIC_SLAVE_ELCR, 0);
	assert_false(pic_output(&pic));
	pic_line(&pic, 11, true);
	assert_false(pic_output(&pic));
	pic_line(&pic, 11, false);
	pic_line(&pic, 11, true);
	assert_interrupt(11);
}

static void auto_eoi(void **state)
{
	(void)state;
	initialize(0x03, 0x03);
	pulse(4);
	pulse(12);
	assert_interrupt(12);
	assert_interrupt(4);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0);
	assert_int_equal(isr(PIC_SLAVE_COMMAND), 0);
	/* Rotating: who was served last is last. */
	pic_write(&pic, PIC_MASTER_COMMAND, 0x80);
	pulse(4);
	assert_interrupt(4);
	pulse(3);
	pulse(4);
	pulse(5);
	assert_interrupt(5);
	pulse(5);
	assert_interrupt(3);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x00);
	assert_interrupt(4);
	assert_interrupt(5);
	pulse(3);
	pulse(4);
	assert_interrupt(4); /* still after 3 */
	assert_interrupt(3);
}

static void rotation(void **state)
{
	(void)state;
	pic_write(&pic, PIC_MASTER_COMMAND, 0xc4); /* 5 is highest */
	pulse(4);
	pulse(0);
	pulse(5);
	assert_interrupt(5);
	pic_write(&pic, PIC_MASTER_COMMAND, 0xa0); /* its end: now 6 is */
	pulse(5);
	assert_interrupt(0);
	pic_write(&pic, PIC_MASTER_COMMAND, 0xe0); /* now 1 */
	assert_interrupt(4);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x40); /* nothing */
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	assert_interrupt(5);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	pic_write(&pic, PIC_MASTER_COMMAND, 0xa0); /* of nothing: stays */
	pulse(0);
	pulse(7);
	assert_interrupt(7);
}

static void special_mask(void **state)
{
	(void)state;
	pulse(3);
	assert_interrupt(3);
	pic_write(&pic, PIC_MASTER_DATA, 0x08);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x68);
	pulse(6);
	assert_interrupt(6);			   /* 3 is masked, and so is in nobody's way */
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20); /* of 6: 3 is masked */
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0x08);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0x08);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x08); /* without ESMM it stays on */
	pulse(6);
	assert_true(pic_output(&pic));
	pic_write(&pic, PIC_MASTER_COMMAND, 0x48);
	assert_false(pic_output(&pic));
	pic_write(&pic, PIC_MASTER_COMMAND, 0x63);
	assert_interrupt(6);
}

static void polling(void **state)
{
	(void)state;
	assert_int_equal(poll(PIC_MASTER_COMMAND), 0x07);
	pulse(14);
	pulse(4);
	assert_int_equal(poll(PIC_MASTER_COMMAND), 0x82);
	assert_int_equal(poll(PIC_SLAVE_COMMAND), 0x86);
	assert_int_equal(isr(PIC_MASTER_COMMAND), 0x04);
	assert_int_equal(isr(PIC_SLAVE_COMMAND), 0x40);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x20);
	/* Any read of the chip, but only one. */
	pic_write(&pic, PIC_MASTER_COMMAND, 0x0c);
	assert_int_equal(pic_read(&pic, PIC_MASTER_DATA), 0x84);
	assert_int_equal(pic_read(&pic, PIC_MASTER_DATA), 0x00);
	pic_write(&pic, PIC_MASTER_COMMAND, 0x0c);
	assert_int_equal(irr(PIC_MASTER_COMMAND), 0);
}

/* ---- against a model ----------------------------------------------------------------------------- */

static struct model {
	bool line[8], edge[8], level[8], masked[8], serving[8];
	int order[8];	      /* from the highest priority to the lowest */
	unsigned base, await; /* await: the next word, 0 none, 2 to 4 */
	bool ready, icw4, single, aeoi, rotate, special, nested, show_isr, poll;
} models[2];

static void lowest(struct model *m, int input)
{
	for (int i = 0; i < 8; i++)
		m->order[i] = (input + 1 + i) % 8;
}

static int asks(int chip);

static bool wants(int chip, int input)
{
	struct model *m = &models[chip];

	if (chip == 0 && input == 2)
		return asks(1) >= 0;
	return m->level[input] ? m->line[input] : m->edge[input];
}

static int asks(int chip)
{
	struct model *m = &models[chip];

	for (int i = 0; m->ready && i < 8; i++) {
		int input = m->order[i];
		bool asking = wants(chip, input) && !m->masked[input];

		if (m->serving[input] && !(m->special && m->masked[input]))
			return asking && m->nested && input == 2 ? 2 : -1;
		if (asking)
			return input;
	}
	return -1;
}

static void serve(int chip, int input)
{
	struct model *m = &models[chip];

	m->edge[input] = false;
	if (!m->aeoi)
		m->serving[input] = true;
	else if (m->rotate)
		lowest(m, input);
}

static int model_acknowledge(void)
{
	int input = asks(0), behind = asks(1);

	if (input < 0)
		return models[0].base + 7;
	serve(0, input);
	if (input != 2 || models[0].single)
		return models[0].base + input;
	serve(1, behind);
	return models[1].base + behind;
}

static void model_eoi(struct model *m, bool rotate)
{
	for (int i = 0; i < 8; i++) {
		int input = m->order[i];

		if (!m->serving[input] || (m->special && m->masked[input]))
			continue;
		m->serving[input] = false;
		if (rotate)
			lowest(m, input);
		return;
	}
}

static void model_command(struct model *m, u8 v)
{
	struct model old = *m;

	if (v & 0x10) {
		*m = (struct model){ .await = 2, .icw4 = v & 1, .single = v & 2 };
		memcpy(m->line, old.line, sizeof(m->line));
		memcpy(m->level, old.level, sizeof(m->level));
		lowest(m, 7);
		return;
	}
	if (v & 8) {
		if (v & 0x40)
			m->special = v & 0x20;
		m->poll = v & 4;
		if (v & 2)
			m->show_isr = v & 1;
		return;
	}
	if ((v & 0xe0) == 0x80 || !(v & 0xe0))
		m->rotate = v & 0x80;
	if ((v & 0x60) == 0x20)
		model_eoi(m, v & 0x80);
	if ((v & 0x60) == 0x60)
		m->serving[v & 7] = false;
	if ((v & 0xc0) == 0xc0)
		lowest(m, v & 7);
}

static void model_data(struct model *m, u8 v)
{
	if (!m->await) {
		for (int i = 0; i < 8; i++)
			m->masked[i] = v >> i & 1;
		return;
	}
	if (m->await == 2)
		m->base = v & 0xf8;
	if (m->await == 4) {
		m->aeoi = v & 2;
		m->nested = v & 16;
	}
	m->await++;
	if (m->await == 3 && m->single)
		m->await++;
	if (m->await == 5 || (m->await == 4 && !m->icw4))
		m->await = 0;
	m->ready = !m->await;
}

static u8 model_read(int chip, bool data)
{
	struct model *m = &models[chip];
	u8 v = 0;
	int input;

	if (m->poll) {
		m->poll = false;
		input = asks(chip);
		if (input < 0)
			return 7;
		serve(chip, input);
		return 0x80 | input;
	}
	for (int i = 0; i < 8; i++)
		v |= (data ? m->masked[i] : m->show_isr ? m->serving[i] : wants(chip, i)) << i;
	return v;
}

static void model_line(unsigned irq, bool on)
{
	struct model *m = &models[irq / 8];

	if (irq == 2)
		return;
	if (on && !m->line[irq % 8] && !m->level[irq % 8])
		m->edge[irq % 8] = true;
	m->line[irq % 8] = on;
}

static void model_elcr(int chip, u8 v)
{
	static const u8 fixed[2] = { 0x07, 0x21 };

	for (int i = 0; i < 8; i++) {
		models[chip].level[i] = (v & ~fixed[chip]) >> i & 1;
		if (models[chip].level[i])
			models[chip].edge[i] = false;
	}
}

/* ICW1, and mostly what belongs to it. */
static void random_initialization(int chip, u16 port)
{
	u8 v = fake_random() | 0x10;

	pic_write(&pic, port, v);
	model_command(&models[chip], v);
	while (models[chip].await && fake_random() % 16) {
		v = fake_random();
		pic_write(&pic, port + 1, v);
		model_data(&models[chip], v);
	}
}

static void step(void)
{
	int chip = fake_random() % 2;
	u16 port = chip ? PIC_SLAVE_COMMAND : PIC_MASTER_COMMAND;
	u8 v = fake_random(), few = v & fake_random() & fake_random(), got;
	unsigned irq = fake_random() % 16, vector;
	bool on = fake_random() & 1;

	switch (fake_random() % 16) {
	case 0 ... 4:
		pic_line(&pic, irq, on);
		model_line(irq, on);
		break;
	case 5 ... 7:
		vector = pic_acknowledge(&pic);
		CHECK((int)vector == model_acknowledge());
		break;
	case 8 ... 10: /* OCW2 */
		pic_write(&pic, port, v & 0xe7);
		model_command(&models[chip], v & 0xe7);
		break;
	case 11:
		if (fake_random() % 32 == 0) {
			random_initialization(chip, port);
			break;
		}
		v = (v & 0x6f) | 8; /* OCW3 */
		pic_write(&pic, port, v);
		model_command(&models[chip], v);
		break;
	case 12 ... 13:
		pic_write(&pic, port + 1, few);
		model_data(&models[chip], few);
		break;
	case 14:
		got = pic_read(&pic, port + on);
		CHECK(got == model_read(chip, on));
		break;
	case 15:
		pic_write(&pic, PIC_MASTER_ELCR + chip, few);
		model_elcr(chip, few);
		break;
	}
}

static void random_sequences(void **state)
{
	unsigned outputs = 0;

	(void)state;
	fake_random_start();
	memset(models, 0, sizeof(models));
	for (int chip = 0; chip < 2; chip++) {
		lowest(&models[chip], 7);
		model_command(&models[chip], 0x11);
		model_data(&models[chip], 0x20 + 8 * chip);
		model_data(&models[chip], 0);
		model_data(&models[chip], 1);
	}
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		step();
		CHECK(pic_output(&pic) == (asks(0) >= 0));
		outputs += pic_output(&pic);
	}
	/* It was about something. */
	assert_in_range(outputs, STEPS / 20, STEPS * 19 / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_power_on, power_on),
		cmocka_unit_test_setup(initialization, power_on),
		cmocka_unit_test_setup(fully_nested, setup),
		cmocka_unit_test_setup(slave, setup),
		cmocka_unit_test_setup(spurious, setup),
		cmocka_unit_test_setup(levels, setup),
		cmocka_unit_test_setup(auto_eoi, setup),
		cmocka_unit_test_setup(rotation, setup),
		cmocka_unit_test_setup(special_mask, setup),
		cmocka_unit_test_setup(polling, setup),
		cmocka_unit_test_setup(random_sequences, setup),
	};

	return cmocka_run_group_tests_name("pic", tests, NULL, NULL);
}
