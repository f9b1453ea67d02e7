// SPDX-License-Identifier: BSD-2-Clause
/*
 * Writes a small capture file: a host that pings another one, asks for a name and opens a connection.
 *
 *   cc -o packets packets.c && ./packets > in.pcap
 *
 * Twelve Ethernet frames with right IPv4 and ICMP checksums, one every 10 ms, addresses from the range
 * for documentation (RFC 5737).
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ICMP = 1, TCP = 6, UDP = 17, HEADERS = 14 + 20 };

static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	if (len & 1)
		sum += (uint32_t)data[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void put32(uint32_t value)
{
	fwrite(&value, sizeof(value), 1, stdout);
}

/* One frame from host a to host b around the payload. */
static void frame(unsigned number, int a, int b, uint8_t protocol, const void *payload, size_t len)
{
	uint8_t packet[128] = { 2, 0, 0, 0, 0, (uint8_t)b, 2, 0, 0, 0, 0, (uint8_t)a, 0x08, 0x00 };
	uint8_t *ip = packet + 14;
	uint16_t sum;
	size_t all = HEADERS + len;

	ip[0] = 0x45;
	ip[3] = (uint8_t)(20 + len);
	ip[5] = (uint8_t)number;
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, (uint8_t[]){ 192, 0, 2, (uint8_t)a, 192, 0, 2, (uint8_t)b }, 8);
	sum = checksum(ip, 20);
	memcpy(ip + 10, &sum, 2);
	memcpy(packet + HEADERS, payload, len);
	if (protocol == ICMP) {
		sum = checksum(packet + HEADERS, len);
		memcpy(packet + HEADERS + 2, &sum, 2);
	}
	put32(1700000000);
	put32(number * 10000);
	put32((uint32_t)all);
	put32((uint32_t)all);
	fwrite(packet, all, 1, stdout);
}

int main(void)
{
	static const uint8_t syn[20] = { 0xc0, 0, 0, 80, 0,    0,    0,	   1,
					 0,    0, 0, 0,	 0x50, 0x02, 0xff, 0xff },
			     syn_ack[20] = { 0, 80, 0xc0, 0, 0,	   0,	 0,    9,
					     0, 0,  0,	  2, 0x50, 0x12, 0xff, 0xff },
			     ack[20] = { 0xc0, 0, 0, 80, 0,    0,    0,	   2,
					 0,    0, 0, 10, 0x50, 0x10, 0xff, 0xff },
			     query[8] = { 0xd0, 0, 0, 53, 0, 8 },
			     answer[8] = { 0, 53, 0xd0, 0, 0, 8 };
	uint8_t ping[16] = { 8, 0, 0, 0, 0, 1 };
	unsigned n = 0;

	put32(0xa1b2c3d4); /* pcap, microseconds */
	put32(2 | 4 << 16);
	put32(0);
	put32(0);
	put32(65535);
	put32(1); /* Ethernet */
	for (uint8_t i = 1; i <= 3; i++) {
		ping[0] = 8;
		ping[7] = i;
		frame(n++, 1, 2, ICMP, ping, sizeof(ping));
		ping[0] = 0;
		frame(n++, 2, 1, ICMP, ping, sizeof(ping));
	}
	frame(n++, 1, 53, UDP, query, sizeof(query));
	frame(n++, 53, 1, UDP, answer, sizeof(answer));
	frame(n++, 1, 80, TCP, syn, sizeof(syn));
	frame(n++, 80, 1, TCP, syn_ack, sizeof(syn_ack));
	frame(n++, 1, 80, TCP, ack, sizeof(ack));
	frame(n++, 1, 80, TCP, ack, sizeof(ack));
	return fflush(stdout) ? 1 : 0;
}
