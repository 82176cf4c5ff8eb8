; SPDX-License-Identifier: GPL-2.0-or-later
; What the state guest cannot say in C: all registers at once across an operation, and the way out
; of 64-bit mode and back.

%include "tests/guests/layout.inc"

%define BANK_FPU 128			; in struct bank

section .text
bits 64
extern hypercall
extern pml4

; void regs_across(void (*op)(void), const struct bank *in, struct bank *out, bool xsave): loads
; every register from *in, calls op, which keeps them all, and stores every register to *out.
global regs_across
regs_across:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	push	rcx
	push	rdx
	push	rdi
	test	cl, cl
	jz	.fxrstor
	mov	eax, -1
	mov	edx, eax
	xrstor64 [rsi + BANK_FPU]
	jmp	.load
.fxrstor:
	fxrstor64 [rsi + BANK_FPU]
.load:
	mov	rax, [rsi]
	mov	rbx, [rsi + 8]
	mov	rcx, [rsi + 16]
	mov	rdx, [rsi + 24]
	mov	rdi, [rsi + 40]
	mov	rbp, [rsi + 48]
	mov	r8, [rsi + 56]
	mov	r9, [rsi + 64]
	mov	r10, [rsi + 72]
	mov	r11, [rsi + 80]
	mov	r12, [rsi + 88]
	mov	r13, [rsi + 96]
	mov	r14, [rsi + 104]
	mov	r15, [rsi + 112]
	mov	rsi, [rsi + 32]
	call	[rsp]
	push	rsi
	mov	rsi, [rsp + 16]
	mov	[rsi], rax
	mov	[rsi + 8], rbx
	mov	[rsi + 16], rcx
	mov	[rsi + 24], rdx
	pop	qword [rsi + 32]
	mov	[rsi + 40], rdi
	mov	[rsi + 48], rbp
	mov	[rsi + 56], r8
	mov	[rsi + 64], r9
	mov	[rsi + 72], r10
	mov	[rsi + 80], r11
	mov	[rsi + 88], r12
	mov	[rsi + 96], r13
	mov	[rsi + 104], r14
	mov	[rsi + 112], r15
	cmp	byte [rsp + 16], 0
	je	.fxsave
	mov	eax, -1
	mov	edx, eax
	xsave64	[rsi + BANK_FPU]
	jmp	.out
.fxsave:
	fxsave64 [rsi + BANK_FPU]
.out:
	fninit
	push	qword 0x1f80
	ldmxcsr	[rsp]
	add	rsp, 32
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; The operations. Each keeps every register.
global op_spin
op_spin:				; long enough for interrupts and moves to come by
	push	qword 3000
.again:
	dec	qword [rsp]
	jnz	.again
	lea	rsp, [rsp + 8]
	ret

global op_cpuid
op_cpuid:
	push	rax
	push	rbx
	push	rcx
	push	rdx
	mov	eax, 0			; the flags stay as they are
	cpuid
	pop	rdx
	pop	rcx
	pop	rbx
	pop	rax
	ret

global op_apic_read
op_apic_read:
	push	rax
	mov	eax, 0xfee00390
	mov	eax, [rax]
	pop	rax
	ret

global op_self_ipi
op_self_ipi:
	push	rax
	push	rdx
	mov	edx, 0xfee00300
	mov	eax, 0x00044041		; fixed, to itself, VECTOR_SELF
	mov	[rdx], eax
	pop	rdx
	pop	rax
	ret

global op_port
op_port:
	push	rax
	in	al, 0x80
	pop	rax
	ret

global op_hlt
op_hlt:					; the periodic timer ends it
	hlt
	ret

global op_hypercall
op_hypercall:
	push	rax
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	mov	edi, 3			; NOP
	call	hypercall
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rax
	ret

; u64 step_over_cpuid(void): sets TF for a CPUID and what follows. Returns the address after the
; CPUID, where #DB is due. The handler of #DB clears TF in the frame.
global step_over_cpuid
step_over_cpuid:
	push	rbx
	pushfq
	or	dword [rsp], 1 << 8
	xor	eax, eax
	popfq
	cpuid
.due:	nop
	nop
	nop
	lea	rax, [rel .due]
	pop	rbx
	ret

; void leave_long_mode(struct mode_result *r): 64-bit mode, compatibility mode, protected mode
; without paging, real mode, and back. Interrupts are off. r->apic is LVR read without paging,
; r->mode32 and r->mode16 are CR0 as seen there.
global leave_long_mode
leave_long_mode:
	push	rbx
	push	rbp
	mov	rbp, rdi		; all of it lies below 4 GB
	mov	rsi, rsp
	push	qword SEL_CODE32
	lea	rax, [rel .compat]
	push	rax
	retfq
bits 32
.compat:
	mov	eax, SEL_DATA
	mov	ss, ax
	mov	esp, esi
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	ecx, MSR_EFER
	rdmsr
	and	eax, ~EFER_LME
	wrmsr
	mov	eax, cr0
	mov	[ebp], eax
	mov	eax, [0xfee00030]
	mov	[ebp + 8], eax
	jmp	SEL_CODE16:mode16

section .start
bits 16
mode16:
	mov	eax, cr0
	and	al, ~CR0_PE
	mov	cr0, eax
	jmp	0:real
real:
	xor	ax, ax
	mov	ds, ax
	mov	ss, ax
	mov	ebx, cr0
	mov	eax, cr0
	or	al, CR0_PE
	mov	cr0, eax
	jmp	dword SEL_CODE32:mode32_again

section .text
bits 32
mode32_again:
	mov	eax, SEL_DATA
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, esi
	mov	[ebp + 4], ebx
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, cr0
	or	eax, CR0_PG
	mov	cr0, eax
	jmp	SEL_CODE64:.long
bits 64
.long:
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	esp, esi
	pop	rbp
	pop	rbx
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
