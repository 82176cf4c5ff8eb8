/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What boot/ shares about a panic; panic() itself is declared in mm/host.h. */
#ifndef BOOT_PANIC_H
#define BOOT_PANIC_H

#include "mm/types.h"

/* What the stubs in isr.asm push, lowest address first. */
struct trap_regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* The registers as they are at the call. */
void capture_regs(struct trap_regs *regs);

/* Not 0: some CPU panics, and every other one is to stop. Read by isr.asm and by nmi_unblock(). */
extern u32 panicking;

/* True on the CPU that panics, and on no other. */
bool panic_is_mine(void);

/* Called by isr.asm on a CPU that another one's panic stops: notes REGS, which stay on the stack,
 * and halts for ever. */
_Noreturn void panic_stop(const struct trap_regs *regs);

/* Called by isr.asm: an exception in the hypervisor. */
_Noreturn void exception(const struct trap_regs *regs);

/* Called by isr.asm: an interrupt. */
void interrupt_taken(u8 vector);

/* The function that holds ADDRESS, and how far into it; NULL when it is not in the image's code. */
const char *symbol_at(u64 address, u32 *offset);

/* Shows the last COUNT events of each CPU, all in the order of their ticks. */
void trace_print(u32 count);

#endif
