/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest: its memory, its vCPUs, and how it ended. */
#ifndef VMX_GUEST_H
#define VMX_GUEST_H

#include "ept/reclaim.h"
#include "vmx/vcpu.h"

#define GUEST_LOAD_GPA 0x8000
#define GUEST_SIPI_VECTOR (GUEST_LOAD_GPA >> PAGE_SHIFT)
#define GUEST_INFO_GPA 0x7000
#define GUEST_INFO_MAGIC 0x4b4c4e49 /* "INLK" */

/* What the guest finds at GUEST_INFO_GPA. */
struct guest_info {
	u32 magic, vcpus, ram_pages, arg;
	u64 seed;
	u32 ticks_per_us; /* of the TSC */
	u32 budget_pages; /* frames that back its RAM at a time, at most; 0: no limit */
};

/* Kinds of wrong values that a guest reports. The first three are stale accesses. */
enum { WRONG_APIC_READ, WRONG_APIC_WRITE, WRONG_DATA, WRONG_LOST, WRONG_STATE, WRONG_KINDS };
#define GUEST_RESULTS 32
#define WRONG_SHOWN 8 /* so many are printed */

/* A wrong value: what the guest saw, and, for the APIC-access page, the two addresses that should
 * be one. */
struct stale {
	u64 gpa, value, expected, tick;
	u64 access, leaf; /* A, and the address in the EPT leaf */
	bool gone;	  /* the leaf is not present any more when the report comes */
	unsigned vcpu;
};

struct guest {
	u16 id;	    /* owner of its frames */
	u64 fixed;  /* frames that are set aside for everything but its RAM and its store */
	u64 budget; /* frames that these two may take together; 0: no limit */
	unsigned nvcpus;
	struct vcpu *vcpus[MAX_CPUS];
	struct vlapic *lapics[MAX_CPUS];
	struct ept ept;
	struct backing backing;
	struct reclaim reclaim;
	u64 io_bitmaps, msr_bitmap; /* physical addresses; two frames, one frame */

	bool finishing; /* the next ROUND hypercall is told to finish */
	u32 done;	/* vCPUs that called DONE. Atomic */
	bool stopping;	/* something ended it */
	bool stopped;	/* and stop_reason says what */
	char stop_reason[200];
	u64 wrong[WRONG_KINDS]; /* atomic */
	u32 stale_seen;		/* first_stale is filled in */
	struct stale first_stale;
	u64 bench[GUEST_RESULTS]; /* RESULT hypercalls: a value * 1000, 0 none */
	bool mute;		  /* fault=mute: kicks to vCPU 0 are not sent */
};

struct guest_config {
	const struct protocol *protocol;
	unsigned vcpus;
	unsigned first_cpu; /* of the first vCPU; the others run on those behind it */
	u64 ram_pages;	    /* what the guest is promised */
	u64 mem;	    /* frames that may be held for it, all included; 0: no limit */
	unsigned batch;	    /* pages reclaimed at a time at most; 0: the default */
	const u8 *image;
	size_t image_size;
	u32 arg;
	u64 seed;
	u32 ticks_per_us;
	bool apicv;	/* use APIC-register virtualization */
	bool large;	/* use 2-MB leaves */
	bool bad_state; /* fault=entry: an invalid guest state for vCPU 0 */
	bool mute;
};

/* The frames that such a guest may take in all, memory in motion included. */
u64 guest_frames(const struct guest_config *c);

/*
 * A guest with its image and info page in memory and vCPU 0 about to start; or NULL with the reason
 * in ERR, which is good until the next call. Guests are made and destroyed by one CPU, while others
 * may run.
 */
struct guest *guest_create(const struct guest_config *c, const char **err);

/* Frees what it had. Its vCPUs' CPUs have returned from vcpu_main(). Panics when a frame is left. */
void guest_destroy(struct guest *g);

/* Ends the guest, with the first reason that is given. From any CPU; its vCPUs leave soon. */
__attribute__((format(printf, 2, 3))) void guest_stop(struct guest *g, const char *fmt, ...);

/*
 * Reads SIZE bytes at guest-physical GPA into BUF, for the vCPU V that is OUTSIDE. 0, -EFAULT (no
 * memory there; BUF is then not to be used) or -EAGAIN (V is to stop). Safe while pages move: it is
 * a stay that invalidators wait for.
 */
int guest_read(struct vcpu *v, u64 gpa, void *buf, u64 size);

/* The same for a linear address, through the guest's own page tables. -EFAULT also when it is not
 * mapped. */
int guest_read_linear(struct vcpu *v, u64 linear, void *buf, u64 size);

/* Writes to the guest's memory before it runs. 0, -EFAULT or -ENOMEM. */
int guest_load(struct guest *g, u64 gpa, const void *from, u64 size);

#endif
