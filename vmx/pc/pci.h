/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI bus with nothing on it but its host bridge, so that who looks finds an empty bus, and not none:
 * configuration mechanism 1 (PCI 2.1, 3.2.2.3.2). No lock: the caller serializes.
 */
#ifndef VMX_PC_PCI_H
#define VMX_PC_PCI_H

#include "mm/types.h"

#define PCI_ADDRESS 0xcf8 /* 32 bits, for accesses of 32 bits alone */
#define PCI_DATA 0xcfc	  /* four ports, accesses of 1, 2 and 4 bytes */

struct pci {
	u32 address;
};

/* A read of the data port PCI_DATA + OFFSET, as a byte; writes there go nowhere. */
u8 pci_data(const struct pci *p, unsigned offset);

#endif
