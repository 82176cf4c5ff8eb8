/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be left out of `ordered`, by name: for the explorer and for the lab build (lab/metal/). */
#ifndef LAB_PARTS_H
#define LAB_PARTS_H

/*
 * What `ordered` consists of. With a reason: it could be left out or moved, and why; the tests must
 * then hold without it.
 */
/* clang-format off */
#define PARTS(PART) \
	PART("begin", 0) \
	PART("unmap", 0) \
	PART("publish_reload", 0) \
	PART("publish_flush", 0) \
	PART("kick", 0) \
	PART("wait", 0) \
	PART("copy", 0) \
	PART("rebind", 0) \
	PART("release", 0) \
	PART("end", 0) \
	PART("begin<>unmap", 0) \
	PART("unmap<>publish_reload", \
	     "both stand between begin and kick: a reload waits for end") \
	PART("publish_reload<>publish_flush", "both stand between unmap and kick") \
	PART("publish_flush<>kick", 0) \
	PART("kick<>wait", 0) \
	PART("wait<>copy", 0) \
	PART("copy<>rebind", 0) \
	PART("rebind<>release", "P names the old frame as moving: nobody uses it before end") \
	PART("release<>end", "after wait nobody can use the old frame, whatever P says") \
	PART("reload", 0) \
	PART("flush", 0) \
	PART("arm", 0) \
	PART("check", 0) \
	PART("reload<>flush", "reload sets flushed to 0, so check sends the vCPU round again") \
	PART("flush<>arm", "flush is still before check and entry; stays get longer") \
	PART("arm<>check", 0) \
	PART("gated", 0) \
	PART("NMI", 0) \
	PART("INVEPT", 0) \
	PART("elided", \
	     "after a kick the vCPU has not entered since the flush for the same generation") \
	PART("kick_fence", "the publishing before it is a locked instruction, a full fence") \
	PART("kick_mode", 0) \
	PART("wait_mode", 0) \
	PART("arm_fence", 0) \
	PART("check_requests", 0) \
	PART("check_generation", 0) \
	PART("begin_claim.plain", 0) \
	PART("publish_flush.plain", 0) \
	PART("publish_reload.plain", 0) \
	PART("unmap_lock", 0) \
	PART("fault_lock", 0) \
	PART("fault_p", 0) \
	PART("large_p", 0) \
	PART("reload_clear", 0) \
	PART("reload_clear.plain", 0) \
	PART("reload_again", 0) \
	PART("reload_p", 0) \
	PART("read_mode", 0) \
	PART("read_fence", 0) \
	PART("read_p", 0) \
	PART("sleep_fence", 0) \
	PART("request.plain", 0) \
	PART("reload_absent", 0) \
	PART("reload_absent.plain", 0) \
	PART("fill_claim", 0) \
	PART("fill_claim.plain", 0) \
	PART("fill_p", 0) \
	PART("put_copy", 0) \
	PART("put_handle", 0) \
	PART("copy_kept", 0) \
	PART("copy_drop", 0) \
	PART("unmap_entry", 0) \
	PART("unmap_entry.plain", 0) \
	PART("count_entry", 0) \
	PART("prune_entry", 0)

/* Other names that tests may leave out. */
#define MORE_PARTS(PART) \
	PART("rebind_p", 0) PART("end_p", 0) PART("begin_claim", 0) PART("unclaim_p", 0) PART("unmap_unlock", 0) \
	PART("fault_unlock", 0) PART("arm_mode", 0) PART("check_leave", 0) PART("enter_leave", 0) \
	PART("exit_leave", 0) PART("read_leave", 0) PART("read_again", 0) PART("sleep_mode", 0) \
	PART("sleep_leave", 0) PART("see_clear", 0) PART("request", 0) PART("gate_requests", 0) \
	PART("gate_generation", 0) PART("reload_again.plain", 0) PART("end_p.plain", 0) \
	PART("see_clear.plain", 0) PART("large_first", 0) PART("fill_look", 0) PART("put_word", 0) \
	PART("fill_no_copy", 0) PART("split_entry.plain", 0) PART("write_claim", 0) PART("write_claim.plain", 0) \
	PART("write_copy", 0) PART("write_end.plain", 0) PART("write_drop", 0)

/* Of orders from history alone. */
#define OTHER_PARTS(PART) PART("clear", 0) PART("clear_p", 0)
/* clang-format on */

#endif
