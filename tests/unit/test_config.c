/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interlock.cfg's parser: what it accepts, what each error says, and that no bytes whatever make it
 * do anything else. links: boot/config.c boot/keys.c boot/number.c boot/format.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/config.h"

static struct config cfg;
static char err[200];

/* The text lies in a block of exactly its size, so that the sanitizer sees every byte read too far.
 */
static int parse_bytes(const void *text, size_t size)
{
	char *copy = malloc(size ? size : 1);
	int rc;

	memcpy(copy, text, size);
	memset(&cfg, 0xee, sizeof(cfg));
	strcpy(err, "no error");
	rc = config_parse(copy, size, &cfg, err, sizeof(err));
	free(copy);
	return rc;
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void refuses(const char *text, const char *message)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(err, message);
}

static void check_defaults(const struct run_config *r)
{
	assert_string_equal(r->protocol, "ordered");
	assert_string_equal(r->guest, "patrol");
	assert_string_equal(r->fault, "none");
	assert_int_equal(r->cpus, 2);
	assert_int_equal(r->moves, 2000);
	assert_int_equal(r->seed, 1);
	assert_int_equal(r->batch, 0);
	assert_int_equal(r->arg, 0);
	assert_int_equal(r->mem, 0);
	assert_int_equal(r->guest_mem, 8 << 20);
	assert_int_equal(r->migrate, 0);
	assert_string_equal(r->apicv, "on");
	assert_true(r->collapse);
	assert_false(r->with);
}

static void defaults(void **state)
{
	static const char *const nothing[] = { "", "\n", "# only a comment", "\r\n \t\r\n",
					       "\xef\xbb\xbf" };

	(void)state;
	assert_int_equal(config_parse(NULL, 0, &cfg, err, sizeof(err)), 0);
	for (unsigned i = 0;; i++) {
		assert_int_equal(cfg.nruns, 1);
		assert_int_equal(cfg.host_apic, HOST_APIC_AUTO);
		check_defaults(&cfg.run[0]);
		if (i == ARRAY_SIZE(nothing))
			break;
		assert_int_equal(parse(nothing[i]), 0);
	}
}

static void every_key(void **state)
{
	(void)state;
	assert_int_equal(parse("protocol = gated\r\n"
			       "\tguest=bench # what runs\n"
			       "  fault = mute\n"
			       "cpus = 8\n"
			       "batch = 512\n"
			       "arg = 4294967295\n"
			       "moves = 1000000000\n"
			       "seed = 0xFFFFffffFFFFffff\n"
			       "apicv = registers\n"
			       "collapse = off\n"
			       "migrate = 1000000000\n"
			       "mem = 64G\n"
			       "guest_mem = 1G\n"
			       "host_apic = x2apic"),
			 0);
	assert_int_equal(cfg.nruns, 1);
	assert_int_equal(cfg.host_apic, HOST_APIC_X2APIC);
	assert_string_equal(cfg.run[0].protocol, "gated");
	assert_string_equal(cfg.run[0].guest, "bench");
	assert_string_equal(cfg.run[0].fault, "mute");
	assert_int_equal(cfg.run[0].cpus, 8);
	assert_int_equal(cfg.run[0].batch, 512);
	assert_int_equal(cfg.run[0].arg, UINT32_MAX);
	assert_int_equal(cfg.run[0].moves, 1000000000);
	assert_true(cfg.run[0].seed == UINT64_MAX);
	assert_string_equal(cfg.run[0].apicv, "registers");
	assert_false(cfg.run[0].collapse);
	assert_int_equal(cfg.run[0].migrate, 1000000000);
	assert_true(cfg.run[0].mem == 64ul << 30);
	assert_int_equal(cfg.run[0].guest_mem, 1 << 30);
	assert_int_equal(config_max_cpus(&cfg), 8);
}

static void sections(void **state)
{
	(void)state;
	assert_int_equal(parse("seed = 7\nmoves = 10\nhost_apic = xapic\n"
			       "[run]\nprotocol = range-notifier\nseed = 8\n"
			       " [run] # the second\n"
			       "[run]\ncpus = 4\nmoves = 11\n"),
			 0);
	assert_int_equal(cfg.nruns, 3);
	assert_int_equal(cfg.host_apic, HOST_APIC_XAPIC);
	assert_string_equal(cfg.run[0].protocol, "range-notifier");
	assert_int_equal(cfg.run[0].seed, 8);
	assert_int_equal(cfg.run[0].moves, 10);
	assert_string_equal(cfg.run[1].protocol, "ordered");
	assert_int_equal(cfg.run[1].seed, 7);
	assert_int_equal(cfg.run[2].moves, 11);
	assert_int_equal(cfg.run[2].cpus, 4);
	assert_int_equal(config_max_cpus(&cfg), 4);

	assert_int_equal(parse("[run]\n"), 0);
	assert_int_equal(cfg.nruns, 1);
	check_defaults(&cfg.run[0]);
}

/* What may stand for one size, and what may not. */
static void sizes(void **state)
{
	static const char *const same[] = { "16777216", "0x1000000", "16384K", "16M",
					    "16m",	"0x10M",     "16384k" };
	static const char *const bad[] = { "M",
					   "K16",
					   "16 M",
					   "16MB",
					   "16T",
					   "16.5M",
					   "1MM",
					   "-1M",
					   "18014398509481988K",
					   "0xffffffffffffffffK" };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
		strcat(strcpy(text, "mem = "), same[i]);
		assert_int_equal(parse(text), 0);
		assert_int_equal(cfg.run[0].mem, 16 << 20);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		strcat(strcpy(text, "mem = "), bad[i]);
		assert_int_equal(parse(text), -EINVAL);
	}
	assert_int_equal(parse("mem = 0"), 0);
	assert_int_equal(cfg.run[0].mem, 0);
	assert_int_equal(parse("mem = 4K"), 0);
	assert_int_equal(cfg.run[0].mem, 4096);
	assert_int_equal(parse("guest_mem = 6M"), 0);
	assert_int_equal(cfg.run[0].guest_mem, 6 << 20);
	refuses("mem = 5000", "interlock.cfg:1: mem = 5000; allowed: a multiple of 4K, 0..64G, in "
			      "bytes or with K, M or G behind it");
	refuses("mem = 65G", "interlock.cfg:1: mem = 65G; allowed: a multiple of 4K, 0..64G, in "
			     "bytes or with K, M or G behind it");
	refuses("guest_mem = 3M", "interlock.cfg:1: guest_mem = 3M; allowed: a multiple of 2M, "
				  "4M..1G, in bytes or with K, M or G behind it");
	assert_int_equal(parse("guest_mem = 2M"), -EINVAL);
	assert_int_equal(parse("guest_mem = 5M"), -EINVAL);
	assert_int_equal(parse("guest_mem = 1026M"), -EINVAL);
}

static void guests_together(void **state)
{
	(void)state;
	assert_int_equal(parse("mem = 16M\n"
			       "[run]\ncpus = 4\n"
			       "[with]\nguest = bench\ncpus = 5\nmem = 0\n"
			       "[run]\n"
			       "[run]\n[with]\n[with]\n"),
			 0);
	assert_int_equal(cfg.nruns, 6);
	assert_int_equal(config_together(&cfg, 0), 2);
	assert_int_equal(config_together(&cfg, 2), 1);
	assert_int_equal(config_together(&cfg, 3), 3);
	assert_string_equal(cfg.run[1].guest, "bench");
	assert_int_equal(cfg.run[1].mem, 0);
	assert_int_equal(cfg.run[4].mem, 16 << 20);
	assert_int_equal(config_max_cpus(&cfg), 8);

	refuses("[with]\n", "interlock.cfg:1: no run to go with; allowed: [with] behind a [run]");
	refuses("[run]\ncpus = 5\n[with]\n[with]\ncpus = 4\n\n",
		"interlock.cfg:4: the guests that run together want 9 CPUs; allowed: 8, of which "
		"one moves their memory");
	refuses("[run]\n[with]\ncpus = 8\n[run]\n",
		"interlock.cfg:2: the guests that run together want 9 CPUs; allowed: 8, of which "
		"one moves their memory");
	refuses("[run]\n[with]\n[with]\n[with]\n[with]\n[with]\n[with]\n[with]\n",
		"interlock.cfg:8: the guests that run together want 9 CPUs; allowed: 8, of which "
		"one moves their memory");
	refuses("[run]\n[with]\nseed = 1\nseed = 2\n",
		"interlock.cfg:4: seed stands twice; allowed: once in a section");
}

static void errors(void **state)
{
	(void)state;
	refuses("cpus = 99",
		"interlock.cfg:1: cpus = 99; allowed: a number 2..8, decimal or 0x...");
	refuses("\n\ncpus = 1\n",
		"interlock.cfg:3: cpus = 1; allowed: a number 2..8, decimal or 0x...");
	refuses("batch = 513",
		"interlock.cfg:1: batch = 513; allowed: a number 0..512, decimal or 0x...");
	refuses("moves = 0",
		"interlock.cfg:1: moves = 0; allowed: a number 1..1000000000, decimal or 0x...");
	refuses("seed = 18446744073709551616",
		"interlock.cfg:1: seed = 18446744073709551616; "
		"allowed: a number 0..18446744073709551615, decimal or 0x...");
	refuses("fault = all",
		"interlock.cfg:1: fault = all is not known; allowed: none, entry, panic, mute, "
		"storm");
	refuses("apicv = yes",
		"interlock.cfg:1: apicv = yes is not known; allowed: off, registers, "
		"x2apic, delivery, on");
	refuses("color = red",
		"interlock.cfg:1: unknown key \"color\"; allowed: protocol, guest, "
		"initrd, cmdline, fault, apicv, large, collapse, x2apic, cpus, batch, arg, "
		"moves, seed, migrate, mem, guest_mem, host_apic");
	refuses("seed = 1\r\nseed = 1\r\n",
		"interlock.cfg:2: seed stands twice; allowed: once in a section");
	refuses("seed = 1 2",
		"interlock.cfg:1: seed: more than one value in \"1 2\"; allowed: one");
	refuses("seed =", "interlock.cfg:1: seed has no value; allowed: seed = VALUE");
	refuses("seed = # 5", "interlock.cfg:1: seed has no value; allowed: seed = VALUE");
	refuses("[runs]", "interlock.cfg:1: unknown section [runs]; allowed: [run], [with]");
	refuses("[run] x", "interlock.cfg:1: unknown section [run] x; allowed: [run], [with]");
	refuses("what is this", "interlock.cfg:1: \"what is this\" is not understood; allowed: key "
				"= value, [run], [with], # comment");
	refuses("[run]\nhost_apic = auto", "interlock.cfg:2: host_apic holds for the whole boot; "
					   "allowed only before the first [run]");
	refuses("seed = 1\001",
		"interlock.cfg:1: control byte 0x01; allowed: printable text and tabs");
	refuses("seed = 1\r2",
		"interlock.cfg:1: control byte 0x0d; allowed: printable text and tabs");
	assert_int_equal(parse("protocol = nonsense"), -EINVAL);
	assert_non_null(strstr(
		err, "interlock.cfg:1: protocol = nonsense is not known; allowed: ordered, "));
	assert_int_equal(parse_bytes("a\0b", 3), -EINVAL);
	assert_non_null(strstr(err, "interlock.cfg:1: control byte 0x00"));
}

static void bad_numbers(void **state)
{
	static const char *const bad[] = { "-1", "+1",	  "1x",	 "0x",
					   "x1", "1.5",	  "1e3", "0xg",
					   "--", "\"1\"", "1=1", "99999999999999999999999" };
	char text[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(text, "seed = ");
		strcat(text, bad[i]);
		assert_int_equal(parse(text), -EINVAL);
	}
	assert_int_equal(parse("seed = 0x10"), 0);
	assert_int_equal(cfg.run[0].seed, 16);
	assert_int_equal(parse("seed = 010"), 0); /* decimal, not octal */
	assert_int_equal(cfg.run[0].seed, 10);
}

static void initrds(const char *const *names)
{
	const char *at = cfg.run[0].initrd;
	char name[FILE_NAME_MAX];

	for (; *names; names++) {
		at = config_file(at, name);
		assert_non_null(at);
		assert_string_equal(name, *names);
	}
	assert_null(config_file(at, name));
}

