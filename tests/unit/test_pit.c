/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's 8254: modes, reads, OUT 0 as interrupts; at random times against a model that counts
 * pulse by pulse.
 * links: vmx/pc/pit.c vmx/pc/counter.c tests/unit/pitmodel.c mm/frame.c tests/unit/fake.c
 */
#include "tests/unit/fake.h"
#include "tests/unit/pitmodel.h"
#include "vmx/pc/pit.h"

#define STEPS 300000
#define YEAR (365ul * 24 * 3600 * 1000000000)

static struct pit pit;

/* The first nanosecond of a tick. */
static u64 at(u64 tick)
{
	return ((unsigned __int128)tick * 1000000000 + PIT_HZ - 1) / PIT_HZ;
}

static int setup(void **state)
{
	(void)state;
	memset(&pit, 0xa5, sizeof(pit));
	pit_reset(&pit);
	return 0;
}

static void program(unsigned channel, unsigned mode, u16 count, u64 tick)
{
	pit_write(&pit, PIT_CONTROL, channel << 6 | 0x30 | mode << 1, at(tick));
	pit_write(&pit, PIT_CHANNEL0 + channel, count & 0xff, at(tick));
	pit_write(&pit, PIT_CHANNEL0 + channel, count >> 8, at(tick));
}

static u16 count(unsigned channel, u64 tick)
{
	u8 lsb = pit_read(&pit, PIT_CHANNEL0 + channel, at(tick));

	return lsb | pit_read(&pit, PIT_CHANNEL0 + channel, at(tick)) << 8;
}

static void after_reset(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PIT_CHANNELS; i++)
		assert_true(pit_out(&pit, i, at(100)));
	assert_int_equal(pit_edges(&pit, YEAR), 0);
	assert_int_equal(pit_next(&pit, YEAR), PIT_NEVER);
	assert_int_equal(pit_read(&pit, PIT_CONTROL, 0), 0xff);
	assert_int_equal(pit_read(&pit, 0x44, 0), 0xff);
	assert_int_equal(pit_read(&pit, PIT_PORT_B, 0), PORT_B_OUT2);
}

/* An edge each N ticks, at the tick and not before, no matter how often anybody asks; the caller's
 * timer that pit_next() sets finds one edge each time. */
static void periodic(void **state)
{
	static const u16 counts[] = { 2, 3, 1000, 11932, 0 };

	(void)state;
	for (unsigned mode = 2; mode <= 7; mode += mode == 3 ? 3 : 1) {
		for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
			u64 n = counts[i] ? counts[i] : 65536, now;

			setup(NULL);
			program(0, mode, counts[i], 5);
			assert_int_equal(pit_edges(&pit, at(6 + n) - 1), 0);
			assert_int_equal(pit_edges(&pit, at(6 + n)), 1);
			assert_int_equal(pit_edges(&pit, at(6 + 3 * n) - 1), 1);
			assert_int_equal(pit_next(&pit, at(6 + 3 * n) - 1), 1);
			assert_int_equal(pit_edges(&pit, at(6 + 3 * n)), 1);
			now = at(6 + 3 * n);
			for (unsigned edge = 4; edge < 1000; edge++) {
				now += pit_next(&pit, now);
				assert_int_equal(now, at(6 + edge * n));
				assert_int_equal(pit_edges(&pit, now), 1);
				assert_int_equal(pit_edges(&pit, now), 0);
			}
		}
	}
}

/* 100 Hz as Linux programs it: after 500 years the edges are where the crystal puts them. */
static void no_drift(void **state)
{
	u64 late = 500 * YEAR, ticks = (unsigned __int128)late * PIT_HZ / 1000000000;

	(void)state;
	program(0, 2, 11932, 0);
	assert_int_equal(pit_edges(&pit, late), (ticks - 1) / 11932);
	assert_int_equal(pit_next(&pit, late), at(1 + ((ticks - 1) / 11932 + 1) * 11932) - late);
	assert_int_equal(count(0, ticks), 11932 - (ticks - 1) % 11932);
}

