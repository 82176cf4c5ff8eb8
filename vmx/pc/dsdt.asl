/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest cannot find out by itself: how to power off, and which ports and interrupts its devices
 * have. The numbers stand in the devices' headers too, and a test compares them. There is no PCI. The
 * CPUs are in the MADT.
 */
DefinitionBlock ("", "DSDT", 2, "INTRLK", "INTERLCK", 1)
{
	Name (\_S5, Package () { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (PIC)
		{
			Name (_HID, EisaId ("PNP0000"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0020, 0x0020, 1, 2)
				IO (Decode16, 0x00a0, 0x00a0, 1, 2)
				IO (Decode16, 0x04d0, 0x04d0, 1, 2)
				IRQNoFlags () { 2 }
			})
		}

		Device (PIT)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0040, 0x0040, 1, 4)
				IRQNoFlags () { 0 }
			})
		}

		Device (SPKR) /* channel 2's gate and output */
		{
			Name (_HID, EisaId ("PNP0800"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0061, 0x0061, 1, 1)
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0070, 0x0070, 1, 2)
				IRQNoFlags () { 8 }
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x03f8, 0x03f8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (MISC) /* taken, without a driver: resets, exit, fw_cfg, PM1a and the PM timer */
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate () {
				IO (Decode16, 0x0092, 0x0092, 1, 1)
				IO (Decode16, 0x00f4, 0x00f4, 1, 4)
				IO (Decode16, 0x0510, 0x0510, 1, 2)
				IO (Decode16, 0x0600, 0x0600, 1, 12)
				IO (Decode16, 0x0cf9, 0x0cf9, 1, 1)
			})
		}
	}
}
