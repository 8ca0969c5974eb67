// SPDX-License-Identifier: GPL-2.0
/*
 * Sends UDP from many sockets until SIGTERM, in every way that finds its route
 * and its IPsec bundle differently: a connected socket that keeps them, a new
 * socket each time, datagrams that are cut into fragments, and segments (GSO).
 * What cannot be sent is counted, no more: policies that block are the point.
 *
 * usage: udp_flood SEED SRC,DST...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PORT		9	/* discard */
/* Shared by all: a port drawn by the kernel may be one whose protocol tshark
 * looks for in vain, and then it says nothing of the ESP around it.
 */
#define SOURCE_PORT	11
#define MAX_DATAGRAM	4000
#define SEGMENT		400

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct sender {
	pthread_t thread;
	union address src;
	union address dst;
	socklen_t len;
	uint32_t random;
	unsigned long sent;
	unsigned long refused;
	int kept;
};

static bool ended;

static void end(int signal)
{
	__atomic_store_n(&ended, true, __ATOMIC_RELAXED);
}

static bool has_ended(void)
{
	return __atomic_load_n(&ended, __ATOMIC_RELAXED);
}

static uint32_t roll(struct sender *s, uint32_t sides)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 17;
	s->random ^= s->random << 5;
	return s->random % sides;
}

static int connect_one(struct sender *s, int segment)
{
	int fd = socket(s->src.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return fd;
	if (segment)
		setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, &s->src.any, s->len) || connect(fd, &s->dst.any, s->len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void send_one(struct sender *s, int fd, size_t size)
{
	static const char data[MAX_DATAGRAM];

	/* ECONNREFUSED tells of an earlier one. */
	if (fd >= 0 && (send(fd, data, size, MSG_DONTWAIT) >= 0 || errno == ECONNREFUSED))
		s->sent++;
	else
		s->refused++;
}

/* Four in five by the socket that is kept, the others by one made for it. */
static void some_datagram(struct sender *s)
{
	bool large = false;
	int segment = 0, fd;
	size_t size;

	switch (roll(s, 10)) {
	case 0:
		large = true;
		break;
	case 1:
		segment = SEGMENT;
		break;
	}
	size = large ? 1500 + roll(s, MAX_DATAGRAM - 1500) : 16 + roll(s, 1000);
	if (segment)
		size = SEGMENT * (2 + roll(s, 3)) + roll(s, SEGMENT);

	if (s->kept < 0)
		s->kept = connect_one(s, 0);
	fd = segment || !roll(s, 5) ? connect_one(s, segment) : s->kept;
	send_one(s, fd, size);
	if (fd >= 0 && fd != s->kept)
		close(fd);
}

static void *flood(void *arg)
{
	struct sender *s = arg;

	while (!has_ended()) {
		struct timespec pause = { .tv_nsec = (5 + roll(s, 75)) * 1000000 };
		unsigned int burst = 1 + roll(s, 6);

		while (burst--)
			some_datagram(s);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static bool read_address(union address *addr, const char *word, int port)
{
	if (inet_pton(AF_INET, word, &addr->v4.sin_addr) == 1) {
		addr->v4.sin_family = AF_INET;
		addr->v4.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, word, &addr->v6.sin6_addr) == 1) {
		addr->v6.sin6_family = AF_INET6;
		addr->v6.sin6_port = htons(port);
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = end };
	unsigned long sent = 0, refused = 0;
	struct sender *senders;
	int i, n = argc - 2;

	if (n < 1) {
		fputs("usage: udp_flood SEED SRC,DST...\n", stderr);
		return 2;
	}
	senders = calloc(n, sizeof(*senders));
	if (!senders)
		return 1;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	for (i = 0; i < n; i++) {
		struct sender *s = &senders[i];
		char *words = argv[i + 2];
		char *src = strsep(&words, ",");

		if (!words || !read_address(&s->src, src, SOURCE_PORT) ||
		    !read_address(&s->dst, words, PORT)) {
			fprintf(stderr, "udp_flood: '%s' is not SRC,DST\n", argv[i + 2]);
			return 2;
		}
		s->len = s->src.any.sa_family == AF_INET ? sizeof(s->src.v4) : sizeof(s->src.v6);
		s->random = (strtoul(argv[1], NULL, 0) * 2654435761u + i * 40503u) | 1;
		s->kept = -1;
		if (pthread_create(&s->thread, NULL, flood, s))
			return 1;
	}
	puts("ready");
	fflush(stdout);

	for (i = 0; i < n; i++) {
		pthread_join(senders[i].thread, NULL);
		sent += senders[i].sent;
		refused += senders[i].refused;
	}
	printf("sent %lu refused %lu\n", sent, refused);
	return 0;
}
