/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MOV instructions as an assembler (GNU as) encodes them: text, code, what it does (READ, WRITE a
 * register; IMM: write an immediate), and the register's number or the immediate.
 */
#ifndef TESTS_UNIT_MOVS_H
#define TESTS_UNIT_MOVS_H

/* clang-format off */
#define MOVS_64(X) \
	X("mov %eax,(%rax)", "\x89\x00", WRITE, 0) \
	X("mov (%rax),%ebp", "\x8b\x28", READ, 5) \
	X("mov %r10d,(%rcx)", "\x44\x89\x11", WRITE, 10) \
	X("mov (%rcx),%r15d", "\x44\x8b\x39", READ, 15) \
	X("mov %esp,(%rbx)", "\x89\x23", WRITE, 4) \
	X("mov (%rbx),%r9d", "\x44\x8b\x0b", READ, 9) \
	X("mov %r14d,(%rsi)", "\x44\x89\x36", WRITE, 14) \
	X("mov (%rsi),%ebx", "\x8b\x1e", READ, 3) \
	X("mov %r8d,(%rdi)", "\x44\x89\x07", WRITE, 8) \
	X("mov (%rdi),%r13d", "\x44\x8b\x2f", READ, 13) \
	X("mov %edx,(%rsp)", "\x89\x14\x24", WRITE, 2) \
	X("mov (%rsp),%edi", "\x8b\x3c\x24", READ, 7) \
	X("mov %r12d,(%rbp)", "\x44\x89\x65\x00", WRITE, 12) \
	X("mov (%rbp),%ecx", "\x8b\x4d\x00", READ, 1) \
	X("mov %esi,(%r8)", "\x41\x89\x30", WRITE, 6) \
	X("mov (%r8),%r11d", "\x45\x8b\x18", READ, 11) \
	X("mov %eax,(%r12)", "\x41\x89\x04\x24", WRITE, 0) \
	X("mov (%r12),%ebp", "\x41\x8b\x2c\x24", READ, 5) \
	X("mov %r10d,(%r13)", "\x45\x89\x55\x00", WRITE, 10) \
	X("mov (%r13),%r15d", "\x45\x8b\x7d\x00", READ, 15) \
	X("mov %esp,0x20(%rax)", "\x89\x60\x20", WRITE, 4) \
	X("mov 0x20(%rax),%r9d", "\x44\x8b\x48\x20", READ, 9) \
	X("mov %r14d,-0x10(%rsp)", "\x44\x89\x74\x24\xf0", WRITE, 14) \
	X("mov -0x10(%rsp),%ebx", "\x8b\x5c\x24\xf0", READ, 3) \
	X("mov %r8d,0x7f(%rbp)", "\x44\x89\x45\x7f", WRITE, 8) \
	X("mov 0x7f(%rbp),%r13d", "\x44\x8b\x6d\x7f", READ, 13) \
	X("mov %edx,0x80(%r12)", "\x41\x89\x94\x24\x80\x00\x00\x00", WRITE, 2) \
	X("mov 0x80(%r12),%edi", "\x41\x8b\xbc\x24\x80\x00\x00\x00", READ, 7) \
	X("mov %r12d,0xb0(%r13)", "\x45\x89\xa5\xb0\x00\x00\x00", WRITE, 12) \
	X("mov 0xb0(%r13),%ecx", "\x41\x8b\x8d\xb0\x00\x00\x00", READ, 1) \
	X("mov %esi,-0x1200000(%rax)", "\x89\xb0\x00\x00\xe0\xfe", WRITE, 6) \
	X("mov -0x1200000(%rax),%r11d", "\x44\x8b\x98\x00\x00\xe0\xfe", READ, 11) \
	X("mov %eax,-0x11ffd00(%rsp)", "\x89\x84\x24\x00\x03\xe0\xfe", WRITE, 0) \
	X("mov -0x11ffd00(%rsp),%ebp", "\x8b\xac\x24\x00\x03\xe0\xfe", READ, 5) \
	X("mov %r10d,(%rax,%rcx)", "\x44\x89\x14\x08", WRITE, 10) \
	X("mov (%rax,%rcx),%r15d", "\x44\x8b\x3c\x08", READ, 15) \
	X("mov %esp,(%rax,%rcx,8)", "\x89\x24\xc8", WRITE, 4) \
	X("mov (%rax,%rcx,8),%r9d", "\x44\x8b\x0c\xc8", READ, 9) \
	X("mov %r14d,(%rbp,%rcx,4)", "\x44\x89\x74\x8d\x00", WRITE, 14) \
	X("mov (%rbp,%rcx,4),%ebx", "\x8b\x5c\x8d\x00", READ, 3) \
	X("mov %r8d,0x20(%rsp,%rbp,2)", "\x44\x89\x44\x6c\x20", WRITE, 8) \
	X("mov 0x20(%rsp,%rbp,2),%r13d", "\x44\x8b\x6c\x6c\x20", READ, 13) \
	X("mov %edx,0x300(%r13,%r12,1)", "\x43\x89\x94\x25\x00\x03\x00\x00", WRITE, 2) \
	X("mov 0x300(%r13,%r12,1),%edi", "\x43\x8b\xbc\x25\x00\x03\x00\x00", READ, 7) \
	X("mov %r12d,(,%rcx,8)", "\x44\x89\x24\xcd\x00\x00\x00\x00", WRITE, 12) \
	X("mov (,%rcx,8),%ecx", "\x8b\x0c\xcd\x00\x00\x00\x00", READ, 1) \
	X("mov %esi,0x320(,%r9,2)", "\x42\x89\x34\x4d\x20\x03\x00\x00", WRITE, 6) \
	X("mov 0x320(,%r9,2),%r11d", "\x46\x8b\x1c\x4d\x20\x03\x00\x00", READ, 11) \
	X("mov %eax,0x1000(%rip)", "\x89\x05\x00\x10\x00\x00", WRITE, 0) \
	X("mov 0x1000(%rip),%ebp", "\x8b\x2d\x00\x10\x00\x00", READ, 5) \
	X("mov %r10d,0xfee000b0", "\x44\x89\x14\x25\xb0\x00\xe0\xfe", WRITE, 10) \
	X("mov 0xfee000b0,%r15d", "\x44\x8b\x3c\x25\xb0\x00\xe0\xfe", READ, 15) \
	X("mov %esp,%fs:(%rax)", "\x64\x89\x20", WRITE, 4) \
	X("mov %fs:(%rax),%r9d", "\x64\x44\x8b\x08", READ, 9) \
	X("mov %r14d,%gs:0x20(%rax)", "\x65\x44\x89\x70\x20", WRITE, 14) \
	X("mov %gs:0x20(%rax),%ebx", "\x65\x8b\x58\x20", READ, 3) \
	X("mov %r8d,%cs:0x320(%rbx)", "\x2e\x44\x89\x83\x20\x03\x00\x00", WRITE, 8) \
	X("mov %cs:0x320(%rbx),%r13d", "\x2e\x44\x8b\xab\x20\x03\x00\x00", READ, 13) \
	X("mov %edx,(%eax)", "\x67\x89\x10", WRITE, 2) \
	X("mov (%eax),%edi", "\x67\x8b\x38", READ, 7) \
	X("mov %r12d,0x380(%r9d)", "\x67\x45\x89\xa1\x80\x03\x00\x00", WRITE, 12) \
	X("mov 0x380(%r9d),%ecx", "\x67\x41\x8b\x89\x80\x03\x00\x00", READ, 1) \
	X("mov %esi,0x30(%eip)", "\x67\x89\x35\x30\x00\x00\x00", WRITE, 6) \
	X("mov 0x30(%eip),%r11d", "\x67\x44\x8b\x1d\x30\x00\x00\x00", READ, 11) \
	X("mov %eax,(%r14,%r15,1)", "\x43\x89\x04\x3e", WRITE, 0) \
	X("mov (%r14,%r15,1),%ebp", "\x43\x8b\x2c\x3e", READ, 5) \
	X("mov %r10d,0x10(%r12,%r14,8)", "\x47\x89\x54\xf4\x10", WRITE, 10) \
	X("mov 0x10(%r12,%r14,8),%r15d", "\x47\x8b\x7c\xf4\x10", READ, 15) \
	X("movl $0x0,(%rax)", "\xc7\x00\x00\x00\x00\x00", IMM, 0x0) \
	X("movl $0x12345678,0xb0(%r11)", \
	  "\x41\xc7\x83\xb0\x00\x00\x00\x78\x56\x34\x12", IMM, 0x12345678) \
	X("movl $0xfffffffe,(%rsp)", "\xc7\x04\x24\xfe\xff\xff\xff", IMM, 0xfffffffe) \
	X("movl $0x80000000,0x320(%rsp)", \
	  "\xc7\x84\x24\x20\x03\x00\x00\x00\x00\x00\x80", IMM, 0x80000000) \
	X("movl $0x0,0x1000(%rip)", "\xc7\x05\x00\x10\x00\x00\x00\x00\x00\x00", IMM, 0x0) \
	X("movl $0x12345678,(%rbp,%rcx,4)", "\xc7\x44\x8d\x00\x78\x56\x34\x12", IMM, 0x12345678) \
	X("movl $0xfffffffe,%gs:0x20(%r8)", "\x65\x41\xc7\x40\x20\xfe\xff\xff\xff", IMM, 0xfffffffe) \
	X("movl $0x80000000,0x300(%r13,%r12,1)", \
	  "\x43\xc7\x84\x25\x00\x03\x00\x00\x00\x00\x00\x80", IMM, 0x80000000) \
	X("movabs %eax,0xfee00300", "\xa3\x00\x03\xe0\xfe\x00\x00\x00\x00", WRITE, 0) \
	X("movabs 0x1122334455667788,%eax", "\xa1\x88\x77\x66\x55\x44\x33\x22\x11", READ, 0) \
	X("movabs %fs:0xfee000b0,%eax", "\x64\xa1\xb0\x00\xe0\xfe\x00\x00\x00\x00", READ, 0) \
	X("addr32 movabs %eax,0xfee00300", "\x67\xa3\x00\x03\xe0\xfe", WRITE, 0) \
	X("addr32 movabs 0xfee00020,%eax", "\x67\xa1\x20\x00\xe0\xfe", READ, 0)

