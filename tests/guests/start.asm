; SPDX-License-Identifier: GPL-2.0-or-later
; What every guest program begins with: from the first byte in real mode to rt_entry() in 64-bit
; mode, for the vCPU that boots and for those that INIT-SIPI starts, and the hypercall.
;
; The image lies at guest-physical 0x8000 and is entered with CS = 0x0800, IP = 0. Memory maps
; linear = physical.

%include "tests/guests/layout.inc"

extern rt_entry

section .start progbits alloc exec write
bits 16
global start
start:
	cli
	cld
	xor	ax, ax
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	o32 lgdt [dword gdt_pointer]
	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, pml4
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	; Protection and paging at once: with EFER.LME set the next instruction is in
	; compatibility mode.
	mov	eax, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
	mov	cr0, eax
	jmp	dword SEL_CODE64:start64

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
	mov	edi, ecx
	shr	ebx, 24			; the initial APIC id: the number of this vCPU
	cmp	ebx, MAX_VCPUS
	jae	.stop
	mov	esp, ebx
	inc	esp
	shl	esp, STACK_SHIFT
	add	esp, STACKS

	mov	eax, CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT
	bt	edi, 26			; XSAVE
	jnc	.no_xsave
	or	eax, CR4_OSXSAVE
	mov	cr4, rax
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 3			; x87 and SSE
	bt	edi, 28			; AVX
	jnc	.no_avx
	or	eax, 4
.no_avx:
	xsetbv
	jmp	.fpu
.no_xsave:
	mov	cr4, rax
.fpu:
	fninit

	; A task-state segment of its own for each vCPU. Its selector is also how the C code knows
	; which vCPU runs it. The descriptor must be "available" for LTR, and after an INIT it is
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
	call	rt_entry
.stop:
	cli
	hlt
	jmp	.stop

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
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dq	gdt

; The first gigabyte in 2-MB pages, and the 2 MB with the local APIC in 4-KB pages, uncached: only
; accesses through 4-KB translations to the APIC-access page are sure to be virtualized.
align 4096
global pml4
pml4:
	dq	pdpt + 3
	times 511 dq 0
global pdpt
pdpt:
	dq	pd_low + 3
	dq	0, 0
	dq	pd_apic + 3
	times 508 dq 0
pd_low:
%assign i 0
%rep 512
	dq	i << 21 | 0x83
%assign i i + 1
%endrep
pd_apic:
%assign i 0
%rep 512
%if i == 0x1f7
	dq	pt_apic + 3
%else
	dq	0
%endif
%assign i i + 1
%endrep
global pt_apic
pt_apic:
%assign i 0
%rep 512
	dq	(0xfee00000 + (i << 12)) | 0x1b
%assign i i + 1
%endrep

section .text
; u64 hypercall(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e). Weak: a test without a hypervisor
; brings its own.
global hypercall:function weak
hypercall:
	mov	rax, rdi
	mov	rdi, rsi
	mov	rsi, rdx
	mov	rdx, rcx
	mov	rcx, r8
	mov	r8, r9
	vmcall
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
