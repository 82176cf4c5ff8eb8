/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "apic/access.h"
#include "ept/order.h"
#include "mm/host.h"

bool apic_access_reload(struct apic_access *a, struct gate *g, struct ept *e)
{
	u64 p;
	int err;

	/* Cleared first: a request that comes after this load of P is seen by the gate's check. */
	order_and(reload_clear, &g->requests, ~REQ_RELOAD);
	p = order_load(reload_p, backing_entry(e->backing, APIC_ACCESS_GFN));
	if (e->protocol->gated ? p & P_MOVING : p == P_MOVING) {
		order_or(reload_again, &g->requests, REQ_RELOAD);
		return false;
	}
	if (!(p & P_PRESENT)) { /* it was reclaimed: A can name it when it has a frame again */
		order_or(reload_absent, &g->requests, REQ_RELOAD);
		err = ept_bring_in(e, APIC_ACCESS_GFN);
		if (err == -ENOMEM)
			gate_no_memory(g, APIC_ACCESS_GFN);
		return false;
	}
	if ((p & P_ADDRESS) != a->address) {
		a->address = p & P_ADDRESS;
		a->reloads++;
		apic_access_write(a->address);
		e->flushed[g->cpu] = 0;
		trace("reload", a->address, g->id);
	}
	return true;
}
