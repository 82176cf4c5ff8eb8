; SPDX-License-Identifier: GPL-2.0-or-later
; hw.elf: the multiboot header, the way from the 32-bit mode in which a multiboot loader leaves a CPU
; to hw_entry() in 64-bit mode, and what a SIPI starts.

%include "tests/guests/layout.inc"

extern hw_entry

%define MULTIBOOT_MAGIC	0x1badb002
%define MULTIBOOT_FLAGS	2		; the size of memory is wanted

section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

%macro LONG_MODE 0
	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, pml4
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
	mov	cr0, eax
	jmp	dword SEL_CODE64:start64
%endmacro

section .text
bits 32
global start
start:
	cli
	cld
	mov	[multiboot_magic], eax
	mov	[multiboot_info], ebx
	lgdt	[gdt_pointer]
	xor	esi, esi
	LONG_MODE

; Copied to the page that a SIPI names; ESI tells hw_entry() which one it was.
bits 16
global trampoline, trampoline_end
trampoline:
	cli
	cld
	xor	esi, esi
	mov	si, cs
	mov	ds, si
	o32 lgdt [trampoline_gdt - trampoline]
	LONG_MODE
trampoline_gdt:
	dw	gdt_end - gdt - 1
	dd	gdt
trampoline_end:

bits 64
start64:
	mov	eax, SEL_DATA
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax

	mov	eax, 1
	cpuid
	shr	ebx, 24			; the initial APIC id
	cmp	ebx, MAX_VCPUS
	jae	.stop
	mov	esp, ebx
	inc	esp
	shl	esp, STACK_SHIFT
	add	esp, STACKS

	; The selector of its TSS tells the C code which CPU runs it. After an INIT the descriptor is
	; still "busy".
	mov	eax, ebx
	shl	eax, 4
	mov	byte [rax + gdt + SEL_TSS + 5], 0x89
	mov	ecx, ebx
	shl	ecx, 7
	lea	edx, [rbx + 1]
	shl	edx, IST_SHIFT
	add	edx, IST_STACKS
	mov	[rcx + TSS + 36], rdx	; IST1, for #DF and NMI
	mov	word [rcx + TSS + 102], 104
	add	eax, SEL_TSS
	ltr	ax

	mov	edi, ebx
	xor	ebp, ebp
	call	hw_entry
.stop:
	cli
	hlt
	jmp	.stop

section .data
align 16
global gdt
gdt:
	dq	0
	dq	0x00af9b000000ffff	; SEL_CODE64
	dq	0x00cf93000000ffff	; SEL_DATA
	dq	0x00cf9b000000ffff	; SEL_CODE32
	dq	0x00009b000000ffff	; SEL_CODE16
%assign i 0
%rep MAX_VCPUS
	dq	0x0000890000000067 | (TSS + i * 128) << 16
	dq	0
%assign i i + 1
%endrep
	dq	0x00cff3000000ffff	; SEL_USER_DATA
	dq	0x00affb000000ffff	; SEL_USER_CODE64
	dq	0			; SEL_SPARE
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dq	gdt

global multiboot_magic, multiboot_info
multiboot_magic:
	dd	0
multiboot_info:
	dd	0

; Linear is physical in the first gigabyte, in 2-MB pages, and where the APICs are, in 4-KB pages,
; uncached.
align 4096
global pml4
pml4:
	dq	pdpt + 3
	times 511 dq 0
pdpt:
	dq	pd_low + 3
	dq	0, 0
	dq	pd_high + 3
	times 508 dq 0
pd_low:
%assign i 0
%rep 512
	dq	i << 21 | 0x83
%assign i i + 1
%endrep
pd_high:
	times 0x1f6 dq 0
	dq	pt_ioapic + 3
	dq	pt_apic + 3
	times 8 dq 0
pt_ioapic:
%assign i 0
%rep 512
	dq	(0xfec00000 + (i << 12)) | 0x1b
%assign i i + 1
%endrep
pt_apic:
%assign i 0
%rep 512
	dq	(0xfee00000 + (i << 12)) | 0x1b
%assign i i + 1
%endrep

section .note.GNU-stack noalloc noexec nowrite progbits
