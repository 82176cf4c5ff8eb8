; SPDX-License-Identifier: GPL-2.0-or-later
; box.elf: the way to CPL 3, and INS and OUTS with each size of address.

%include "tests/guests/layout.inc"

%define USER_CODE	0x8000000000
%define USER_STACK	0x8000002000	; its end, less room for what code looks at above RSP
%define SEL_USER_DATA	0xab
%define SEL_USER_CODE64	0xb3

; struct rep
%define REP_RSI		0
%define REP_RDI		8
%define REP_RCX		16
%define REP_PORT	24
%define REP_RFLAGS	32

section .text
bits 64
; void enter_user(void *rflags)
global enter_user
enter_user:
	push	SEL_USER_DATA
	mov	rax, USER_STACK - 256
	push	rax
	push	rdi
	push	SEL_USER_CODE64
	mov	rax, USER_CODE
	push	rax
	iretq

%macro LOAD 0
	push	rdi
	push	qword [rdi + REP_RFLAGS]
	mov	rsi, [rdi + REP_RSI]
	mov	rcx, [rdi + REP_RCX]
	mov	rdx, [rdi + REP_PORT]
	mov	rdi, [rdi + REP_RDI]
	popfq
%endmacro

%macro STORE 0
	pop	rax
	cld
	mov	[rax + REP_RSI], rsi
	mov	[rax + REP_RDI], rdi
	mov	[rax + REP_RCX], rcx
	ret
%endmacro

%macro REPEATED 2+
global %1
%1:
	LOAD
	%2
	STORE
%endmacro

REPEATED rep_outsb, rep outsb
REPEATED rep_outsd, rep outsd
REPEATED rep_insb, rep insb
REPEATED rep_insd, rep insd
REPEATED rep_outsb_a32, a32 rep outsb

; In compatibility mode, with DS by rep_selector.
%macro REPEATED32 2+
global %1
%1:
	LOAD
	mov	ax, [rel rep_selector]
	mov	ds, ax
	push	qword SEL_CODE32
	lea	rax, [rel %%code]
	push	rax
	retfq
bits 32
%%code:
	%2
	jmp	SEL_CODE64:%%back
bits 64
%%back:
	mov	eax, SEL_DATA
	mov	ds, eax
	STORE
%endmacro

REPEATED32 rep_outsb_a16, a16 rep outsb
REPEATED32 rep_outsb_code32, rep outsb

global spin
spin:
	jmp	spin

section .data
global rep_selector
rep_selector:
	dd	SEL_DATA

section .note.GNU-stack noalloc noexec nowrite progbits
