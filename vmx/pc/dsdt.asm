; SPDX-License-Identifier: GPL-2.0-or-later
; The guest's DSDT, as compiled from dsdt.asl (vmx/pc/acpi.h). The build's include path has build/.

	section .rodata
	global dsdt_aml:data hidden, dsdt_aml_size:data hidden
	align 4
dsdt_aml_size:
	dd dsdt_aml_end - dsdt_aml
dsdt_aml:
	incbin "vmx/pc/dsdt.aml"
dsdt_aml_end:
