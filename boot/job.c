/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main job: guests run on all CPUs but this one, which keeps moving their pages under them. */
#include "boot/format.h"
#include "boot/job.h"
#include "boot/session.h"
#include "boot/smp.h"
#include "mm/frame.h"
#include "mm/x86.h"
#include "vmx/vmx.h"

/* Each has one vCPU at least. */
static struct session sessions[MAX_CPUS - 1];

static int set_up_error(const char *what)
{
	char text[300];

	format_json(text, sizeof(text), what);
	printk("%s\n@json {\"result\":\"error\",\"exit\":%d,\"error\":\"%s\"}\n", what, EXIT_SETUP,
	       text);
	return EXIT_SETUP;
}

/* The worst is what a caller should hear of: a set-up error, another error, a stale access. */
static int worst(int a, int b)
{
	static const int rank[] = {
		[EXIT_HELD] = 0, [EXIT_STALE] = 1, [EXIT_ERROR] = 2, [EXIT_SETUP] = 3
	};

	return rank[a] > rank[b] ? a : b;
}

/* What can be known before there is a guest. False: TEXT says why the run cannot be. */
static bool can_run(const struct run_config *c, u32 count, char *text, size_t size)
{
	u64 frames = 0, free = frames_free();

	for (u32 i = 0; i < count; i++) {
		frames += session_frames(&c[i]);
		if (c[i].migrate && c[i].cpus < 3) {
			format(text, size, "migrate = %lu wants two vCPUs: cpus = 3 at least",
			       c[i].migrate);
			return false;
		}
	}
	if (free >= frames)
		return true;
	format(text, size,
	       "not enough RAM: the run needs %lu MB free, %lu MB are; give the machine more, or "
	       "the "
	       "guest less (guest_mem, mem)",
	       (frames + 255) >> 8, free >> 8);
	return false;
}

static const char *create_all(const struct run_config *c, u32 count)
{
	const char *err = NULL;
	unsigned cpu = 1;
	u32 made = 0;

	for (; made < count && !err; made++) {
		err = session_create(&sessions[made], &c[made], cpu);
		cpu += c[made].cpus - 1;
	}
	while (err && --made)
		guest_destroy(sessions[made - 1].guest);
	return err;
}

/* A run: COUNT guests together. */
static int run(const struct run_config *c, u32 count)
{
	u64 before = frames_free();
	int code = EXIT_HELD;
	unsigned running;
	const char *err;
	char text[200];

	if (!can_run(c, count, text, sizeof(text)))
		return set_up_error(text);
	err = create_all(c, count);
	if (err)
		return set_up_error(err);
	for (u32 i = 0; i < count; i++) {
		printk("%s: protocol %s, guest %s, %u CPUs, %lu moves, seed %lu\n",
		       i ? "with" : "run", c[i].protocol, c[i].guest, c[i].cpus, c[i].moves,
		       c[i].seed);
		session_start(&sessions[i]);
	}
	do {
		running = 0;
		for (u32 i = 0; i < count; i++)
			running += session_step(&sessions[i]);
		cpu_relax();
	} while (running);
	for (u32 i = 0; i < count; i++)
		code = worst(code, sessions[i].code);
	if (frames_free() != before)
		panic("frames: %lu were free before the run, %lu after", before, frames_free());
	return code;
}

static void switch_on(void *failed)
{
	int err = vmx_on();

	if (err)
		__atomic_store_n((int *)failed, err, __ATOMIC_RELAXED);
}

static void switch_off(void *unused)
{
	(void)unused;
	vmx_off();
}

static void on_each_other(unsigned count, void (*fn)(void *), void *arg)
{
	for (unsigned i = 1; i < count; i++)
		cpu_start(i, fn, arg);
	for (unsigned i = 1; i < count; i++)
		while (!cpu_idle(i))
			cpu_relax();
}

int job_main(const struct config *cfg, unsigned count)
{
	char err[160];
	int code = EXIT_HELD, failed = 0;

	if (vmx_probe(err, sizeof(err)))
		return set_up_error(err);
	on_each_other(count, switch_on, &failed);
	switch_on(&failed);
	if (failed)
		return set_up_error(failed == -EIO ? "VT-x is locked off in IA32_FEATURE_CONTROL; "
						     "switch it on in the firmware's set-up"
						   : "not enough memory for VMXON");
	cpuid_init();
	for (u32 i = 0; i < cfg->nruns; i += config_together(cfg, i))
		code = worst(code, run(&cfg->run[i], config_together(cfg, i)));
	on_each_other(count, switch_off, NULL);
	vmx_off();
	return code;
}
