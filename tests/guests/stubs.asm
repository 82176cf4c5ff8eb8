; SPDX-License-Identifier: GPL-2.0-or-later
; The interrupt stubs, which end in rt_interrupt(), and rt_try().

%include "tests/guests/layout.inc"

extern rt_interrupt

bits 64
section .text
; u32 rt_try(void (*fn)(void *), void *arg, struct vcpu *v): calls fn(arg). Returns the vector
; when it raises an exception (rt_interrupt() then comes back through rt_try_fault, with the
; vector in eax), else NO_FAULT.
global rt_try
rt_try:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdx + VCPU_TRY_RSP], rsp
	push	rdx
	mov	rax, rdi
	mov	rdi, rsi
	call	rax
	pop	rdx
	mov	qword [rdx + VCPU_TRY_RSP], 0
	mov	eax, -1
global rt_try_fault
rt_try_fault:
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret

; One stub of 16 bytes for each vector.
align 16
global rt_stubs
rt_stubs:
%assign v 0
%rep 256
align 16
%if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21)
	push	0			; where the processor pushes no error code
%endif
	push	strict dword v
	jmp	strict near interrupt
%assign v v + 1
%endrep

; Saves the general registers as struct frame. The C code leaves x87, SSE and AVX state alone.
interrupt:
	push	rax
	push	rcx
	push	rdx
	push	rbx
	push	rbp
	push	rsi
	push	rdi
	push	r8
	push	r9
	push	r10
	push	r11
	push	r12
	push	r13
	push	r14
	push	r15
	cld
	mov	rdi, rsp
	mov	rbp, rsp
	and	rsp, -16
	call	rt_interrupt
	mov	rsp, rbp
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rdi
	pop	rsi
	pop	rbp
	pop	rbx
	pop	rdx
	pop	rcx
	pop	rax
	add	rsp, 16
	iretq

; void task_switch(void): protected mode without paging, then a far jump to the TSS of a vCPU that
; is not there.
global task_switch
task_switch:
	push	qword SEL_CODE32
	lea	rax, [rel .compat]
	push	rax
	retfq
bits 32
.compat:
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	ecx, MSR_EFER
	rdmsr
	and	eax, ~EFER_LME
	wrmsr
	jmp	SEL_TSS + 16 * (MAX_VCPUS - 1):0
bits 64

section .note.GNU-stack noalloc noexec nowrite progbits
