; SPDX-License-Identifier: GPL-2.0-or-later
; Where interrupts and exceptions arrive in root mode, and the few things about them that C cannot
; do.

bits 64
default rel

extern exception, interrupt_taken, panic_stop, panicking
extern vmx_launch_check, vmx_launch_insn, vmx_resume_check, vmx_resume_insn, vmx_entry_aborted

%define SEL_CODE 0x08
%define SEL_DATA 0x10
%define CPU_KICKED 16		; offset in struct cpu, asserted in mm/host.h
%define FIRST_INTERRUPT 32	; below: exceptions

section .text

; One stub per vector, 16 bytes each. #DF, #TS, #NP, #SS, #GP, #PF, #AC, #CP, #VC and #SX push an
; error code of their own.
align 16
global isr_stubs:data hidden
isr_stubs:
%assign vector 0
%rep 256
	align 16
%if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || \
		vector == 29 || vector == 30
%else
	push 0
%endif
	push vector
%if vector < FIRST_INTERRUPT
	jmp exception_entry
%else
	jmp interrupt_entry
%endif
%assign vector vector + 1
%endrep

; struct trap_regs of boot/desc.h, below the vector and the error code.
%macro push_regs 0
	push rax
	push rbx
	push rcx
	push rdx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
%endmacro

; An exception in the hypervisor is a broken invariant: exception() does not return.
align 16
exception_entry:
	push_regs
	cld
	mov rdi, rsp
	call exception
	ud2

; An interrupt: the registers that a C function may change are kept. Seven words and nine make RSP
; 16-byte aligned.
align 16
interrupt_entry:
	push rax
	push rcx
	push rdx
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	cld
	mov edi, [rsp + 9 * 8]
	call interrupt_taken
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

; The kick. A CPU is told by NMI that there is something to see to before it enters the guest. In
; guest mode the NMI makes it exit. In root mode it must not be lost when it comes after the entry
; gate's last look and before the guest is entered: the gate has decided, and nothing would make it
; look again. Interrupts could be held off there and be taken by the VM entry; NMIs cannot. So two
; things are done: `kicked` is set, which vmx/entry.asm tests just before VMLAUNCH or VMRESUME, and
; when the interrupted instruction lies between that test and the entry, both included, the code
; there is left for vmx_entry_aborted, as if the test had found the flag set. An NMI after the entry
; is an exit: no gap remains. The saved RIP is that of an instruction not yet done, so the entry
; itself is included in the range.
align 16
global isr_nmi:function hidden
isr_nmi:
	push rax
	push rdx
	mov eax, [panicking]
	test eax, eax
	jnz .panic
	mov dword [gs:CPU_KICKED], 1
	mov rax, [rsp + 16]
	lea rdx, [vmx_launch_check]
	cmp rax, rdx
	jb .not_launch
	lea rdx, [vmx_launch_insn]
	cmp rax, rdx
	jbe .abort
.not_launch:
	lea rdx, [vmx_resume_check]
	cmp rax, rdx
	jb .done
	lea rdx, [vmx_resume_insn]
	cmp rax, rdx
	ja .done
.abort:
	lea rdx, [vmx_entry_aborted]
	mov [rsp + 16], rdx
.done:
	pop rdx
	pop rax
	iretq
.panic:
	pop rdx
	pop rax
; Another CPU panics; the stack holds an interrupt's frame. panic_stop() notes the registers and
; does not return.
stop_for_panic:
	push 0
	push 2
	push_regs
	cld
	mov rdi, rsp
	and rsp, -16		; nmi_unblock comes here with any alignment
	call panic_stop
	ud2

; void nmi_unblock(void)
align 16
global nmi_unblock:function hidden
nmi_unblock:
	mov rdx, rsp
	push SEL_DATA
	push rdx
	pushfq
	push SEL_CODE
	lea rax, [.unblocked]
	push rax
	mov eax, [panicking]
	test eax, eax
	jnz stop_for_panic
	iretq
.unblocked:
	ret

; void capture_regs(struct trap_regs *regs)
align 16
global capture_regs:function hidden
capture_regs:
	mov [rdi + 0 * 8], r15
	mov [rdi + 1 * 8], r14
	mov [rdi + 2 * 8], r13
	mov [rdi + 3 * 8], r12
	mov [rdi + 4 * 8], r11
	mov [rdi + 5 * 8], r10
	mov [rdi + 6 * 8], r9
	mov [rdi + 7 * 8], r8
	mov [rdi + 8 * 8], rdi
	mov [rdi + 9 * 8], rsi
	mov [rdi + 10 * 8], rbp
	mov [rdi + 11 * 8], rdx
	mov [rdi + 12 * 8], rcx
	mov [rdi + 13 * 8], rbx
	mov [rdi + 14 * 8], rax
	mov qword [rdi + 15 * 8], 0
	mov qword [rdi + 16 * 8], 0
	mov rax, [rsp]
	mov [rdi + 17 * 8], rax
	mov eax, cs
	mov [rdi + 18 * 8], rax
	pushfq
	pop rax
	mov [rdi + 19 * 8], rax
	lea rax, [rsp + 8]
	mov [rdi + 20 * 8], rax
	mov eax, ss
	mov [rdi + 21 * 8], rax
	ret

; void stack_switch(u64 top, void (*fn)(void)): FN runs on the new stack and does not return. RBP 0
; ends its backtrace.
align 16
global stack_switch:function hidden
stack_switch:
	mov rsp, rdi
	xor ebp, ebp
	call rsi
	ud2

section .note.GNU-stack noalloc noexec nowrite progbits
