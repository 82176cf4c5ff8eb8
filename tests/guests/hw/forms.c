/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that access the local APIC's page. The SDM has 32-bit accesses only, by whichever
 * instruction; narrower ones depend on the model. TPR is the register: of what is written it keeps
 * bits 7:0, and the flags and the other registers must be as with memory.
 */
#include "tests/guests/hw/hw.h"

#define TPR (APIC_BASE_GPA + APIC_TPR)
#define FLAGS 0x8d5 /* OF SF ZF AF PF CF */
#define ONES 0xffffffffffffffffull

/* CODE has the register's address in %[at] and REG in rax; afterwards TPR, rax and the flags. A
 * MOV and its like keep the flags, all ones before. */
#define FORM(name, before, rax, code, wanted, wanted_rax, mask, wanted_flags)                      \
	do {                                                                                       \
		u64 a_ = (rax), f_;                                                                \
		apic_write(APIC_TPR, before);                                                      \
		asm volatile("push %[all]; popfq; " code "; pushfq; pop %[f]"                      \
			     : "+a"(a_), [f] "=&r"(f_)                                             \
			     : [at] "r"(TPR), [base] "r"(APIC_BASE_GPA),                           \
			       [index] "r"((u64)APIC_TPR / 8), [all] "r"((u64)FLAGS | 2)           \
			     : "memory", "cc", "r8");                                              \
		is(apic_read(APIC_TPR), wanted, "%s: the register", name);                         \
		if (a_ != (wanted_rax) || (f_ & (mask)) != (wanted_flags)) {                       \
			ok(false, "%s: RAX and the flags", name);                                  \
			say("RAX 0x%lx, flags 0x%lx of 0x%lx", a_, f_ &(mask), (u64)(mask));       \
		} else {                                                                           \
			ok(true, "%s: RAX and the flags", name);                                   \
		}                                                                                  \
	} while (0)

/* Flags kept. */
#define MOVE(name, before, rax, code, wanted, wanted_rax)                                          \
	FORM(name, before, rax, code, wanted, wanted_rax, FLAGS, FLAGS)

#define CF 0x1
#define PF 0x4
#define ZF 0x40
#define SF 0x80
#define OF 0x800
#define LOGIC (CF | PF | ZF | SF | OF) /* AF is undefined */

static void moves(void)
{
	MOVE("mov r32, m32", 0x5a, ONES, "movl (%[at]), %%eax", 0x5a, 0x5a);
	MOVE("mov m32, r32", 0x11, 0xabcdef33, "movl %%eax, (%[at])", 0x33, 0xabcdef33);
	MOVE("mov m32, imm32", 0x11, ONES, "movl $0x44, (%[at])", 0x44, ONES);
	MOVE("mov r8d, m32 (REX)", 0x5b, 0, "movl (%[at]), %%r8d; movq %%r8, %%rax", 0x5b, 0x5b);
	MOVE("mov m32, r8d (REX)", 0, 0x35, "movl %%eax, %%r8d; movl %%r8d, (%[at])", 0x35, 0x35);
	MOVE("mov r32, disp8", 0x5c, ONES, "movl 0x10-16(%[at]), %%eax", 0x5c, 0x5c);
	MOVE("mov r32, disp32", 0x5d, ONES, "movl 0x80(%[base]), %%eax", 0x5d, 0x5d);
	MOVE("mov m32, SIB", 0, 0x36, "movl %%eax, (%[base],%[index],8)", 0x36, 0x36);
	MOVE("mov r32, SIB disp32", 0x5e, ONES, "movl 0x12345-0x12345(%[base],%[index],8), %%eax",
	     0x5e, 0x5e);
	MOVE("mov eax, moffs", 0x5f, ONES, "movabsl 0xfee00080, %%eax", 0x5f, 0x5f);
	MOVE("mov moffs, eax", 0, 0x37, "movabsl %%eax, 0xfee00080", 0x37, 0x37);
	MOVE("mov r32, m32 (67h)", 0x61, ONES, "addr32 movl (%k[at]), %%eax", 0x61, 0x61);
	MOVE("mov r32, m32 (CS)", 0x62, ONES, "movl %%cs:(%[at]), %%eax", 0x62, 0x62);
	MOVE("xchg m32, r32", 0x63, 0x38, "xchgl %%eax, (%[at])", 0x38, 0x63);
	MOVE("not m32", 0x5a, ONES, "notl (%[at])", 0xa5, ONES);
}

