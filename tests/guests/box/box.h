/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * box.elf: a kernel that tries to get out of the machine that it was given. What a processor answers
 * to each attempt is in the SDM: here it is told to the test points, so that QEMU's own emulation can
 * be asked, too. On Interlock the frames that E leads to are looked at afterwards (ept/audit.c).
 */
#ifndef TESTS_GUESTS_BOX_BOX_H
#define TESTS_GUESTS_BOX_BOX_H

#include "tests/guests/hw/hw.h"

#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_UD 6
#define VECTOR_SS 12
#define VECTOR_PF 14
#define VECTOR_AC 17
#define VECTOR_MC 18

/* ---- user.c: code at both privilege levels, and a window of pages ---- */

/* Makes both. Called by each test that uses them. */
void box_init(void);

/* SIZE bytes of CODE. Returns the vector of the exception that it raises, or NO_FAULT; registers that
 * the code does not set have no particular value, but RSP, below which is room. */
#define CODE_MAX 64u
extern u8 kernel_code[]; /* where it runs */
u32 run_kernel(const void *code, u32 size);
/* At CPL 3, with RFLAGS (beside bit 1). */
u32 run_user(const void *code, u32 size, u64 rflags);

/* Linear pages from WINDOW on, below 4 GB. Nothing is mapped before and behind them. */
#define WINDOW 0x80000000ull
#define WINDOW_PAGES 512u
#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
/* The Nth page's entry. */
void window_set(u32 n, u64 entry);
/* Entries for COUNT pages of memory from GPA on, with FLAGS; none behind them. */
void window_map(u64 gpa, u32 count, u64 flags);

/* RAM that is nobody's: from here to ram_end(). */
#define SPARE_RAM 0x400000ull
u64 ram_end(void);

/* A port where nobody answers, of four bytes. */
#define PORT_NOBODY 0x1230

/* ---- user.asm ---- */

void enter_user(void *rflags); /* at USER_CODE, until an exception */

/* Registers of a repeated INS or OUTS, before and after it; what a fault leaves is in `caught`. */
struct rep {
	u64 rsi, rdi, rcx, port, rflags;
};
void rep_outsb(void *rep);
void rep_outsd(void *rep);
void rep_insb(void *rep);
void rep_insd(void *rep);
void rep_outsb_a32(void *rep);
/* In a 32-bit code segment, with the data segment SELECTOR; 16-bit addresses. */
void rep_outsb_a16(void *rep);
void rep_outsb_code32(void *rep);
extern u32 rep_selector;
void task_switch(void);
void spin(void); /* for ever */

/* ---- the tests ---- */

void test_instructions(void);
void test_registers(void);
void test_cpuid(void);
void test_msrs(void);
void test_ports(void);
void test_memory(void);
void test_strings(void);
void test_nmi(void);
void test_storms(void);
void test_steps(void);
void test_alignment(void);

/* end.c: each ends the guest. */
void end_walk(void);
void end_walk_apic(void);
void end_cr3(void);
void end_stack(void);
void end_code(void);
void end_code_apic(void);
void end_idt(void);
void end_idt_apic(void);
void end_gdt(void);
void end_delivery(void);
void end_delivery_apic(void);
void end_triple(void);
void end_task(void);
void end_sse(void);
void end_debug(void);

#endif
