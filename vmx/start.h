/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a guest starts. Plain C: who lays out images needs nothing else of a guest. */
#ifndef VMX_START_H
#define VMX_START_H

#include "mm/types.h"

/* Where a guest without a header lies, and is entered in real mode by a SIPI. */
#define GUEST_LOAD_GPA 0x8000
#define GUEST_SIPI_VECTOR (GUEST_LOAD_GPA >> PAGE_SHIFT)

/* How vCPU 0 starts. */
struct guest_start {
	enum { START_REAL, START_PROTECTED, START_LONG } mode;
	/* START_REAL: RIP is the page of a SIPI, as an address. The others start with flat segments,
	 * interrupts off; START_LONG with paging, by the tables at CR3. The GDT at GPA gdt (gdt_size
	 * bytes) has the code segment at selector cs and the data segment at ds. */
	u64 rip, rax, rbx, rsi, rsp, cr3, gdt;
	u16 gdt_size, cs, ds;
};

#endif