static void arithmetic(void)
{
	FORM("or m32, imm8", 0x41, ONES, "orl $0x22, (%[at])", 0x63, ONES, LOGIC, PF);
	FORM("or m32, imm32", 0x41, ONES, "orl $0x180, (%[at])", 0xc1, ONES, LOGIC, 0);
	FORM("or m32, r32", 0x41, 0x22, "orl %%eax, (%[at])", 0x63, 0x22, LOGIC, PF);
	FORM("or r32, m32", 0x41, 0xff00000022, "orl (%[at]), %%eax", 0x41, 0x63, LOGIC, PF);
	FORM("and m32, imm8", 0x73, ONES, "andl $-16, (%[at])", 0x70, ONES, LOGIC, 0);
	FORM("and m32, r32", 0x73, 0x8c, "andl %%eax, (%[at])", 0, 0x8c, LOGIC, ZF | PF);
	FORM("and r32, m32", 0x73, ONES, "andl (%[at]), %%eax", 0x73, 0x73, LOGIC, 0);
	FORM("xor m32, r32", 0x55, 0x0f, "xorl %%eax, (%[at])", 0x5a, 0x0f, LOGIC, PF);
	FORM("add m32, imm8", 0x3f, ONES, "addl $1, (%[at])", 0x40, ONES, FLAGS, 0x10);
	FORM("add r32, m32", 0x40, 0xffffffc0, "addl (%[at]), %%eax", 0x40, 0, FLAGS, CF | ZF | PF);
	FORM("sub m32, r32", 0x40, 0x40, "subl %%eax, (%[at])", 0, 0x40, FLAGS, ZF | PF);
	FORM("inc m32", 0x3f, ONES, "incl (%[at])", 0x40, ONES, FLAGS, CF | 0x10);
	FORM("dec m32", 0x41, ONES, "decl (%[at])", 0x40, ONES, FLAGS, CF);
	FORM("neg m32", 0x01, ONES, "negl (%[at])", 0xff, ONES, FLAGS, CF | SF | PF | 0x10);
	FORM("cmp m32, imm8", 0x41, ONES, "cmpl $0x41, (%[at])", 0x41, ONES, FLAGS, ZF | PF);
	FORM("cmp r32, m32", 0x41, 0x40, "cmpl (%[at]), %%eax", 0x41, 0x40, FLAGS,
	     CF | SF | PF | 0x10);
	FORM("test m32, imm32", 0x41, ONES, "testl $0x40, (%[at])", 0x41, ONES, LOGIC, 0);
	FORM("test m32, r32", 0x41, 0x82, "testl %%eax, (%[at])", 0x41, 0x82, LOGIC, ZF | PF);
	FORM("bt m32, imm8", 0x41, ONES, "btl $6, (%[at])", 0x41, ONES, CF, CF);
	FORM("bts m32, imm8", 0x41, ONES, "btsl $1, (%[at])", 0x43, ONES, CF, 0);
	FORM("btr m32, imm8", 0x41, ONES, "btrl $6, (%[at])", 0x01, ONES, CF, CF);
}

static void narrow(void)
{
	if (tcg_lacks("accesses narrower than 32 bits read 0", "movzx r32, m8: the register",
		      "movzx r32, m8: RAX and the flags", "movzx r32, m16: the register",
		      "movzx r32, m16: RAX and the flags", "mov r8, m8: the register",
		      "mov r8, m8: RAX and the flags"))
		return;
	MOVE("movzx r32, m8", 0x5a, ONES, "movzbl (%[at]), %%eax", 0x5a, 0x5a);
	MOVE("movzx r32, m16", 0x5b, ONES, "movzwl (%[at]), %%eax", 0x5b, 0x5b);
	MOVE("mov r8, m8", 0x5c, 0x1200, "movb (%[at]), %%al", 0x5c, 0x125c);
}

void test_forms(void)
{
	moves();
	arithmetic();
	narrow();
	apic_write(APIC_TPR, 0);
}
