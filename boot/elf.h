/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a loader needs of ELF's layouts (System V ABI, "Object Files"). Little-endian. */
#ifndef BOOT_ELF_H
#define BOOT_ELF_H

#include "mm/types.h"

/* The start of both headers. */
struct elf_ident {
	u32 magic;
	u8 class, data, ident_version, pad[9];
	u16 type, machine;
	u32 version;
};

struct elf32_header {
	struct elf_ident ident;
	u32 entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_header {
	struct elf_ident ident;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf32_segment {
	u32 type, offset, vaddr, paddr, filesz, memsz, flags, align;
};

struct elf64_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(offsetof(struct elf_ident, type) == 16 && sizeof(struct elf_ident) == 24, "");
_Static_assert(sizeof(struct elf32_header) == 52 && sizeof(struct elf32_segment) == 32, "");
_Static_assert(sizeof(struct elf64_header) == 64 && sizeof(struct elf64_segment) == 56, "");

#define ELF_MAGIC 0x464c457fu /* 7f "ELF" */
enum { ELF_CLASS_32 = 1, ELF_CLASS_64 = 2 };
enum { ELF_LITTLE_ENDIAN = 1, ELF_EXEC = 2, ELF_386 = 3, ELF_X86_64 = 62, ELF_LOAD = 1 };

#endif
