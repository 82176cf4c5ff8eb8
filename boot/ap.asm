; SPDX-License-Identifier: GPL-2.0-or-later
; How an application processor comes from a SIPI, in real mode, to ap_main() in 64-bit mode.
;
; smp.c copies [ap_trampoline, ap_trampoline_end) to a page below 1 MB and fills in the fields at
; its end. The hypervisor's tables map that page read-only and executable, so nothing here writes to
; it: the GDT's accessed bits are preset, and the CPU takes its stack from the image's data.

default rel

extern ap_main, ap_stack_top

%define SEL_CODE 0x08
%define SEL_DATA 0x10
%define CR4_PAE (1 << 5)
%define MSR_EFER 0xc0000080
%define EFER_LME_NXE (1 << 8 | 1 << 11)
%define CR0_BITS (1 << 31 | 1 << 16 | 1 << 5 | 1 << 4 | 1 << 1 | 1)	; PG WP NE ET MP PE

section .text
bits 16
align 16
global ap_trampoline:data hidden
ap_trampoline:
	cli
	cld
	mov ax, cs			; the page, as a segment
	mov ds, ax
	o32 lgdt [cs:ap_gdtr - ap_trampoline]
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [cs:ap_cr3 - ap_trampoline]
	mov cr3, eax
	mov ecx, MSR_EFER
	xor edx, edx
	mov eax, EFER_LME_NXE
	wrmsr
	mov eax, CR0_BITS		; caches on: CD and NW, set by INIT, are not among the bits
	mov cr0, eax			; protection and paging at once: into IA-32e mode
	jmp dword far [cs:ap_long - ap_trampoline]

bits 64
ap_long_entry:
	mov eax, SEL_DATA
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov rax, [ap_entry]
	jmp rax

align 8
ap_gdt:
	dq 0
	dq 0x00af9b000000ffff		; SEL_CODE, accessed
	dq 0x00cf93000000ffff		; SEL_DATA, accessed
global ap_gdtr:data hidden
ap_gdtr:
	dw ap_gdtr - ap_gdt - 1
	dd ap_gdt - ap_trampoline	; smp.c adds the page's address
	dw 0
global ap_long:data hidden
ap_long:
	dd ap_long_entry - ap_trampoline	; smp.c adds the page's address
	dw SEL_CODE
	dw 0
global ap_cr3:data hidden
ap_cr3:
	dd 0
	dd 0
global ap_entry:data hidden
ap_entry:
	dq 0				; ap_start below, in the image
global ap_trampoline_end:data hidden
ap_trampoline_end:

; In the image. One AP starts at a time, so one variable serves for the stack of each.
align 16
global ap_start:function hidden
ap_start:
	mov rsp, [ap_stack_top]
	xor ebp, ebp
	call ap_main
	ud2

section .note.GNU-stack noalloc noexec nowrite progbits
