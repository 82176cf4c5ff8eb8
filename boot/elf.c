/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF files that are kernels: what their program headers say goes where. */
#include "boot/elf.h"
#include "boot/format.h"
#include "boot/loader.h"

/* A program header of an ELF file of that class. */
static void read_segment(const u8 *from, unsigned class, struct elf64_segment *s)
{
	struct elf32_segment narrow;

	if (class == ELF_CLASS_64) {
		memcpy(s, from, sizeof(*s));
		return;
	}
	memcpy(&narrow, from, sizeof(narrow));
	*s = (struct elf64_segment){ .type = narrow.type,
				     .offset = narrow.offset,
				     .vaddr = narrow.vaddr,
				     .paddr = narrow.paddr,
				     .filesz = narrow.filesz,
				     .memsz = narrow.memsz };
}

static int load_segment(struct loader *l, unsigned i, const struct elf64_segment *s)
{
	char what[32];
	int rc = 0;

	format(what, sizeof(what), "program header %u", i);
	if (s->filesz && !load_has(l, s->offset, s->filesz))
		return load_refuse(l, -EINVAL, "%s: 0x%lx bytes at 0x%lx; the file has 0x%lx", what,
				   s->filesz, s->offset, l->in->image_size);
	if (s->filesz > s->memsz)
		return load_refuse(l, -EINVAL, "%s: p_filesz 0x%lx is more than p_memsz 0x%lx",
				   what, s->filesz, s->memsz);
	if (s->filesz)
		rc = load_add(l, what, s->paddr, l->in->image + s->offset, s->filesz);
	if (rc)
		return rc;
	return load_add(l, what, s->paddr + s->filesz, NULL, s->memsz - s->filesz);
}

/* What the two classes of headers have in common. */
struct elf {
	unsigned class;
	u64 entry, phoff, phentsize, phnum;
};

static int read_elf(struct loader *l, struct elf *elf)
{
	struct elf32_header h32;
	struct elf64_header h64;
	struct elf_ident ident = { 0 };
	const u8 *image = l->in->image;

	*elf = (struct elf){ 0 };
	if (load_has(l, 0, sizeof(h32)))
		memcpy(&ident, image, sizeof(ident));
	if (ident.magic != ELF_MAGIC)
		return load_refuse(
			l, -EINVAL,
			"neither an ELF file nor, by flag 16, address fields in the header");
	if (ident.data != ELF_LITTLE_ENDIAN || ident.type != ELF_EXEC ||
	    !((ident.class == ELF_CLASS_32 && ident.machine == ELF_386) ||
	      (ident.class == ELF_CLASS_64 && ident.machine == ELF_X86_64)))
		return load_refuse(
			l, -EINVAL,
			"ELF class %u, data %u, type %u, machine %u; known are 1, 1, 2, 3 "
			"(i386) and 2, 1, 2, 62 (x86-64)",
			ident.class, ident.data, ident.type, ident.machine);
	if (ident.class == ELF_CLASS_32) {
		memcpy(&h32, image, sizeof(h32));
		*elf = (struct elf){ ident.class, h32.entry, h32.phoff, h32.phentsize, h32.phnum };
	} else {
		if (!load_has(l, 0, sizeof(h64)))
			return load_refuse(l, -EINVAL, "the file ends within the ELF header");
		memcpy(&h64, image, sizeof(h64));
		*elf = (struct elf){ ident.class, h64.entry, h64.phoff, h64.phentsize, h64.phnum };
	}
	if (elf->phentsize != (elf->class == ELF_CLASS_32 ? sizeof(struct elf32_segment)
							  : sizeof(struct elf64_segment)))
		return load_refuse(l, -EINVAL, "e_phentsize is %lu", elf->phentsize);
	if (!load_has(l, elf->phoff, elf->phnum * elf->phentsize))
		return load_refuse(l, -EINVAL,
				   "%lu program headers at 0x%lx end beyond the file's 0x%lx bytes",
				   elf->phnum, elf->phoff, l->in->image_size);
	return 0;
}

int load_elf(struct loader *l, u64 *entry)
{
	bool is_virtual = false, is_physical = false;
	struct elf64_segment s;
	struct elf elf;
	int rc = read_elf(l, &elf);

	if (rc)
		return rc;
	for (unsigned i = 0; i < elf.phnum; i++) {
		read_segment(l->in->image + elf.phoff + i * elf.phentsize, elf.class, &s);
		if (s.type != ELF_LOAD || !s.memsz)
			continue;
		rc = load_segment(l, i, &s);
		if (rc)
			return rc;
		if (!is_virtual && elf.entry - s.vaddr < s.filesz) {
			is_virtual = true;
			*entry = elf.entry - s.vaddr + s.paddr;
		}
		is_physical |= elf.entry - s.paddr < s.filesz;
	}
	if (!is_virtual && !is_physical)
		return load_refuse(l, -EINVAL, "e_entry 0x%lx lies in nothing that is loaded",
				   elf.entry);
	if (!is_virtual)
		*entry = elf.entry;
	return 0;
}
