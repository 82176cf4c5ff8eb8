/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page-modification logging: the processor notes the guest-physical address of each access that sets
 * a dirty flag in E. The log is a page of each vCPU's own, filled from its end; when the index has
 * left 0..511 the next such access exits instead (SDM, "Page-Modification Logging"). It is read then and
 * when the vCPU leaves, not sooner: each look at the index is a VMREAD, and a costly one under KVM.
 *
 * What comes of it is a hint, early and cheap: a leaf whose flag is set already logs nothing, so of a
 * large leaf only the first page written is named. What was written, E's dirty flags say.
 */
#include "mm/frame.h"
#include "vmx/guest.h"

void pml_drain(struct vcpu *v)
{
	const u64 *log = frame_ptr(v->pml >> PAGE_SHIFT);
	u16 first;

	if (!v->pml)
		return;
	first = (u16)vmread(GUEST_PML_INDEX) + 1; /* from -1, full, to 0 */
	if (first > PML_ENTRIES)
		panic("pml: vCPU %u has index %x", v->gate.id, first - 1);
	if (first == PML_ENTRIES)
		return;
	for (unsigned i = first; i < PML_ENTRIES; i++)
		backing_log_dirty(v->ept->backing, log[i] >> PAGE_SHIFT);
	v->pml_entries += PML_ENTRIES - first;
	vmwrite(GUEST_PML_INDEX, PML_FIRST);
}
