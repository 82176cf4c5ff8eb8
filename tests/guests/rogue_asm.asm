; SPDX-License-Identifier: GPL-2.0-or-later
; The rogue guest: exception handlers that fault, a task switch, and forms of MOV.

%include "tests/guests/layout.inc"

section .text
bits 64
global ud_forever
ud_forever:
	ud2

global db_forever
db_forever:
	jmp	db_forever

%macro form 0-*
%%length:
	db	%%end - %%begin
%%begin:
%rep %0
	%1
%rotate 1
%endrep
	ret
%%end:
%endmacro

; See rogue_mov(). rbx + rcx is the register's address, edx the value; the first form stores a
; constant.
section .rodata
global mov_forms
mov_forms:
	form {mov dword [rbx + 0x50], 0x00010042}, {mov eax, [rbx + 0x50]}
	form {mov [rbx + 0x50], edx}, {mov eax, [rbx + 0x50]}
	form {mov [rbx + rcx], edx}, {mov eax, [rbx + rcx]}
	form {lea r9, [rbx + rcx]}, {mov [r9], edx}, {mov r15d, [r9]}, {mov eax, r15d}
	form {mov r14d, edx}, {lea rsi, [rbx - 0x1000]}, {mov [rsi + 0x1050], r14d}, \
		{mov edi, [rsi + 0x1050]}, {mov eax, edi}
	form {lea r15, [rbx + 0x50]}, {mov [r15 + 0], edx}, {mov r9d, [dword r15 + 0]}, \
		{mov eax, r9d}
	form {mov r14, rcx}, {shr r14, 3}, {mov [rbx + r14 * 8], edx}, {mov eax, [rbx + r14 * 8]}
	form {mov eax, edx}, {mov [qword 0xfee00350], eax}, {xor eax, eax}, \
		{mov eax, [qword 0xfee00350]}
	; CS and DS prefixes.
	form {db 0x2e}, {mov [rbx + 0x50], edx}, {db 0x3e}, {mov eax, [rbx + rcx]}
global mov_forms_a32
mov_forms_a32:			; with the address-size prefix
	form {lea esi, [ebx]}, {mov [esi + 0x50], edx}, {mov eax, [esi + ecx]}
	form {mov [a32 0xfee00350], edx}, {mov eax, [a32 0xfee00350]}
global mov_forms_end
mov_forms_end:

section .note.GNU-stack noalloc noexec nowrite progbits
