/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest: its memory, its vCPUs, and how it ended. */
#ifndef VMX_GUEST_H
#define VMX_GUEST_H

#include "ept/reclaim.h"
#include "vmx/pc/pc.h"
#include "vmx/start.h"
#include "vmx/vcpu.h"

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
	u32 ticks_per_us; /* of the TSC */
	unsigned nvcpus;
	struct vcpu *vcpus[MAX_CPUS];
	struct vlapic *lapics[MAX_CPUS];
	struct ept ept;
	struct backing backing;
	struct reclaim reclaim;
	struct guest_start start;
	bool foreign; /* it knows nothing of Interlock */
	bool x2apic;  /* Linux is to use x2APIC mode */
	bool apic_was_memory; /* the APIC-access page, to a vCPU, since it was filled. Atomic */
	struct pc pc;
	u64 io_bitmaps, msr_bitmaps; /* physical addresses; two frames each */

	bool finishing; /* the next ROUND hypercall is told to finish */
	u32 done;	/* vCPUs that called DONE. Atomic */
	bool stopping;	/* something ended it */
	bool stopped;	/* and stop_reason says what */
	char stop_reason[320];
	bool ended;	/* a foreign guest: powered off, left by isa-debug-exit, or had its moves */
	u32 exit_value; /* with this value; 0: as it should */
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
	u64 loaded;	    /* pages that are loaded before it runs */
	bool foreign;	    /* it knows nothing of Interlock */
	bool x2apic;	    /* Linux is to use x2APIC mode */
	u32 ticks_per_us;   /* of the TSC */
	enum apicv apicv;   /* how much of the APIC the processor serves; it can */
	bool large;	/* use 2-MB leaves */
	bool bad_state; /* fault=entry: an invalid guest state for vCPU 0 */
	bool mute;
};

/* The frames that such a guest may take in all, memory in motion included. */
u64 guest_frames(const struct guest_config *c);

/*
 * A guest with empty memory, whose vCPU 0 starts as guest_start_at() says; or NULL with the reason
 * in ERR, which is good until the next call. Guests are made and destroyed by one CPU, while others
 * may run.
 */
struct guest *guest_create(const struct guest_config *c, const char **err);

/* Before it runs. The default is START_REAL at GUEST_LOAD_GPA. */
void guest_start_at(struct guest *g, const struct guest_start *start);

/* Frees what it had. Its vCPUs' CPUs have returned from vcpu_main(). Panics when a frame is left. */
void guest_destroy(struct guest *g);

/* The guest has ended itself, with VALUE, or its time is over; its vCPUs leave. From any CPU, once or
 * more often. */
void guest_exit(struct guest *g, u32 value);

/* Ends the guest, with the first reason that is given. From any CPU; its vCPUs leave soon. */
__attribute__((format(printf, 2, 3))) void guest_stop(struct guest *g, const char *fmt, ...);

/*
 * Reads SIZE bytes at guest-physical GPA into BUF, for the vCPU V that is OUTSIDE. 0, -EFAULT (no
 * memory there; BUF is then not to be used) or -EAGAIN (V is to stop). Safe while pages move: it is
 * a stay that invalidators wait for.
 */
int guest_read(struct vcpu *v, u64 gpa, void *buf, u64 size);

/*
 * Writes SIZE bytes to guest-physical GPA, for V that is OUTSIDE, while the guest runs. What the
 * hypervisor keeps of the page besides is no longer used. 0, -EFAULT (no memory there; pages before that
 * one are written) or -EAGAIN (V is to stop).
 */
int guest_write(struct vcpu *v, u64 gpa, const void *buf, u64 size);

/* Sets BITS in the word of SIZE bytes (4 or 8) at GPA, aligned to it, if it is SEEN still. As
 * guest_write(), or -EBUSY: it is something else by now. */
int guest_mark(struct vcpu *v, u64 gpa, unsigned size, u64 seen, u64 bits);

/*
 * vmx/linear.c: by the guest's own page tables. The access that V's guest makes, in the bits of a
 * page fault's error code (SDM, "Page-Fault Exceptions"); or none: the hypervisor looks at code that
 * the guest has just executed, so that no rights are to be checked.
 */
#define LINEAR_GUEST BIT(0)
#define LINEAR_WRITE BIT(1)
#define LINEAR_USER BIT(2)

/*
 * The guest-physical address of LINEAR. For an access of the guest's, accessed and dirty flags are set
 * as the processor would set them. 0; -EACCES: the access is a page fault, with *ERROR as its code;
 * -EFAULT: a table is where there is no memory; -EAGAIN: V is to stop, or the tables are changing:
 * the guest is to make the access again. Without an access reserved bits are not looked at.
 */
int guest_translate(struct vcpu *v, u64 linear, u64 access, u64 *gpa, u32 *error);

/* As guest_read(), at a linear address, no rights checked. -EFAULT also when it is not mapped. */
int guest_read_linear(struct vcpu *v, u64 linear, void *buf, u64 size);

/* Counts and reports a wrong value, of one of the kinds above; S->access, leaf and gone are filled in.
 * From any CPU that does not hold E's lock. */
void guest_wrong(struct guest *g, unsigned kind, struct stale *s);

/*
 * A vCPU of G that is in guest mode with an A that is not what P has, and that nobody has asked to
 * reload: the processor traps none of its APIC accesses. NULL: there is none, or not for sure. No
 * protocol that is right lets it happen. On CPU 0.
 */
const struct vcpu *guest_stale_a(const struct guest *g);

/* A of V is what P has, or will be before V enters. */
bool guest_agrees(const struct guest *g, const struct vcpu *v);

/* Reports that V has been such a one for US microseconds, and stops the guest, which is foreign. */
void guest_stop_stale(struct guest *g, const struct vcpu *v, u64 us);

/* The guest's write of VALUE to GPA, in the APIC-access page, went to memory, where EXPECTED was. A
 * foreign guest is stopped. */
void guest_wrote_raw(struct guest *g, u64 gpa, u64 value, u64 expected);

/* Writes to the guest's memory before it runs. 0, -EFAULT or -ENOMEM. */
int guest_load(struct guest *g, u64 gpa, const void *from, u64 size);

#endif
