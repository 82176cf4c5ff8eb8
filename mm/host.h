/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lower rooms need of boot/: a console, a way to stop the machine, and the CPU they run
 * on. */
#ifndef MM_HOST_H
#define MM_HOST_H

#include <stdarg.h>

#include "mm/types.h"

/* One per CPU, reached through GS, and its guard through FS. Assembly knows the offsets that are asserted below. */
struct cpu {
	struct cpu *self;
	u32 index; /* 0 is the CPU that booted; it moves memory, the others run vCPUs */
	u32 apic_id;
	u32 kicked;    /* an NMI came in root mode: the next entry gives up once */
	u32 timer_due; /* the host's APIC timer interrupt came in; who uses the timer clears it */
	u64 host_rsp;  /* the stack of the C code that called vmx_run() */
	u64 vmreads;
	u64 guard; /* what liblz4's stack protector compares with */
	u64 vmwrites;
	void *vcpu; /* the vCPU whose VMCS is current here, or NULL */
};
_Static_assert(offsetof(struct cpu, kicked) == 16, "boot/isr.asm and vmx/entry.asm use it");
_Static_assert(offsetof(struct cpu, host_rsp) == 24, "vmx/entry.asm uses it");
_Static_assert(offsetof(struct cpu, guard) == 0x28, "psABI: the stack guard is %fs:0x28");

#if __STDC_HOSTED__ /* unit tests define it: tests/unit/fake.c */
struct cpu *this_cpu(void);
#else
static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}
#endif

#if __STDC_HOSTED__ /* unit tests let allocations of frames fail: tests/unit/fake.c */
bool alloc_allowed(void);
#else
static inline bool alloc_allowed(void)
{
	return true;
}
#endif

extern struct cpu *cpus[MAX_CPUS]; /* by index */
extern unsigned ncpus;		   /* those that run */

/* What the VMCS's host state needs of this CPU's descriptor tables. After a VM exit the limits of GDTR
 * and IDTR are 0xffff: harmless. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_TSS 0x18
void desc_bases(u64 *gdt, u64 *idt, u64 *tss);

/*
 * Makes NMIs possible again after a VM exit that an NMI caused: they stay blocked until the next
 * IRET (SDM, NMI blocking), so this does one. When the NMI was panic()'s, it does not return.
 */
void nmi_unblock(void);

/*
 * Writes at most SIZE bytes, the closing NUL included, and returns the length of what was written.
 * Text that does not fit is cut. Knows %d %i %u %x %X %s %c %%, the lengths l, ll and z, a width,
 * the flags 0 and -. Anything else is copied as it stands, so that a mistake shows. A NULL string
 * is written as "(null)". SIZE 0 writes nothing.
 */
__attribute__((format(printf, 3, 4))) int format(char *buf, size_t size, const char *fmt, ...);
__attribute__((format(printf, 3, 0))) int vformat(char *buf, size_t size, const char *fmt,
						  va_list args);

/* Prints as format() writes. Whole calls from several CPUs do not mix. */
__attribute__((format(printf, 1, 2))) void printk(const char *fmt, ...);

/*
 * The same, but does not wait for the port, which takes milliseconds for a line: CPU 0 writes it when
 * it comes to it, and before anything that is printed later.
 */
__attribute__((format(printf, 1, 2))) void print_later(const char *fmt, ...);

/* A broken invariant: prints it, every CPU's state and the trace's tail, stops the machine. A guest
 * cannot cause one. */
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *fmt, ...);

/* Notes an event in this CPU's trace ring, which panic() prints. EVENT is a string that outlives
 * the call. */
void trace(const char *event, u64 a, u64 b);

#endif
