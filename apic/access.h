/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A: the VMCS field APIC_ACCESS_ADDR, a copy of P that no INVEPT reaches. One per vCPU; only the
 * entry gate loads it. */
#ifndef APIC_ACCESS_H
#define APIC_ACCESS_H

#include "ept/protocol.h"

struct apic_access {
	u64 address; /* what the field holds; 0 before the first reload */
	u64 reloads; /* values written */
};

/*
 * Makes A equal to P. False while the page is on its way (the request then stays): the vCPU is
 * OUTSIDE, so the invalidator does not wait for it, and it looks again. After the field has
 * changed, this CPU owes the EPTP an INVEPT before entry (SDM, "Issues Pertaining to Page Size and
 * TLB Management"), which the gate's flush pays. The vCPU's VMCS is current on this CPU.
 */
bool apic_access_reload(struct apic_access *a, struct gate *g, struct ept *e);

/* What vmx/ defines: VMWRITE of APIC_ACCESS_ADDR in the current VMCS. */
void apic_access_write(u64 address);

#endif
