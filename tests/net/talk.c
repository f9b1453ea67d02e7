/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traffic for the tests of packets; every host has one address, ports are fixed.
 *
 *   talk answer ADDR N   answers N questions (UDP), then ends     talk ask ADDR N    asks until N answers have come
 *   talk send ADDR N     sends N datagrams, waits for nothing     talk sink ADDR     takes one connection to its end
 *   talk pour ADDR BYTES sends so many                            talk serve ADDR PORT N   answers N connections
 *   talk connect ADDR PORT MS   0 if it answers, 1 if not within MS
 *
 * sink and pour print the bytes' number and a sum of them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UDP_PORT = 4242, TCP_PORT = 4243, PATIENCE_MS = 20000 };

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

		recvfrom(fd, &last, sizeof(last), 0, (struct sockaddr *)&from, &len);
		sendto(fd, &last, sizeof(last), 0, (struct sockaddr *)&from, len);
	}
	return last < n - 1;
}

static int ask(const char *host, long n)
{
	int fd = open_socket(SOCK_DGRAM, host, UDP_PORT, connect);

	for (long i = 0; i < n; i++) {
		long got = -1;

		/* whoever answers may not be there yet */
		for (int tries = 0; got != i && tries < PATIENCE_MS / 100; tries++) {
			if (send(fd, &i, sizeof(i), 0) < 0)
				usleep(10000);
			else if (readable(fd, 100) && recv(fd, &got, sizeof(got), 0) < 0)
				usleep(10000);
		}
		if (got != i)
			return 1;
	}
	return 0;
}

static int send_all(const char *host, long n)
{
	int fd = open_socket(SOCK_DGRAM, host, UDP_PORT, connect);

	for (long i = 0; i < n; i++)
		if (send(fd, &i, sizeof(i), 0) < 0)
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
	while ((n = read(fd, block, sizeof(block))) > 0)
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
	close(fd);
	printf("%ld %016lx\n", bytes, all);
	return 0;
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

static int connect_to(const char *host, int port, int ms)
{
	struct sockaddr_in at = address(host, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = 0;
	struct pollfd done = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(err);

	connect(fd, (struct sockaddr *)&at, sizeof(at));
	if (poll(&done, 1, ms) != 1)
		return 1;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err != 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 3 ? atol(argv[3]) : 0;

	if (!strcmp(what, "answer"))
		return answer(argv[2], n);
	if (!strcmp(what, "ask"))
		return ask(argv[2], n);
	if (!strcmp(what, "send"))
		return send_all(argv[2], n);
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
