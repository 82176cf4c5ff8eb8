; SPDX-License-Identifier: GPL-2.0-or-later
; What real-mode code may expect below 1 MB. Runs as a flat image of Interlock's, and on a PC (QEMU with its
; BIOS) as a boot sector. TAP goes to the serial port; ends the machine by isa-debug-exit, with 0 when all
; is well.

COM1 equ 0x3f8
EXIT equ 0xf4
BDA equ 0x400
HERE equ 0x9000

	bits 16
	org HERE
	call .at
.at:
	pop si
	sub si, .at - $$ ; CS:SI is where it was loaded: 0800:0000, 0000:7C00
	mov ax, cs
	mov ds, ax
	xor ax, ax
	mov es, ax
	mov ss, ax
	mov sp, HERE
	mov di, HERE
	mov cx, 256
	cld
	rep movsw
	mov ds, ax
	jmp 0:begin

; One point: good when ZF is set.
%macro point 1
	mov si, %%words
	call report
	jmp %%next
%%words:
	db %1, 13, 10, 0
%%next:
%endmacro

begin:
	mov ax, 0x0e00 | '#'
	mov dx, 0x5678
	mov bx, 7
	int 0x10
	cmp ax, 0x0e00 | '#'
	jne .printed
	cmp dx, 0x5678
.printed:
	point "INT 10h"
	int 0x11
	cmp ax, [BDA + 0x10]
	point "INT 11h"
	int 0x12
	cmp ax, [BDA + 0x13]
	point "INT 12h"
	mov ax, 0xee00
	clc
	int 0x15
	jnc .service
	cmp ah, 0x86
.service:
	point "INT 15h: none"
	mov ax, 0x4321
	int 0x1c
	cmp ax, 0x4321
	point "INT 1Ch"
	cmp word [BDA], COM1
	point "40:0"
	mov ax, [BDA + 0x13]
	shl ax, 6
	cmp ax, [BDA + 0xe]
	point "40:E"

	mov si, plan
	call print
	mov dx, EXIT
	mov al, [bad]
	out dx, al
	cli
	hlt

report:
	push si
	mov si, good
	je .say
	inc byte [bad]
	mov si, not_good
.say:
	call print
	pop si
print:
	mov dx, COM1 + 5
.full:
	in al, dx
	test al, 0x20
	jz .full
	lodsb
	test al, al
	jz .end
	mov dx, COM1
	out dx, al
	jmp print
.end:
	ret

bad	db 0
not_good db 13, 10, "not ok - ", 0
good	db 13, 10, "ok - ", 0
plan	db "1..7", 13, 10, 0

	times 510 - ($ - $$) db 0
	dw 0xaa55
