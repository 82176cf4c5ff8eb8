/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Four-level page tables, identity-mapped, with 2-MB and 4-KB leaves (SDM volume 3, 4-level
 * paging). */
#include "boot/paging.h"
#include "apic/lapic.h"
#include "boot/image.h"
#include "mm/host.h"
#include "mm/x86.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_LARGE BIT(7) /* in a page-directory entry */
#define PTE_NX BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull

#define LARGE_SIZE (2u << 20)
/* WB, WT, UC-, UC, twice: PCD and PWT together mean UC. */
#define PAT_AT_RESET 0x0007040600070406ull

static u64 pool_next, pool_end, root;

u32 paging_pages_needed(const struct memmap *map, u32 extra)
{
	u64 pages = 1 + 2 * 3 + extra; /* the root; a path of three for the APIC and one to spare */

	for (u32 i = 0; i < map->count; i++) {
		u64 first = map->range[i].start, last = map->range[i].end - 1;

		pages += (last >> 39) - (first >> 39) + 1; /* page-directory-pointer tables */
		pages += (last >> 30) - (first >> 30) + 1; /* page directories */
		pages += 2;				   /* page tables at both ends */
	}
	pages += ((uintptr_t)data_end - (uintptr_t)ImageBase) / LARGE_SIZE + 2;
	return (u32)pages;
}

static u64 new_table(void)
{
	u64 table = pool_next;

	if (pool_next == pool_end)
		panic("the page tables need more pages than were set aside");
	pool_next += PAGE_SIZE;
	memset((void *)table, 0, PAGE_SIZE);
	return table;
}

static u64 bits_of(enum access access)
{
	switch (access) {
	case ACCESS_READ:
		return PTE_PRESENT | PTE_NX;
	case ACCESS_WRITE:
		return PTE_PRESENT | PTE_WRITE | PTE_NX;
	case ACCESS_EXECUTE:
		return PTE_PRESENT;
	case ACCESS_DEVICE:
		return PTE_PRESENT | PTE_WRITE | PTE_PCD | PTE_PWT | PTE_NX;
	case ACCESS_NONE:
	default:
		return 0;
	}
}

/* Tables themselves forbid nothing: the leaf alone says what is allowed. */
static u64 *next_table(u64 *entry)
{
	if (!(*entry & PTE_PRESENT))
		*entry = new_table() | PTE_PRESENT | PTE_WRITE;
	return (u64 *)(*entry & PTE_ADDRESS);
}

/* One 2-MB leaf becomes 512 of 4 KB that say the same. */
static void split(u64 *entry)
{
	u64 leaf = *entry & ~PTE_LARGE, *table = (u64 *)new_table();

	for (u64 i = 0; i < 512; i++)
		table[i] = leaf + i * PAGE_SIZE;
	*entry = (u64)table | PTE_PRESENT | PTE_WRITE;
}

static unsigned table_index(u64 address, unsigned level)
{
	return address >> (12 + 9 * level) & 511;
}

void paging_set(u64 start, u64 end, enum access access)
{
	u64 bits = bits_of(access), size;

	for (u64 at = start; at < end; at += size) {
		u64 *pml4e = (u64 *)root + table_index(at, 3);
		u64 *pdpte = next_table(pml4e) + table_index(at, 2);
		u64 *pde = next_table(pdpte) + table_index(at, 1);
		bool has_table = *pde & PTE_PRESENT && !(*pde & PTE_LARGE);

		if (at % LARGE_SIZE == 0 && end - at >= LARGE_SIZE && !has_table) {
			size = LARGE_SIZE;
			*pde = bits ? at | bits | PTE_LARGE : 0;
			continue;
		}
		size = PAGE_SIZE;
		if (*pde & PTE_PRESENT && *pde & PTE_LARGE)
			split(pde);
		next_table(pde)[table_index(at, 0)] = bits ? at | bits : 0;
	}
}

void paging_build(const struct memmap *map, u64 pool, u32 count)
{
	u64 start = 0, end = 0;

	pool_next = pool;
	pool_end = pool + (u64)count * PAGE_SIZE;
	root = new_table();

	/* Neighbours are mapped together, free or not: the border between them is no reason for
	 * small pages. */
	for (u32 i = 0; i < map->count; i++) {
		if (map->range[i].start != end) {
			paging_set(start, end, ACCESS_WRITE);
			start = map->range[i].start;
		}
		end = map->range[i].end;
	}
	paging_set(start, end, ACCESS_WRITE);

	paging_set((u64)text_start, (u64)text_end, ACCESS_EXECUTE);
	paging_set((u64)rodata_start, (u64)rodata_end, ACCESS_READ);
	paging_set((u64)data_start, (u64)data_end, ACCESS_WRITE);
	paging_set(LAPIC_BASE, LAPIC_BASE + PAGE_SIZE, ACCESS_DEVICE);
	paging_set(0, PAGE_SIZE, ACCESS_NONE);
}

u64 paging_root(void)
{
	return root;
}

void paging_load(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	wrmsr(MSR_PAT, PAT_AT_RESET);
	/* Drops every translation made under the old PAT too: cpu_control_init() has turned PGE
	 * off. */
	write_cr3(root);
	write_cr0(read_cr0() | CR0_WP);
}

/* Leaves below TABLE; WRITE and EXECUTE: what the levels above still allow. LEVEL 3 is the root. */
static u64 check_table(const u64 *table, unsigned level, u64 base, bool write, bool execute)
{
	u64 leaves = 0;

	for (u64 i = 0; i < 512; i++) {
		u64 entry = table[i], address = base + (i << (12 + 9 * level));
		bool w = write && entry & PTE_WRITE, x = execute && !(entry & PTE_NX);

		if (!(entry & PTE_PRESENT))
			continue;
		if (level && !(entry & PTE_LARGE)) {
			leaves += check_table((const u64 *)(entry & PTE_ADDRESS), level - 1,
					      address, w, x);
			continue;
		}
		if (w && x)
			panic("W^X: the page at 0x%lx is writable and executable", address);
		leaves++;
	}
	return leaves;
}

u64 paging_check(void)
{
	return check_table((const u64 *)(read_cr3() & PTE_ADDRESS), 3, 0, true, true);
}
