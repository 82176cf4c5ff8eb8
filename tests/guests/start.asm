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
	LONG_MODE

bits 64
start64:
	FLAT_SEGMENTS

	mov	eax, 1
	cpuid
	mov	edi, ecx
	shr	ebx, 24			; the initial APIC id: the number of this vCPU
	cmp	ebx, MAX_VCPUS
	jae	.stop
	OWN_STACK

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

	LOAD_TSS

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
	GDT_ENTRIES
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
	LEAVES_2MB
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
	LEAVES_UNCACHED 0xfee00000

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
