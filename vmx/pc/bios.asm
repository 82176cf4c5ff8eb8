; SPDX-License-Identifier: GPL-2.0-or-later
; What a PC's firmware leaves below 1 MB (vmx/pc/bios.h). The handlers lie where IBM's PC had the one that
; does nothing, F000:FF53.

	bits 16
	section .rodata
	global bios_low:data hidden, bios_code:data hidden, bios_code_size:data hidden

%define COM1 0x3f8
%define LINE_STATUS (COM1 + 5)
%define ROOM 0x20 ; in the transmitter's holding register
%define TELETYPE 0x0e
%define UNSUPPORTED 0x86
%define EQUIPMENT 1 << 9 ; one serial port
%define LOW_KB 639

%define VECTOR(label) 0xf000 << 16 | 0xff53 + (label - bios_code)

bios_low:
	times 0x10 dd VECTOR(bios_code) ; exceptions, timer, keyboard...
	dd VECTOR(bios_code.video)
	dd VECTOR(bios_code.equipment)
	dd VECTOR(bios_code.memory_size)
	times 0x1b - 0x13 dd VECTOR(bios_code.service)
	times 0x100 - 0x1b dd VECTOR(bios_code)
; The data area, of which all else is zero.
.data:
	dw COM1
	times 0x0e - ($ - .data) db 0
	dw LOW_KB << 6 ; segment of the extended data area
	dw EQUIPMENT
	times 0x13 - ($ - .data) db 0
	dw LOW_KB
	times 0x100 - ($ - .data) db 0

bios_code:
	iret
.video:
	cmp ah, TELETYPE
	jne .service
	push dx
	push ax
	mov dx, LINE_STATUS
.full:
	in al, dx
	test al, ROOM
	jz .full
	pop ax
	mov dx, COM1
	out dx, al
	pop dx
	iret
.equipment: ; this service and the next have no way to fail
	mov ax, EQUIPMENT
	iret
.memory_size:
	mov ax, LOW_KB
	iret
.service:
	push bp
	mov bp, sp
	or byte [bp + 6], 1 ; CF, where IRET takes it from
	pop bp
	mov ah, UNSUPPORTED
	iret
bios_code_end:

	align 4
bios_code_size:
	dd bios_code_end - bios_code
