/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which process connects: it is the current one here, and nowhere later. */
#ifndef SOCKMESH_PROCESS_H
#define SOCKMESH_PROCESS_H
#include "maps.h"

/* Returns whether the connect may go on. A socket can be connected again, by another process: word of the former one must
 * not stay. */
static __always_inline int remember_process(struct bpf_sock_addr *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct process process = {};
	__u64 cookie;
	if (ctx->protocol != IPPROTO_TCP)
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	process.pid = bpf_get_current_pid_tgid() >> 32;
	process.uid = (__u32)bpf_get_current_uid_gid();
	process.cgroup = bpf_get_current_cgroup_id();
	/* What cannot be read stays 0, which is nobody's. */
	process.start = BPF_CORE_READ(task, group_leader, start_boottime);
	process.inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	process.device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	return bpf_map_update_elem(&processes, &cookie, &process, BPF_ANY) == 0; /* else EPERM */
}

/* Attached to the cgroups of endpoints while rules name processes. */
SEC("cgroup/connect4") int sockmesh_process4(struct bpf_sock_addr *ctx) { return remember_process(ctx); }
SEC("cgroup/connect6") int sockmesh_process6(struct bpf_sock_addr *ctx) { return remember_process(ctx); }

#endif
