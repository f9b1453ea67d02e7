/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the kernel's headers its BTF does not have, for programs in BCC's dialect: macros, and inline
 * functions that are a cast. Numbers are Linux's ABI, or its usual configuration on 64-bit machines.
 * Macros that user space's headers have too come only where the kernel's types replace those headers.
 */
#ifndef SKEP_KERNEL_H
#define SKEP_KERNEL_H

#define __user
#define __kernel
#define __force
#define __rcu
#define __iomem
#define __percpu
#define __bitwise
#define __maybe_unused __attribute__((unused))
#define __packed __attribute__((packed))

typedef u8 uint8_t;
typedef u16 uint16_t;
typedef u32 uint32_t;
typedef u64 uint64_t;
typedef s8 int8_t;
typedef s16 int16_t;
typedef s32 int32_t;
typedef s64 int64_t;
#ifndef SKEP_KERNEL_TYPES
typedef unsigned short umode_t;
typedef u32 dev_t, uid_t, gid_t, gfp_t;
typedef long long loff_t;
typedef long ssize_t;
typedef u64 sector_t;
#endif

#ifndef KERNEL_VERSION
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))
#endif

#define DNAME_INLINE_LEN 40
#define DISK_NAME_LEN 32
#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define PAGE_SHIFT 12
#define PAGE_OFFSET 0xffff888000000000UL
#define PF_EXITING 4
#define PF_KTHREAD 0x00200000
#define PF_WQ_WORKER 0x00000020
#define MINORBITS 20
#define MINORMASK ((1U << MINORBITS) - 1)
#define MAJOR(dev) ((unsigned int)((dev) >> MINORBITS))
#define MINOR(dev) ((unsigned int)((dev) & MINORMASK))
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define READ 0
#define WRITE 1
#define SCM_RIGHTS 1
#define ETHTOOL_FWVERS_LEN 32

#ifdef SKEP_KERNEL_TYPES
#define NAME_MAX 255
#define PATH_MAX 4096
#define IFNAMSIZ 16
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define SOL_SOCKET 1
#define ETH_ALEN 6
#define ETH_HLEN 14
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021AD 0x88A8
#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISCHR(m) (((m) & S_IFMT) == S_IFCHR)
#define S_ISBLK(m) (((m) & S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m) & S_IFMT) == S_IFIFO)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)
#define O_ACCMODE 3
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_APPEND 02000
#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define RLIMIT_NOFILE 7
#define REQ_OP_BITS 8
#define REQ_OP_MASK ((1 << REQ_OP_BITS) - 1)
#define WORK_STRUCT_PENDING 1
#define TCPF_ESTABLISHED (1 << 1)
#define TCPF_SYN_SENT (1 << 2)
#define TCPF_SYN_RECV (1 << 3)
#define TCPF_FIN_WAIT1 (1 << 4)
#define TCPF_FIN_WAIT2 (1 << 5)
#define TCPF_TIME_WAIT (1 << 6)
#define TCPF_CLOSE (1 << 7)
#define TCPF_CLOSE_WAIT (1 << 8)
#define TCPF_LAST_ACK (1 << 9)
#define TCPF_LISTEN (1 << 10)
#define TCPF_CLOSING (1 << 11)

/* net/sock.h and net/inet_sock.h name members of the part that sockets share */
#define sk_node __sk_common.skc_node
#define sk_portpair __sk_common.skc_portpair
#define sk_num __sk_common.skc_num
#define sk_dport __sk_common.skc_dport
#define sk_addrpair __sk_common.skc_addrpair
#define sk_daddr __sk_common.skc_daddr
#define sk_rcv_saddr __sk_common.skc_rcv_saddr
#define sk_family __sk_common.skc_family
#define sk_state __sk_common.skc_state
#define sk_bound_dev_if __sk_common.skc_bound_dev_if
#define sk_net __sk_common.skc_net
#define sk_v6_daddr __sk_common.skc_v6_daddr
#define sk_v6_rcv_saddr __sk_common.skc_v6_rcv_saddr
#define sk_cookie __sk_common.skc_cookie
#define inet_daddr sk.__sk_common.skc_daddr
#define inet_rcv_saddr sk.__sk_common.skc_rcv_saddr
#define inet_dport sk.__sk_common.skc_dport
#define inet_num sk.__sk_common.skc_num
#define s6_addr in6_u.u6_addr8
#define s6_addr16 in6_u.u6_addr16
#define s6_addr32 in6_u.u6_addr32

static __always_inline struct inet_sock *inet_sk(const struct sock *sk) { return (struct inet_sock *)sk; }
static __always_inline struct tcp_sock *tcp_sk(const struct sock *sk) { return (struct tcp_sock *)sk; }
static __always_inline struct inet_connection_sock *inet_csk(const struct sock *sk)
{
	return (struct inet_connection_sock *)sk;
}
static __always_inline unsigned char *skb_network_header(const struct sk_buff *skb)
{
	return skb->head + skb->network_header;
}
static __always_inline unsigned char *skb_transport_header(const struct sk_buff *skb)
{
	return skb->head + skb->transport_header;
}
#endif

#endif
