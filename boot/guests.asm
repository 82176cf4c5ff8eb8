; SPDX-License-Identifier: GPL-2.0-or-later
; The guest programs, as flat binaries, and the table by which boot/ finds them (boot/guests.h).
; The build's include path is build/guests/.

default rel
bits 64

%macro image 1
	%defstr name %1
	%strcat file name, ".bin"
	section .rodata
	align 16
%1_start:
	incbin file
%1_end:
%1_name:
	db name, 0

	; Pointers: the self-relocation writes them, so they are not in .rodata.
	section .data.rel.ro progbits alloc noexec write align=8
	dq %1_name, %1_start, %1_end
%assign count count + 1
%endmacro

%assign count 0

	section .data.rel.ro progbits alloc noexec write align=8
	global guest_images:data hidden
guest_images:
	image patrol
	image bench
	image state
	image rogue
	image churn
	image peer

	section .rodata
	align 4
	global guest_image_count:data hidden
guest_image_count:
	dd count