#define MOVS_32(X) \
	X("mov %esp,(%eax)", "\x89\x20", WRITE, 4) \
	X("mov (%eax),%edi", "\x8b\x38", READ, 7) \
	X("mov %edx,(%ecx)", "\x89\x11", WRITE, 2) \
	X("mov (%ecx),%ebp", "\x8b\x29", READ, 5) \
	X("mov %eax,(%ebp)", "\x89\x45\x00", WRITE, 0) \
	X("mov (%ebp),%ebx", "\x8b\x5d\x00", READ, 3) \
	X("mov %esi,(%esp)", "\x89\x34\x24", WRITE, 6) \
	X("mov (%esp),%ecx", "\x8b\x0c\x24", READ, 1) \
	X("mov %esp,0x20(%eax)", "\x89\x60\x20", WRITE, 4) \
	X("mov 0x20(%eax),%edi", "\x8b\x78\x20", READ, 7) \
	X("mov %edx,-0x10(%esp)", "\x89\x54\x24\xf0", WRITE, 2) \
	X("mov -0x10(%esp),%ebp", "\x8b\x6c\x24\xf0", READ, 5) \
	X("mov %eax,0x7f(%ebp)", "\x89\x45\x7f", WRITE, 0) \
	X("mov 0x7f(%ebp),%ebx", "\x8b\x5d\x7f", READ, 3) \
	X("mov %esi,0x80(%edi)", "\x89\xb7\x80\x00\x00\x00", WRITE, 6) \
	X("mov 0x80(%edi),%ecx", "\x8b\x8f\x80\x00\x00\x00", READ, 1) \
	X("mov %esp,-0x1200000(%esi)", "\x89\xa6\x00\x00\xe0\xfe", WRITE, 4) \
	X("mov -0x1200000(%esi),%edi", "\x8b\xbe\x00\x00\xe0\xfe", READ, 7) \
	X("mov %edx,(%eax,%ecx,1)", "\x89\x14\x08", WRITE, 2) \
	X("mov (%eax,%ecx,1),%ebp", "\x8b\x2c\x08", READ, 5) \
	X("mov %eax,(%ebp,%ecx,4)", "\x89\x44\x8d\x00", WRITE, 0) \
	X("mov (%ebp,%ecx,4),%ebx", "\x8b\x5c\x8d\x00", READ, 3) \
	X("mov %esi,0x300(%esp,%ebp,2)", "\x89\xb4\x6c\x00\x03\x00\x00", WRITE, 6) \
	X("mov 0x300(%esp,%ebp,2),%ecx", "\x8b\x8c\x6c\x00\x03\x00\x00", READ, 1) \
	X("mov %esp,(,%edx,8)", "\x89\x24\xd5\x00\x00\x00\x00", WRITE, 4) \
	X("mov (,%edx,8),%edi", "\x8b\x3c\xd5\x00\x00\x00\x00", READ, 7) \
	X("mov %edx,0xfee000b0(,%ebx,4)", "\x89\x14\x9d\xb0\x00\xe0\xfe", WRITE, 2) \
	X("mov 0xfee000b0(,%ebx,4),%ebp", "\x8b\x2c\x9d\xb0\x00\xe0\xfe", READ, 5) \
	X("mov %eax,%fs:(%eax)", "\x64\x89\x00", WRITE, 0) \
	X("mov %fs:(%eax),%ebx", "\x64\x8b\x18", READ, 3) \
	X("mov %esi,%gs:0x20(%eax)", "\x65\x89\x70\x20", WRITE, 6) \
	X("mov %gs:0x20(%eax),%ecx", "\x65\x8b\x48\x20", READ, 1) \
	X("mov %ecx,0xfee000b0", "\x89\x0d\xb0\x00\xe0\xfe", WRITE, 1) \
	X("mov 0xfee00020,%edx", "\x8b\x15\x20\x00\xe0\xfe", READ, 2) \
	X("mov %eax,0xfee00300", "\xa3\x00\x03\xe0\xfe", WRITE, 0) \
	X("mov 0xfee00020,%eax", "\xa1\x20\x00\xe0\xfe", READ, 0) \
	X("movl $0x0,0xfee000b0", "\xc7\x05\xb0\x00\xe0\xfe\x00\x00\x00\x00", IMM, 0x0) \
	X("movl $0xcafebabe,0x80(%esp)", \
	  "\xc7\x84\x24\x80\x00\x00\x00\xbe\xba\xfe\xca", IMM, 0xcafebabe) \
	X("mov %gs:0xfee00020,%eax", "\x65\xa1\x20\x00\xe0\xfe", READ, 0)
/* clang-format on */

#endif