static void one_shots(void **state)
{
	(void)state;
	/* Linux's one-shot timer: mode 4. */
	program(0, 4, 100, 10);
	assert_int_equal(pit_next(&pit, at(10)), at(112) - at(10));
	assert_true(pit_out(&pit, 0, at(110)));
	assert_false(pit_out(&pit, 0, at(111)));
	assert_true(pit_out(&pit, 0, at(112)));
	assert_int_equal(pit_edges(&pit, at(112) - 1), 0);
	assert_int_equal(pit_edges(&pit, at(112)), 1);
	assert_int_equal(pit_next(&pit, at(112)), PIT_NEVER);
	assert_int_equal(pit_edges(&pit, YEAR), 0);
	/* Mode 0, again and again. */
	program(0, 0, 100, 200);
	assert_false(pit_out(&pit, 0, at(300)));
	assert_true(pit_out(&pit, 0, at(301)));
	assert_int_equal(pit_next(&pit, at(200)), at(301) - at(200));
	assert_int_equal(pit_edges(&pit, at(301)), 1);
	assert_int_equal(count(0, 301), 0);
	assert_int_equal(count(0, 302), 0xffff);
	pit_write(&pit, PIT_CHANNEL0, 50, at(400)); /* half a count stops it */
	assert_false(pit_out(&pit, 0, at(400)));
	assert_int_equal(pit_next(&pit, at(400)), PIT_NEVER);
	assert_int_equal(pit_edges(&pit, at(5000)), 0);
	pit_write(&pit, PIT_CHANNEL0, 0, at(5000));
	assert_int_equal(pit_edges(&pit, at(5050)), 0);
	assert_int_equal(pit_edges(&pit, at(5051)), 1);
	/* Nobody triggers channel 0. */
	program(0, 1, 5, 6000);
	assert_int_equal(pit_next(&pit, at(6000)), PIT_NEVER);
	program(0, 5, 5, 6000);
	assert_int_equal(pit_next(&pit, at(6000)), PIT_NEVER);
	assert_int_equal(pit_edges(&pit, YEAR), 0);
}

/* A control word sets OUT: out of mode 0 that is an edge. */
static void control_word_edges(void **state)
{
	(void)state;
	program(0, 0, 1000, 0);
	assert_int_equal(pit_edges(&pit, at(10)), 0);
	pit_write(&pit, PIT_CONTROL, 0x34, at(10));
	assert_int_equal(pit_next(&pit, at(11)), 0);
	assert_int_equal(pit_edges(&pit, at(11)), 1);
	assert_int_equal(pit_edges(&pit, at(5000)), 0);
	/* What came before is not lost with it. */
	program(0, 2, 10, 5000);
	pit_write(&pit, PIT_CONTROL, 0x30, at(5035));
	assert_int_equal(pit_edges(&pit, at(6000)), 3);
}

static void silly_counts(void **state)
{
	(void)state;
	for (unsigned mode = 2; mode <= 3; mode++) {
		program(0, mode, 1, 0);
		assert_int_equal(pit_next(&pit, at(10)), PIT_NEVER);
		assert_true(pit_out(&pit, 0, at(11)));
		assert_int_equal(pit_edges(&pit, YEAR), 0);
	}
	/* BCD, with digits above 9; nothing but a number comes of it. */
	pit_write(&pit, PIT_CONTROL, 0x31 | 2 << 1, 0);
	pit_write(&pit, PIT_CHANNEL0, 0xff, 0);
	pit_write(&pit, PIT_CHANNEL0, 0xff, 0);
	assert_int_equal(pit_edges(&pit, at(1 + 16665)), 1);
	pit_write(&pit, PIT_CONTROL, 0x31, at(20000));
	pit_write(&pit, PIT_CHANNEL0, 0x00, at(20000));
	pit_write(&pit, PIT_CHANNEL0, 0x00, at(20000));
	assert_int_equal(pit_edges(&pit, at(20000 + 10000)), 0);
	assert_int_equal(pit_edges(&pit, at(20001 + 10000)), 1);
	assert_int_equal(count(0, 20001), 0);
	assert_int_equal(count(0, 20002), 0x9999);
}

/* The end of time, and time that goes back, give some number. */
static void wild_times(void **state)
{
	(void)state;
	program(0, 3, 7, 1000);
	pit_write(&pit, PIT_CHANNEL0, 9, at(1001));
	pit_write(&pit, PIT_CHANNEL0, 0, at(1001));
	assert_true(pit_edges(&pit, ~0ul) > 1ul << 40);
	pit_next(&pit, ~0ul);
	assert_int_equal(pit_edges(&pit, 0), 0);
	assert_int_equal(pit_edges(&pit, ~0ul), 0); /* not twice */
	pit_next(&pit, 0);
	pit_write(&pit, PIT_CONTROL, 0x30, ~0ul);
	pit_write(&pit, PIT_CHANNEL0, 9, ~0ul);
	pit_write(&pit, PIT_CHANNEL0, 0, ~0ul);
	pit_out(&pit, 0, 0);
	pit_next(&pit, ~0ul);
}