static void images(void **state)
{
	char line[600] = "cmdline = ";

	(void)state;
	assert_int_equal(parse("guest = \\guest\\vmlinuz\ninitrd = \\i.img\n"
			       "cmdline =  console=ttyS0 a = b  # not this\nx2apic = on\n"
			       "[run]\n[run]\nguest = patrol\n[run]\nmoves = 5\n"),
			 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(config_is_image(&cfg.run[i]), i != 1);
		assert_string_equal(cfg.run[i].initrd, "\\i.img");
		assert_string_equal(cfg.run[i].cmdline, "console=ttyS0 a = b");
		assert_true(cfg.run[i].x2apic);
	}
	assert_string_equal(cfg.run[0].guest, "\\guest\\vmlinuz");
	assert_int_equal(cfg.run[0].moves, ENDLESS);
	assert_int_equal(cfg.run[1].moves, 2000);
	assert_int_equal(cfg.run[2].moves, 5);

	refuses("guest = \\", "interlock.cfg:1: guest = \\; allowed: a file on the ESP, such as "
			      "\\guest\\vmlinuz, of letters, digits, . _ - +");
	refuses("initrd = i.img",
		"interlock.cfg:1: initrd = i.img; allowed: a file on the ESP, such as "
		"\\guest\\vmlinuz, of letters, digits, . _ - +");
	refuses("initrd = \\a:b",
		"interlock.cfg:1: initrd = \\a:b; allowed: a file on the ESP, such as "
		"\\guest\\vmlinuz, of letters, digits, . _ - +");
	refuses("initrd = \\0123456789012345678901234567890123456789012345678901234567890123",
		"interlock.cfg:1: initrd has 65 characters; allowed: 63");
	assert_int_equal(parse("initrd = \\a one  two ,\\b,\t\\dir\\c x=y\n"), 0);
	assert_memory_equal(cfg.run[0].initrd, "\\a one  two\0\\b\0\\dir\\c x=y\0", 27);
	initrds((const char *[]){ "\\a", "\\b", "\\dir\\c", NULL });
	assert_int_equal(parse("initrd = \\a"), 0);
	initrds((const char *[]){ "\\a", NULL });
	assert_int_equal(parse("initrd = \\a,\\a,\\a,\\a"), 0);
	initrds((const char *[]){ "\\a", "\\a", "\\a", "\\a", NULL });
	refuses("initrd = \\a,\\a,\\a,\\a,\\a",
		"interlock.cfg:1: initrd is too long; allowed: 4 files, 254 characters");
	refuses("initrd = \\a,", "interlock.cfg:1: initrd = ; allowed: a file on the ESP, such as "
				 "\\guest\\vmlinuz, of letters, digits, . _ - +");
	refuses("initrd = \\a,b",
		"interlock.cfg:1: initrd = b; allowed: a file on the ESP, such as "
		"\\guest\\vmlinuz, of letters, digits, . _ - +");
	for (unsigned length = 1; length < 260; length++) {
		char text[300] = "initrd = \\x ";

		memset(text + 12, 'y', length);
		if (length <= 251)
			assert_int_equal(parse(text), 0);
		else
			refuses(text, "interlock.cfg:1: initrd is too long; allowed: 4 files, "
				      "254 characters");
	}
	memset(line + 10, 'x', 512);
	refuses(line, "interlock.cfg:1: cmdline has 512 characters; allowed: 511");
	line[10 + 511] = '\0';
	assert_int_equal(parse(line), 0);
}

