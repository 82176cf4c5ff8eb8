/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short pieces of code at CPL 0 and 3, and a window of pages whose entries a test sets as it likes. */
#include "tests/guests/box/box.h"

#define USER_BASE (1ull << 39)
#define LARGE BIT(7)

#define page_aligned __attribute__((aligned(PAGE_SIZE)))
static u64 user_pdpt[512] page_aligned, user_pd[512] page_aligned, user_pt[512] page_aligned;
static u64 window_pd[512] page_aligned, window_pt[512] page_aligned;
static u8 user_code[PAGE_SIZE] page_aligned, user_stack[PAGE_SIZE] page_aligned;
u8 kernel_code[CODE_MAX + 1];
static u8 entry_stack[4 * PAGE_SIZE] page_aligned; /* where exceptions at CPL 3 come in */

void box_init(void)
{
	u64 *pdpt = (u64 *)(pml4[0] & ~0xfffull);
	u64 top = (u64)(entry_stack + sizeof(entry_stack));

	pml4[1] = (u64)user_pdpt | PTE_P | PTE_W | PTE_U;
	user_pdpt[0] = (u64)user_pd | PTE_P | PTE_W | PTE_U;
	user_pd[0] = (u64)user_pt | PTE_P | PTE_W | PTE_U;
	user_pt[0] = (u64)user_code | PTE_P | PTE_U;
	user_pt[1] = (u64)user_stack | PTE_P | PTE_W | PTE_U;
	pdpt[WINDOW >> 30] = (u64)window_pd | PTE_P | PTE_W;
	window_pd[0] = (u64)window_pt | PTE_P | PTE_W;
	window_map(0, 0, 0);
	memcpy((void *)(TSS + 128ull * bsp + 4), &top, sizeof(top)); /* RSP0 */
	rt_user_gate(VECTOR_BP);
}

static void call_it(void *code)
{
	((void (*)(void))code)();
}

u32 run_kernel(const void *code, u32 size)
{
	memcpy(kernel_code, code, size);
	kernel_code[size] = 0xc3; /* RET */
	return rt_try(call_it, kernel_code, this_vcpu());
}

u32 run_user(const void *code, u32 size, u64 rflags)
{
	u32 vector;

	memcpy(user_code, code, size);
	user_code[size] = 0xcc; /* INT3 */
	vector = rt_try(enter_user, (void *)(rflags | RFLAGS_FIXED), this_vcpu());
	return vector == VECTOR_BP && caught.rip == USER_BASE + size + 1 ? NO_FAULT : vector;
}

void window_set(u32 n, u64 entry)
{
	((volatile u64 *)window_pt)[n] = entry;
	asm volatile("invlpg (%0)" : : "r"(WINDOW + n * PAGE_SIZE) : "memory");
}

void window_map(u64 gpa, u32 count, u64 flags)
{
	for (u32 i = 0; i < WINDOW_PAGES; i++)
		window_pt[i] = i < count ? (gpa + i * PAGE_SIZE) | PTE_P | flags : 0;
	write_cr3(read_cr3());
}

u64 ram_end(void)
{
	return (memory_upper + 1024ull) << 10;
}
