; SPDX-License-Identifier: GPL-2.0-or-later
; hw.elf: the multiboot header, the way from the 32-bit mode in which a multiboot loader leaves a CPU
; to hw_entry() in 64-bit mode, and what a SIPI starts.

%include "tests/guests/layout.inc"

extern hw_entry

%define MULTIBOOT_MAGIC	0x1badb002
%define MULTIBOOT_FLAGS	2		; the size of memory is wanted

section .multiboot progbits alloc noexec nowrite align=4
	dd	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

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
	FLAT_SEGMENTS

	mov	eax, 1
	cpuid
	shr	ebx, 24			; the initial APIC id
	cmp	ebx, MAX_VCPUS
	jae	.stop
	OWN_STACK

	LOAD_TSS

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
	GDT_ENTRIES
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
	LEAVES_2MB
pd_high:
	times 0x1f6 dq 0
	dq	pt_ioapic + 3
	dq	pt_apic + 3
	times 8 dq 0
pt_ioapic:
	LEAVES_UNCACHED 0xfec00000
pt_apic:
	LEAVES_UNCACHED 0xfee00000

section .note.GNU-stack noalloc noexec nowrite progbits
