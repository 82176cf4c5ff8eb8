; SPDX-License-Identifier: GPL-2.0-or-later
; VM entry and exit. HOST_RSP is the end of the vCPU's saved registers, so that the exit pushes them
; where they live; then the C code gets its own stack back, which struct cpu remembers.
;
; What neither VMX nor this file switches stays in the CPU while a vCPU is loaded: x87, SSE and AVX
; state, XCR0, DR0-3, DR6, CR2 and the SYSCALL registers are the guest's. The host is compiled to use
; general registers alone, and vmx/state.c gives each vCPU a clean set.

default rel

CPU_KICKED	equ 16	; offsets in struct cpu, asserted in mm/host.h
CPU_HOST_RSP	equ 24

global vmx_run, vmx_exit, vmx_entry_aborted
global vmx_launch_check, vmx_launch_insn, vmx_resume_check, vmx_resume_insn
extern vcpu_exit, vcpu_enter, vcpu_entry_failed

section .text

; struct guest_regs in vmx/vcpu.h: rax lowest, then in the order of their encoding, without rsp.
%macro save_guest 0
	push	r15
	push	r14
	push	r13
	push	r12
	push	r11
	push	r10
	push	r9
	push	r8
	push	rdi
	push	rsi
	push	rbp
	push	rbx
	push	rdx
	push	rcx
	push	rax
%endmacro

%macro load_guest 0
	pop	rax
	pop	rcx
	pop	rdx
	pop	rbx
	pop	rbp
	pop	rsi
	pop	rdi
	pop	r8
	pop	r9
	pop	r10
	pop	r11
	pop	r12
	pop	r13
	pop	r14
	pop	r15
%endmacro

; void vmx_run(struct vcpu *v): runs the vCPU, whose VMCS is current and was cleared, until it is to
; leave.
vmx_run:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	sub	rsp, 8			; calls below find the stack aligned to 16
	mov	[gs:CPU_HOST_RSP], rsp
	mov	rbx, rdi
	call	vcpu_enter

; What the C code returns: 0 leave, 1 VMRESUME, 2 VMLAUNCH.
dispatch:
	cmp	eax, 1
	jb	leave_vcpu
	mov	rsp, rbx
	ja	launch
	load_guest
; The NMI handler knows the two stretches from check to insn: a kick that comes within one has missed
; the gate's check, and would be lost once the entry succeeds. So it resumes at vmx_entry_aborted
; instead (boot/isr.asm).
vmx_resume_check:
	cmp	dword [gs:CPU_KICKED], 0
	jne	vmx_entry_aborted
vmx_resume_insn:
	vmresume
	jmp	failed

launch:
	load_guest
vmx_launch_check:
	cmp	dword [gs:CPU_KICKED], 0
	jne	vmx_entry_aborted
vmx_launch_insn:
	vmlaunch

; VMfail: the guest's registers are still loaded.
failed:
	save_guest
	mov	rbx, rsp
	mov	rsp, [gs:CPU_HOST_RSP]
	mov	rdi, rbx
	call	vcpu_entry_failed
	jmp	leave_vcpu

; Through the gate once more.
vmx_entry_aborted:
	save_guest
	mov	rbx, rsp
	mov	rsp, [gs:CPU_HOST_RSP]
	mov	rdi, rbx
	mov	dword [gs:CPU_KICKED], 0
	call	vcpu_enter
	jmp	dispatch

; HOST_RIP
vmx_exit:
	save_guest
	mov	rbx, rsp
	mov	rsp, [gs:CPU_HOST_RSP]
	mov	rdi, rbx
	call	vcpu_exit
	jmp	dispatch

leave_vcpu:
	mov	rsp, [gs:CPU_HOST_RSP]
	add	rsp, 8
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
