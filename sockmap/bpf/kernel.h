/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The few kernel structs that the programs look into. CO-RE fixes the offsets at load time, so only names and types
 * matter here, and no vmlinux.h of one kernel has to be kept. */
#ifndef SOCKMESH_KERNEL_H
#define SOCKMESH_KERNEL_H
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define BPF_TCP_ESTABLISHED 1
#define EAGAIN 11
#define MSG_PEEK 0x2
#define MSG_DONTWAIT 0x40
#define MSG_ERRQUEUE 0x2000
#define LONG_MAX (~0UL >> 1)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct kernfs_node { __u64 id; };
struct cgroup { int level; struct kernfs_node *kn; struct cgroup *ancestors[0]; };
struct sock_cgroup_data { struct cgroup *cgroup; };
typedef struct { int counter; } atomic_t;
struct sock {
	struct { atomic_t rmem_alloc; } sk_backlog;
	long sk_rcvtimeo;
	struct sock_cgroup_data sk_cgrp_data;
};
struct socket { struct sock *sk; };
struct super_block { __u32 s_dev; };
struct inode { unsigned long i_ino; struct super_block *i_sb; };
struct file { struct inode *f_inode; };
struct mm_struct { struct file *exe_file; };
struct task_struct { struct task_struct *group_leader; __u64 start_boottime; struct mm_struct *mm; };
struct inet_sock { struct sock sk; };
struct inet_connection_sock { struct inet_sock icsk_inet; const void *icsk_ulp_ops; };
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	__u32 write_seq;
	__u8 syn_data : 1;
	__u8 syn_fastopen : 1;
	__u8 is_mptcp : 1;
};
#pragma clang attribute pop

#endif
