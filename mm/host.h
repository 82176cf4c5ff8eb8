/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lower rooms need of boot/: a console, a way to stop the machine, and the CPU they run on. */
#ifndef MM_HOST_H
#define MM_HOST_H

#include "mm/types.h"

/* One per CPU, reached through GS. Assembly knows the offsets that are asserted below. */
struct cpu {
	struct cpu *self;
	u32 index;    /* 0 is the CPU that booted; it moves memory, the others run vCPUs */
	u32 apic_id;
	u32 kicked;   /* an NMI came in root mode since the last entry: the next entry gives up once */
	u32 timer_due; /* the host's APIC timer interrupt came in; who uses the timer clears it */
	u64 host_rsp; /* the stack of the C code that called vmx_run() */
	u64 vmreads, vmwrites;
	void *vcpu;   /* the vCPU whose VMCS is current here, or NULL */
};
_Static_assert(offsetof(struct cpu, kicked) == 16, "boot/isr.asm and vmx/entry.asm use it");
_Static_assert(offsetof(struct cpu, host_rsp) == 24, "vmx/entry.asm uses it");

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* Whole lines from several CPUs do not mix. Knows %d %u %x %s %c %% with l, ll, z, a width and zero padding. */
__attribute__((format(printf, 1, 2))) void printk(const char *fmt, ...);

/* A broken invariant: prints it, every CPU's state and the trace's tail, stops the machine. A guest cannot cause one. */
__attribute__((format(printf, 1, 2))) _Noreturn void panic(const char *fmt, ...);

/* Notes an event in this CPU's trace ring, which panic() prints. EVENT is a string that outlives the call. */
void trace(const char *event, u64 a, u64 b);

#endif