static void limits(void **state)
{
	char line[CONFIG_MAX_LINE + 3] = "seed = 5 #", runs[6 * (CONFIG_MAX_RUNS + 1) + 1] = "";
	char *large = malloc(CONFIG_MAX_SIZE + 1);

	(void)state;
	memset(line + 10, 'x', CONFIG_MAX_LINE - 10);
	assert_int_equal(parse(line), 0);
	line[CONFIG_MAX_LINE] = 'x';
	refuses(line, "interlock.cfg:1: the line has 601 bytes; allowed: 600");

	for (unsigned i = 0; i < CONFIG_MAX_RUNS; i++)
		strcat(runs, "[run]\n");
	assert_int_equal(parse(runs), 0);
	assert_int_equal(cfg.nruns, CONFIG_MAX_RUNS);
	strcat(runs, "[run]\n");
	refuses(runs, "interlock.cfg:65: too many [run] and [with] sections; allowed: 64");

	memset(large, '\n', CONFIG_MAX_SIZE + 1);
	assert_int_equal(parse_bytes(large, CONFIG_MAX_SIZE), 0);
	assert_int_equal(parse_bytes(large, CONFIG_MAX_SIZE + 1), -EINVAL);
	free(large);

	/* An error that does not fit is cut, not more. */
	for (size_t size = 0; size < 40; size++) {
		char *small = malloc(size ? size : 1);

		assert_int_equal(config_parse("[x]", 3, &cfg, small, size), -EINVAL);
		if (size)
			assert_true(strlen(small) < size);
		free(small);
	}
}

/* Whatever is accepted is in range. */
static void check_sane(void)
{
	assert_in_range(cfg.nruns, 1, CONFIG_MAX_RUNS);
	assert_in_range(cfg.host_apic, HOST_APIC_AUTO, HOST_APIC_X2APIC);
	assert_in_range(config_max_cpus(&cfg), 2, MAX_CPUS);
	assert_false(cfg.run[0].with);
	for (u32 i = 0; i < cfg.nruns; i++) {
		const struct run_config *r = &cfg.run[i];

		assert_in_range(r->cpus, 2, MAX_CPUS);
		assert_in_range(r->batch, 0, 512);
		assert_in_range(r->moves, 1, 1000000000);
		assert_in_range(r->guest_mem, 4 << 20, 1 << 30);
		assert_int_equal(r->guest_mem % (2 << 20), 0);
		assert_int_equal(r->mem % 4096, 0);
		assert_non_null(memchr(r->protocol, 0, sizeof(r->protocol)));
		assert_non_null(memchr(r->guest, 0, sizeof(r->guest)));
		assert_non_null(memchr(r->fault, 0, sizeof(r->fault)));
		assert_true(r->protocol[0] && r->guest[0] && r->fault[0]);
	}
}

/* xorshift64: the same cases each time. */
static u64 rng = 88172645463325252ull;

static u32 below(u32 n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (u32)(rng >> 32) % n;
}

static void any_bytes(void **state)
{
	static const char *const pieces[] = {
		"[run]",       "[with]\n", "mem",      "guest_mem",
		"M",	       "K",	   "[",	       "]",
		"=",	       " = ",	   "#",	       "\n",
		"\r\n",	       "\r",	   "\t",       "cpus",
		"seed",	       "moves",	   "protocol", "guest",
		"host_apic",   "ordered",  "gated",    "patrol",
		"xapic",       "apicv",	   "on",       "2",
		"8",	       "0x",	   "ffff",     "18446744073709551615",
		"\xef\xbb\xbf"
	};
	unsigned accepted = 0;

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		char text[400];
		size_t size = 0;

		for (unsigned left = below(24); left; left--) {
			if (below(8)) {
				const char *piece = pieces[below(ARRAY_SIZE(pieces))];

				memcpy(text + size, piece, strlen(piece));
				size += strlen(piece);
			} else {
				text[size++] = (char)below(256);
			}
			if (size > sizeof(text) - 32)
				break;
		}
		if (parse_bytes(text, size)) {
			assert_memory_equal(err, "interlock.cfg:", 14);
			assert_null(strchr(err, '\n'));
		} else {
			accepted++;
			check_sane();
		}
	}
	assert_true(accepted > 1000); /* or the pieces no longer fit the grammar */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),	   cmocka_unit_test(every_key),
		cmocka_unit_test(sections),	   cmocka_unit_test(errors),
		cmocka_unit_test(bad_numbers),	   cmocka_unit_test(sizes),
		cmocka_unit_test(guests_together), cmocka_unit_test(images),
		cmocka_unit_test(limits),	   cmocka_unit_test(any_bytes),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