/* What Linux measures its TSC with: channel 2 in mode 0, gate by port 61h, OUT in its bit 5. */
static void channel_2(void **state)
{
	(void)state;
	pit_write(&pit, PIT_PORT_B, 0xf1, at(10));
	program(2, 0, 30000, 20);
	assert_int_equal(pit_read(&pit, PIT_PORT_B, at(30020)) & 0xef, 1);
	assert_int_equal(pit_read(&pit, PIT_PORT_B, at(30021)) & 0xef, 0x21);
	/* The gate holds the count. */
	program(2, 0, 1000, 40000);
	pit_write(&pit, PIT_PORT_B, 0x00, at(40101));
	assert_int_equal(count(2, 50000), 900);
	pit_write(&pit, PIT_PORT_B, 0x01, at(60000));
	assert_false(pit_out(&pit, 2, at(60899)));
	assert_true(pit_out(&pit, 2, at(60900)));
	/* And triggers mode 1, again before it ends. */
	program(2, 1, 10, 70000);
	assert_true(pit_out(&pit, 2, at(70005)));
	for (u64 tick = 70010; tick <= 70015; tick += 5) {
		pit_write(&pit, PIT_PORT_B, 0x00, at(tick));
		pit_write(&pit, PIT_PORT_B, 0x01, at(tick));
	}
	assert_false(pit_out(&pit, 2, at(70011)));
	assert_false(pit_out(&pit, 2, at(70025)));
	assert_true(pit_out(&pit, 2, at(70026)));
	/* Nothing of channel 2's is an interrupt. */
	assert_int_equal(pit_edges(&pit, at(80000)), 0);
}

static void refresh_toggles(void **state)
{
	unsigned toggles = 0;
	u8 was = 0;

	(void)state;
	for (u64 now = 0; now <= 1000000; now += 1000) {
		u8 is = pit_read(&pit, PIT_PORT_B, now) & PORT_B_REFRESH;

		toggles += is != was;
		was = is;
	}
	assert_int_equal(toggles, 66); /* a millisecond in 15.086 us */
}

static void latches(void **state)
{
	(void)state;
	program(0, 2, 0x1234, 0);
	pit_write(&pit, PIT_CONTROL, 0x00, at(1 + 0x34));
	pit_write(&pit, PIT_CONTROL, 0x00, at(500)); /* the first one stays */
	assert_int_equal(pit_read(&pit, PIT_CHANNEL0, at(600)), 0x00);
	assert_int_equal(pit_read(&pit, PIT_CHANNEL0, at(700)), 0x12);
	assert_int_equal(count(0, 1 + 0x34 + 0x100), 0x1100);
	/* Read-back of count and status: the status is read first. */
	pit_write(&pit, PIT_CONTROL, 0xc2, at(1 + 0x134));
	assert_int_equal(pit_read(&pit, PIT_CHANNEL0, at(800)), 0x80 | 0x34);
	assert_int_equal(count(0, 900), 0x1100);
	/* A count that waits for the end of the period shows as null. */
	pit_write(&pit, PIT_CHANNEL0, 0, at(1000));
	pit_write(&pit, PIT_CHANNEL0, 1, at(1000));
	pit_write(&pit, PIT_CONTROL, 0xe2, at(0x1234));
	assert_int_equal(pit_read(&pit, PIT_CHANNEL0, at(0x1234)), 0x40 | 0x34);
	pit_write(&pit, PIT_CONTROL, 0xe2, at(0x1235));
	assert_int_equal(pit_read(&pit, PIT_CHANNEL0, at(0x1235)), 0x80 | 0x34);
	assert_int_equal(count(0, 0x1235), 0x100);
	/* So does one that the next tick loads. */
	program(2, 4, 100, 0x1236);
	pit_write(&pit, PIT_CONTROL, 0xe8, at(0x1236));
	assert_int_equal(pit_read(&pit, PIT_CHANNEL2, at(0x1236)), 0xc0 | 0x38);
	pit_write(&pit, PIT_CONTROL, 0xe8, at(0x1237));
	assert_int_equal(pit_read(&pit, PIT_CHANNEL2, at(0x1237)), 0x80 | 0x38);
	/* A control word forgets what is latched. */
	pit_write(&pit, PIT_CONTROL, 0xc2, at(0x1240));
	program(0, 2, 77, 0x1300);
	assert_int_equal(count(0, 0x1301), 77);
}

