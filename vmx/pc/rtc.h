/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's clock and CMOS memory: an MC146818 (Motorola, "MC146818 real-time clock plus RAM") with 128
 * bytes. An update takes no time, so the time may be read at any moment. NOW is nanoseconds since the
 * guest's start and never goes back. The caller serializes.
 */
#ifndef VMX_PC_RTC_H
#define VMX_PC_RTC_H

#include "mm/types.h"

#define RTC_PORT 0x70 /* selects; bit 7, the NMI mask of a PC, does nothing. Reads as all ones */
#define RTC_DATA 0x71
#define RTC_IRQ 8
#define RTC_CENTURY 0x32 /* this byte: a convention of PCs, named in the FADT */

struct rtc {
	u8 cmos[128]; /* registers as the guest sees them, but for UIP and IRQF */
	u8 index;
	u64 update;   /* when the seconds advance next; its phase is the divider's */
	u64 periodic; /* when the periodic flag is set next, ~0 never */
};

/* The time is UNIX_SECONDS at NOW = 0, in BCD and 24 hours; the guest has RAM bytes from 0, less than
 * 4 GB, which the CMOS memory says where firmware would. */
void rtc_reset(struct rtc *r, u64 unix_seconds, u64 ram);

u8 rtc_read(struct rtc *r, u16 port, u64 now);
void rtc_write(struct rtc *r, u16 port, u8 value, u64 now);

/* Brings the time and the flags up to NOW. Reads and writes do it themselves. */
void rtc_tick(struct rtc *r, u64 now);

/* The state of the interrupt line, as of the last tick, read or write. */
bool rtc_irq(const struct rtc *r);

/* The time of the next rtc_tick() that may raise the line, in the terms of NOW, as of the last tick,
 * read or write; ~0: none before the guest's next write or read. */
u64 rtc_next(const struct rtc *r);

#endif
