/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the explorer knows of shipped code's data: the guest, its vCPUs, the invalidators' batches. */
#ifndef LAB_SHIM_H
#define LAB_SHIM_H

#include "ept/protocol.h"
#include "lab/lab.h"
#include "vmx/guest.h"

extern struct vcpu vcpus[ACTORS];
extern struct batch batches[ACTORS];
extern u32 interrupts[ACTORS]; /* what vcpu_deliver() delivers */

const struct protocol *protocol_of_test(void); /* steps.c */
void guest_start(void);
void future_start(void);

#endif
