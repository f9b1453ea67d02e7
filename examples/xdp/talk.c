/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic for the lab and the tests of packets, on machines that have no ping and no nc.
 *
 *   talk ping ADDR N [FROM]      pings until N answers have come
 *   talk answer ADDR N           answers N questions (UDP), then ends
 *   talk ask ADDR N [BYTES]      asks until N answers have come
 *   talk send ADDR N [BYTES]     sends N datagrams, waits for nothing
 *   talk sink ADDR               takes one connection (TCP) to its end
 *   talk pour ADDR BYTES         sends so many, and waits until they have come
 *   talk serve ADDR PORT N       takes N connections
 *   talk connect ADDR PORT MS    0 if it is answered, 1 if not within MS
 *
 * sink and pour print the bytes' number and a sum of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UDP_PORT = 4242, TCP_PORT = 4243, PATIENCE_MS = 60000 };

static unsigned char block[1 << 16];

static struct sockaddr_in address(const char *text, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, text, &at.sin_addr);
	return at;
}

static int open_socket(int type, const char *text, int port, int (*use)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_in at = address(text, port);
	int fd = socket(AF_INET, type, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!use(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	close(fd);
	return -1;
}

static int readable(int fd, int ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, ms) == 1;
}

static int answer(const char *host, long n)
{
	struct sockaddr_in from;
	int fd = open_socket(SOCK_DGRAM, host, UDP_PORT, bind);
	long last = -1;

	/* a question that was asked twice is answered twice; the last one ends it */
	while (last < n - 1 && readable(fd, PATIENCE_MS)) {
		socklen_t len = sizeof(from);

		recvfrom(fd, block, sizeof(block), 0, (struct sockaddr *)&from, &len);
		memcpy(&last, block, sizeof(last));
		sendto(fd, &last, sizeof(last), 0, (struct sockaddr *)&from, len);
	}
	return last < n - 1;
}

/* Questions of so many bytes; answers are short. */
static int ask(const char *host, long n, size_t bytes)
{
	int fd = open_socket(SOCK_DGRAM, host, UDP_PORT, connect);

	for (long i = 0; i < n; i++) {
		long got = -1;

		/* whoever answers may not be there yet */
		for (int tries = 0; got != i && tries < PATIENCE_MS / 100; tries++) {
			memcpy(block, &i, sizeof(i));
			if (send(fd, block, bytes < sizeof(i) ? sizeof(i) : bytes, 0) < 0)
				usleep(10000);
			else if (readable(fd, 100) && recv(fd, &got, sizeof(got), 0) < 0)
				usleep(10000);
		}
		if (got != i)
			return 1;
	}
	return 0;
}

static uint16_t checksum(const void *bytes, size_t len)
{
	const uint16_t *words = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

/* Whether the answer to number i comes within ms. */
static int answered(int fd, uint16_t i, int ms)
{
	struct {
		struct iphdr ip;
		struct icmphdr icmp;
	} packet;

	while (readable(fd, ms))
		if (recv(fd, &packet, sizeof(packet), 0) == sizeof(packet) && packet.icmp.type == ICMP_ECHOREPLY &&
		    packet.icmp.un.echo.sequence == htons(i))
			return 1;
	return 0;
}

/* A raw socket: as in an own namespace, where it is ours to have. */
static int ping(const char *host, long n, const char *from)
{
	struct sockaddr_in at = address(from ? from : "0.0.0.0", 0);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return perror("talk ping"), 1;
	at = address(host, 0);
	for (uint16_t i = 1; i <= n; i++) {
		struct icmphdr icmp = { .type = ICMP_ECHO, .un.echo = { htons((uint16_t)getpid()), htons(i) } };
		int tries = 0;

		icmp.checksum = checksum(&icmp, sizeof(icmp));
		do {
			if (tries++ == PATIENCE_MS / 1000)
				return 1;
			sendto(fd, &icmp, sizeof(icmp), 0, (struct sockaddr *)&at, sizeof(at));
		} while (!answered(fd, i, 1000));
		printf("%s answers %d\n", host, i);
		fflush(stdout);
	}
	return 0;
}

static int send_all(const char *host, long n, size_t bytes)
{
	int fd = open_socket(SOCK_DGRAM, host, UDP_PORT, connect);

	for (long i = 0; i < n; i++)
		if (send(fd, block, bytes ? bytes : sizeof(i), 0) < 0)
			n += errno == ECONNREFUSED; /* an earlier one's: this was not sent */
	return 0;
}

static uint64_t sum(uint64_t so_far, const unsigned char *bytes, long len)
{
	for (long i = 0; i < len; i++)
		so_far = so_far * 31 + bytes[i];
	return so_far;
}

static int sink(const char *host)
{
	int listener = open_socket(SOCK_STREAM, host, TCP_PORT, bind), fd;
	uint64_t all = 0;
	long total = 0, n;

	if (listen(listener, 1) || !readable(listener, PATIENCE_MS))
		return 1;
	fd = accept(listener, NULL, NULL);
	while ((n = readable(fd, PATIENCE_MS) ? read(fd, block, sizeof(block)) : -1) > 0)
		total += n, all = sum(all, block, n);
	printf("%ld %016lx\n", total, all);
	return n < 0;
}

static int pour(const char *host, long bytes)
{
	int fd = -1;
	uint64_t all = 0, random = 1;

	for (int tries = 0; fd < 0 && tries < PATIENCE_MS / 10; tries++) {
		fd = open_socket(SOCK_STREAM, host, TCP_PORT, connect);
		if (fd < 0)
			usleep(10000);
	}
	for (long left = bytes; left > 0;) {
		long n = left < (long)sizeof(block) ? left : (long)sizeof(block);

		for (long i = 0; i < n; i++)
			block[i] = (unsigned char)((random = random * 6364136223846793005 + 1) >> 56);
		for (long done = 0, w; done < n; done += w)
			if ((w = write(fd, block + done, (size_t)(n - done))) <= 0)
				return 1;
		all = sum(all, block, n);
		left -= n;
	}
	/* what was written is not there yet: whoever took it says so by closing, too */
	shutdown(fd, SHUT_WR);
	printf("%ld %016lx\n", bytes, all);
	return !readable(fd, PATIENCE_MS) || read(fd, block, sizeof(block)) != 0;
}

static int serve(const char *host, int port, long n)
{
	int listener = open_socket(SOCK_STREAM, host, port, bind);

	if (listen(listener, 8))
		return 1;
	for (; n && readable(listener, PATIENCE_MS); n--)
		close(accept(listener, NULL, NULL));
	return n > 0;
}

/* 0: connected, ECONNREFUSED and so on, ETIMEDOUT: no answer within ms */
static int try_to_connect(const char *host, int port, int ms)
{
	struct sockaddr_in at = address(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = 0;
	struct pollfd done = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(err);

	connect(fd, (struct sockaddr *)&at, sizeof(at));
	if (poll(&done, 1, ms) != 1)
		err = ETIMEDOUT;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	close(fd);
	return err;
}

/* Whoever is to answer may not listen yet: refusals do not count. */
static int connect_to(const char *host, int port, int ms)
{
	int err = ECONNREFUSED;

	for (int tries = 0; err == ECONNREFUSED && tries < PATIENCE_MS / 10; tries++) {
		if (tries)
			usleep(10000);
		err = try_to_connect(host, port, ms);
	}
	return err != 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 3 ? atol(argv[3]) : 0;

	if (!strcmp(what, "ping"))
		return ping(argv[2], n, argv[4]);
	if (!strcmp(what, "answer"))
		return answer(argv[2], n);
	if (!strcmp(what, "ask"))
		return ask(argv[2], n, argv[4] ? (size_t)atol(argv[4]) : 0);
	if (!strcmp(what, "send"))
		return send_all(argv[2], n, argv[4] ? (size_t)atol(argv[4]) : 0);
	if (!strcmp(what, "sink"))
		return sink(argv[2]);
	if (!strcmp(what, "pour"))
		return pour(argv[2], n);
	if (!strcmp(what, "serve") && argc > 4)
		return serve(argv[2], (int)n, atol(argv[4]));
	if (!strcmp(what, "connect") && argc > 4)
		return connect_to(argv[2], (int)n, atoi(argv[4]));
	return 2;
}
