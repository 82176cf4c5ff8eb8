/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much of a guest's local APIC the processor serves by itself. Plain C: the configuration names it. */
#ifndef VMX_APICV_H
#define VMX_APICV_H

#include "mm/types.h"

/* Each has all that those before it have. */
enum apicv {
	APICV_OFF,	 /* the TPR, by the TPR shadow */
	APICV_REGISTERS, /* reads and the plain writes in xAPIC mode: APIC-register virtualization */
	APICV_X2APIC,	 /* reads and the TPR in x2APIC mode: "virtualize x2APIC mode" */
	APICV_DELIVERY,	 /* EOI, IPIs to oneself: virtual-interrupt delivery (vmx/delivery.c) */
};
#define APICV_NAMES "off", "registers", "x2apic", "delivery"
#define APICV_BEST "on" /* the most that is right on this processor */

/* By its name, or APICV_BEST. -ENOSYS: the processor lacks the control *LACKS. After vmx_probe(). */
int apicv_find(const char *name, const char **lacks);
const char *apicv_name(enum apicv apicv);

struct vcpu;

/* The secondary controls for V as its APIC is now. */
u32 apicv_controls(const struct vcpu *v);

/* Has the processor follow the guest's APIC, after its mode has changed. VMCS current. */
void vcpu_apic_mode(struct vcpu *v);

#endif
