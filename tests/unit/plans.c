/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/plans.h"

struct load_input plan_in;
struct load_plan plan;
char plan_err[200];
size_t plan_scratch = LOAD_SCRATCH;

static struct load_input used;
static u8 *image, *module[MODULES_MAX], *scratch;

static u8 *copy(const void *from, size_t size)
{
	u8 *to = malloc(size);

	return size ? memcpy(to, from, size) : to;
}

int plan_make(void)
{
	free(image);
	free(scratch);
	used = plan_in;
	used.image = image = copy(plan_in.image, plan_in.image_size);
	for (unsigned i = 0; i < plan_in.modules; i++) {
		free(module[i]);
		module[i] = copy(plan_in.module[i].data, plan_in.module[i].size);
		used.module[i].data = module[i];
	}
	scratch = malloc(plan_scratch);
	memset(scratch, 0xee, plan_scratch);
	memset(&plan, 0xee, sizeof(plan));
	memset(plan_err, 0xee, sizeof(plan_err));
	return load_plan(&used, scratch, plan_scratch, &plan, plan_err, sizeof(plan_err));
}

static bool inside(u64 at, u64 size, u64 start, u64 room)
{
	return at >= start && at - start <= room && size <= room - (at - start);
}

static bool of_a_module(const struct load_piece *p)
{
	for (unsigned i = 0; i < used.modules; i++)
		if (inside((u64)p->from, p->size, (u64)module[i], used.module[i].size))
			return true;
	return false;
}

static const char *piece_problem(const struct load_piece *p)
{
	u64 from = (u64)p->from;

	if (!p->size)
		return "an empty piece";
	if (p->from && inside(from, p->size, (u64)scratch, plan_scratch))
		return inside(p->gpa, p->size, 0x10000, 0x8f000) ? NULL
								 : "scratch in a wrong place";
	if (!inside(p->gpa, p->size, 0, 0x9f000) &&
	    !inside(p->gpa, p->size, 0x100000, used.ram - 0x100000))
		return "a piece where none may be";
	if (p->from && !inside(from, p->size, (u64)image, used.image_size) && !of_a_module(p))
		return "a piece from elsewhere";
	return NULL;
}

static const char *start_problem(const struct guest_start *s)
{
	static const u64 code[] = {
		[START_PROTECTED] = 0x00cf9b000000ffff, [START_LONG] = 0x00af9b000000ffff
	};

	if (!plan_at(s->rip, 1))
		return "RIP is not in the image";
	if (s->mode == START_REAL)
		return s->rip == 0x8000 ? NULL : "a real-mode start elsewhere";
	if (s->gdt_size != 32 || s->gdt & 7 || !plan_at(s->gdt, 32) || s->cs != 0x10 ||
	    s->ds != 0x18 || plan_u64(s->gdt) || plan_u64(s->gdt + s->cs) != code[s->mode] ||
	    plan_u64(s->gdt + s->ds) != 0x00cf93000000ffff)
		return "a wrong GDT";
	if (s->rip >> 32 || s->rax >> 32 || s->rbx >> 32)
		return "an address above 4 GB";
	if (s->mode == START_LONG && (s->cr3 & 4095 || !plan_at(s->cr3, 6 * 4096)))
		return "wrong page tables";
	return NULL;
}

const char *plan_problem(int rc)
{
	const char *problem = NULL;

	if (!memchr(plan_err, 0, sizeof(plan_err)) || strchr(plan_err, '\n'))
		return "not one line of text";
	if (rc)
		return *plan_err ? NULL : "no message";
	if (plan.pieces > LOAD_PIECES)
		return "too many pieces";
	for (unsigned i = 0; i < plan.pieces && !problem; i++) {
		const struct load_piece *a = &plan.piece[i];

		problem = piece_problem(a);
		for (unsigned j = 0; j < i; j++) {
			const struct load_piece *b = &plan.piece[j];

			if (a->gpa < b->gpa + b->size && b->gpa < a->gpa + a->size)
				problem = "pieces overlap";
		}
		/* The sanitizer has a look at each byte. */
		if (!problem && a->from)
			free(copy(a->from, a->size));
	}
	return problem ? problem : start_problem(&plan.start);
}

const void *plan_at(u64 gpa, u64 size)
{
	for (unsigned i = 0; i < plan.pieces; i++) {
		const struct load_piece *p = &plan.piece[i];

		if (p->from && inside(gpa, size, p->gpa, p->size))
			return (const u8 *)p->from + (gpa - p->gpa);
	}
	return NULL;
}

static u64 number(u64 gpa, u64 size)
{
	const void *from = plan_at(gpa, size);
	u64 value = 0;

	if (from)
		memcpy(&value, from, size);
	return value;
}

u16 plan_u16(u64 gpa)
{
	return (u16)number(gpa, 2);
}

u32 plan_u32(u64 gpa)
{
	return (u32)number(gpa, 4);
}

u64 plan_u64(u64 gpa)
{
	return number(gpa, 8);
}
