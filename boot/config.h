/* SPDX-License-Identifier: GPL-2.0-or-later */
/* interlock.cfg: which runs one boot does, and with what. Plain C, for the hypervisor and for the
 * checker on the host. */
#ifndef BOOT_CONFIG_H
#define BOOT_CONFIG_H

#include "mm/types.h"

#define CONFIG_MAX_RUNS 64	    /* sections, [run] and [with] */
#define CONFIG_MAX_LINE 600	    /* bytes, without the line's end */
#define CONFIG_MAX_SIZE (64u << 10) /* bytes of the whole file */

#define MODULES_MAX 4	     /* files in initrd */
#define FILE_NAME_MAX 64     /* of a file on the ESP, from \ on, with the closing NUL */
#define ENDLESS 1000000000ul /* moves: as many as the guest lasts */

struct run_config {
	char protocol[24];	   /* one of PROTOCOL_NAMES */
	char guest[FILE_NAME_MAX]; /* one of GUEST_NAMES, or the name of an image file */
	char initrd[256];  /* for an image: its initial RAM disk or modules, config_file() */
	char cmdline[512]; /* for an image */
	char fault[8];	   /* none, entry, panic, mute, storm */
	char apicv[12];	   /* one of APICV_NAMES, or APICV_BEST */
	u32 cpus;	   /* 2..MAX_CPUS: vCPUs + 1 */
	u32 batch;	   /* pages per move, 0 for mixed sizes */
	u32 arg;	   /* handed to the guest */
	u64 moves;	   /* ENDLESS for an image, unless the configuration says another number */
	u64 seed;
	u64 mem;       /* bytes of the machine's memory lent to the guest at most, 0 for no limit */
	u64 guest_mem; /* bytes of RAM promised to the guest */
	u64 migrate;   /* after so many moves two vCPUs change places, 0 never */
	bool large;    /* map guest memory by 2-MB leaves until a page of one moves */
	bool collapse; /* and again when all of one is in use */
	bool x2apic;   /* have Linux use x2APIC mode */
	bool with;     /* runs together with the section before */
#ifdef INTERLOCK_LAB
	char ablate[36]; /* the part of `ordered` that is left out, or none */
#endif
};

struct config {
	struct run_config run[CONFIG_MAX_RUNS];
	u32 nruns;
	enum { HOST_APIC_AUTO, HOST_APIC_XAPIC, HOST_APIC_X2APIC } host_apic;
};

/*
 * Reads SIZE bytes of TEXT, which may be any bytes, into *CFG. TEXT == NULL gives the defaults.
 * Returns 0, or -EINVAL with one line "interlock.cfg:LINE: what; what is allowed" in ERR (cut to
 * ERR_SIZE); *CFG is then not to be used.
 */
int config_parse(const char *text, size_t size, struct config *cfg, char *err, size_t err_size);

/*
 * INITRD is a list: "\NAME words", a NUL, the next one, and behind the last an empty one. Puts the first
 * one's file into NAME. Returns the next; NULL when there was none.
 */
const char *config_file(const char *initrd, char name[FILE_NAME_MAX]);

/* An image from the ESP, which knows nothing of Interlock; or one of the guests in GUEST_NAMES. */
static inline bool config_is_image(const struct run_config *c)
{
	return c->guest[0] == '\\';
}

/* How many guests run together with the first of a run, run[FIRST], that one included. */
u32 config_together(const struct config *cfg, u32 first);

/* The largest number of CPUs that any of the runs asks for, together with what runs with it. */
u32 config_max_cpus(const struct config *cfg);

#endif
