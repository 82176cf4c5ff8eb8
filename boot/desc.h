/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Segments, interrupt gates and control registers of one CPU. */
#ifndef BOOT_DESC_H
#define BOOT_DESC_H

#include "mm/host.h"


/* Exceptions and NMIs that take a stack of their own: the interrupted one may be what is broken, or
 * be in a half-changed state. */
enum ist { IST_NMI = 1, IST_DF, IST_MC, IST_COUNT };

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 0x68, "SDM: 64-bit task-state segment");

struct desc {
	u64 gdt[5]; /* null, code, data, and two for the TSS */
	struct tss tss;
};

/* Fills D and loads it on this CPU, with CPU_BASE for FS and GS, and the shared IDT. TOPS[i] is the
 * top of stack IST i+1. */
void desc_init(struct desc *d, const u64 tops[IST_COUNT - 1], u64 cpu_base);

/*
 * CR0 = PE MP ET NE WP PG, CR4 = PAE MCE OSFXSR OSXMMEXCPT and, where the CPU has XSAVE, OSXSAVE
 * with XCR0 = x87. Everything else, VMXE too, is off.
 */
void cpu_control_init(void);

#endif