/* ---- against the model --------------------------------------------------------------------------- */

static struct pitmodel model;
static u64 told; /* edges of OUT 0 */

static u64 some_ns(void)
{
	u64 first = at(model.tick);

	return first + fake_random() % (at(model.tick + 1) - first);
}

static void compare(u64 now)
{
	for (unsigned i = 0; i < 3; i++)
		CHECK(pit_out(&pit, i, now) == model.channel[i].out);
}

/* The next edge, by letting a copy of the model run. */
static void compare_next(u64 now)
{
	struct pitmodel m = model;
	u64 next = pit_next(&pit, now);

	while (m.channel[0].edges == told && m.tick < model.tick + 200)
		pitmodel_pulse(&m);
	if (m.channel[0].edges == told)
		CHECK(now + next >= at(m.tick + 1) || next == PIT_NEVER);
	else if (m.tick == model.tick)
		CHECK(next == 0);
	else
		CHECK(now + next == at(m.tick));
}

static void write_both(u16 port, u8 value, u64 now)
{
	pit_write(&pit, port, value, now);
	pitmodel_write(&model, port, value);
}

static u8 small(void)
{
	return fake_random() % 4 ? fake_random() % 12 : fake_random();
}

/* What a channel counts until it is loaded is not modelled. */
static bool loading(void)
{
	return model.channel[0].load || model.channel[1].load || model.channel[2].load;
}

static void act(u64 now)
{
	unsigned channel = fake_random() % 3;
	u16 port = PIT_CHANNEL0 + channel;
	u8 read;

	switch (fake_random() % 10) {
	case 0:
		read = fake_random();
		if (!loading() || (read < 0xc0 && read & 0x30))
			write_both(PIT_CONTROL, read, now);
		break;
	case 1 ... 2:
		write_both(PIT_PORT_B, fake_random(), now);
		break;
	case 3 ... 5:
		write_both(port, small(), now);
		break;
	case 6: /* a whole program, so that long counts are not the rule */
		write_both(PIT_CONTROL, channel << 6 | 0x10 | (fake_random() % 16), now);
		write_both(port, small(), now);
		break;
	case 7 ... 8:
		if (loading())
			break;
		read = pit_read(&pit, port, now);
		CHECK(read == pitmodel_read(&model, port));
		break;
	case 9:
		read = pit_read(&pit, PIT_PORT_B, now);
		CHECK(read == pitmodel_read(&model, PIT_PORT_B));
		CHECK(pit_edges(&pit, now) == model.channel[0].edges - told);
		told = model.channel[0].edges;
		break;
	}
}

static void random_programs(void **state)
{
	unsigned pulses;

	(void)state;
	fake_random_start();
	pitmodel_reset(&model);
	told = 0;
	for (fake_step = 0; fake_step < STEPS; fake_step++) {
		u64 now = some_ns();

		for (unsigned i = fake_random() % 3; i > 0; i--)
			act(now);
		compare(now);
		if (fake_step % 4 == 0)
			compare_next(now);
		pulses = fake_random() % (fake_random() % 16 ? 6 : 300);
		if (fake_random() % 20000 == 0)
			pulses = 200000;
		while (pulses--)
			pitmodel_pulse(&model);
		CHECK(pit_out(&pit, 0, some_ns()) == model.channel[0].out);
	}
	CHECK(pit_edges(&pit, some_ns()) == model.channel[0].edges - told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(after_reset, setup),
		cmocka_unit_test_setup(periodic, setup),
		cmocka_unit_test_setup(no_drift, setup),
		cmocka_unit_test_setup(one_shots, setup),
		cmocka_unit_test_setup(control_word_edges, setup),
		cmocka_unit_test_setup(silly_counts, setup),
		cmocka_unit_test_setup(wild_times, setup),
		cmocka_unit_test_setup(channel_2, setup),
		cmocka_unit_test_setup(refresh_toggles, setup),
		cmocka_unit_test_setup(latches, setup),
		cmocka_unit_test_setup(random_programs, setup),
	};

	return cmocka_run_group_tests_name("pit", tests, NULL, NULL);
}
