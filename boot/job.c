/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main job: guests run on all CPUs but this one, which keeps moving their pages under them. */
#include "apic/lapic.h"
#include "boot/console.h"
#include "boot/format.h"
#include "boot/job.h"
#include "boot/session.h"
#include "boot/smp.h"
#include "mm/frame.h"
#include "mm/x86.h"
#include "vmx/vmx.h"
#ifdef INTERLOCK_LAB
#include "lab/metal/ablate.h"
#endif

#define REST_EXITS 64
#define INPUT_US 1000u /* between two looks at the port when nothing came */
#define CPUID_1_ECX_HYPERVISOR BIT(31)

/* Each has one vCPU at least. */
static struct session sessions[MAX_CPUS - 1];

static u64 rest_ticks; /* 0: there is no hypervisor under this one */

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
	const char *lacks;

	for (u32 i = 0; i < count; i++) {
		if (apicv_find(c[i].apicv, &lacks) < 0) {
			format(text, size,
			       "apicv = %s: this CPU's VMX lacks \"%s\"; allowed here: %s",
			       c[i].apicv, lacks,
			       apicv_name((enum apicv)apicv_find(APICV_BEST, &lacks)));
			return false;
		}
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

/*
 * An outer hypervisor may have fewer CPUs than it lends: one that spins keeps the vCPUs from theirs, and
 * the moves that it makes meanwhile pass between two instructions of a guest's. So between two looks
 * at the sessions CPU 0 sleeps there, if nothing is left to do, for as long as some of the outer one's
 * exits take, of which CPUID is one: in less, a vCPU would not even come to its guest.
 */
static void measure_rest(void)
{
	u64 least = ~0ul;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	for (unsigned i = 0; i < 8; i++) {
		u64 start = rdtsc();

		cpuid(1, 0);
		least = MIN(least, rdtsc() - start);
	}
	rest_ticks = REST_EXITS * least;
}

static void rest(bool busy)
{
	if (!rest_ticks || busy) {
		cpu_relax();
		return;
	}
	lapic_timer_set((u32)lapic_timer_counts(rest_ticks, DIVIDE_BY_1) | 1, DIVIDE_BY_1, false);
	irq_wait();
}

/* What comes in goes to the serial port of one guest: the run's first, or the Nth after Ctrl-] N. */
#define ESCAPE 0x1d

static void pass_input(u32 count)
{
	static int byte = -1;
	static bool escaped;
	static u32 chosen;
	static u64 looked_at;

	/* A look is an access of the port, which is slow, and an exit where there is an outer
	 * hypervisor. */
	if (byte < 0 && session_over(looked_at, INPUT_US)) {
		byte = console_read();
		if (byte < 0)
			looked_at = rdtsc();
	}
	if (byte < 0)
		return;
	if (chosen >= count)
		chosen = 0;
	if (escaped && byte > '0' && (u32)(byte - '0') <= count) {
		chosen = (u32)(byte - '1');
		print_later("input goes to guest %u\n", sessions[chosen].guest->id);
	} else if (byte != ESCAPE && sessions[chosen].state < SESSION_LEAVES &&
		   !pc_receive(sessions[chosen].guest, (u8)byte)) {
		return; /* its FIFO is full: later */
	}
	escaped = byte == ESCAPE;
	byte = -1;
}

/* A run: COUNT guests together. */
static int run(const struct run_config *c, u32 count)
{
	u64 before = frames_free();
	int code = EXIT_HELD;
	unsigned running;
	const char *err;
	char text[200];
	bool busy;

#ifdef INTERLOCK_LAB
	if (ablate_noticed(c->ablate))
		return EXIT_HELD;
	err = ablate_begin(c->ablate, c->protocol); /* for those that run with it, too */
	if (err)
		return set_up_error(err);
#endif
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
		console_pump();
		pass_input(count);
		running = 0;
		busy = false;
		for (u32 i = 0; i < count; i++) {
			running += session_step(&sessions[i]);
			busy |= sessions[i].busy;
		}
		rest(busy);
	} while (running);
	for (u32 i = 0; i < count; i++)
		code = worst(code, sessions[i].code);
	if (frames_free() != before)
		panic("frames: %lu were free before the run, %lu after", before, frames_free());
#ifdef INTERLOCK_LAB
	ablate_end(code == EXIT_HELD);
#endif
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
	measure_rest();
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
