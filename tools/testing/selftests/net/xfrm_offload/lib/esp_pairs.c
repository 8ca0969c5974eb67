// SPDX-License-Identifier: GPL-2.0
/*
 * A second witness: which pairs of SPI and IV are in captures, and which of them
 * more than once. It knows no key and needs none: the IV of AES-GCM, AES-GMAC and
 * ChaCha20-Poly1305 stands in clear behind the sequence number (RFC 4106, section
 * 3.1; RFC 4303, section 2). Fragments count by the first one, and ESP in UDP (RFC
 * 3948) counts too; what an ICMP error quotes does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#define ETHERTYPE_V4	0x0800
#define ETHERTYPE_V6	0x86dd
#define ETHERTYPE_VLAN	0x8100
#define NEXT_UDP	17
#define NEXT_FRAGMENT	44
#define NEXT_ESP	50
#define PORT_ESP_IN_UDP	4500

struct pair {
	uint32_t spi;
	uint64_t iv;
	unsigned int file;
	unsigned int frame;
};

static struct pair *pairs;
static size_t n_pairs, room;

/* A frame, as far as it was recorded. */
struct bytes {
	const uint8_t *at;
	size_t left;
};

static bool skip(struct bytes *b, size_t n)
{
	if (b->left < n)
		return false;
	b->at += n;
	b->left -= n;
	return true;
}

static unsigned int u16_at(const struct bytes *b, size_t offset)
{
	return b->at[offset] << 8 | b->at[offset + 1];
}

static void remember(const struct bytes *esp, unsigned int file, unsigned int frame)
{
	struct pair *p;
	unsigned int i;

	if (esp->left < 16)
		return;
	if (n_pairs == room) {
		room = room ? 2 * room : 4096;
		pairs = realloc(pairs, room * sizeof(*pairs));
		if (!pairs) {
			fputs("esp_pairs: no memory\n", stderr);
			exit(2);
		}
	}
	p = &pairs[n_pairs++];
	*p = (struct pair){ .file = file, .frame = frame };
	for (i = 0; i < 4; i++)
		p->spi = p->spi << 8 | esp->at[i];
	for (i = 8; i < 16; i++)
		p->iv = p->iv << 8 | esp->at[i];
}

/* A first word of 0 is that of IKE, one byte alone a keepalive. */
static void in_udp(struct bytes b, unsigned int file, unsigned int frame)
{
	bool here = b.left >= 12 && (u16_at(&b, 0) == PORT_ESP_IN_UDP ||
				     u16_at(&b, 2) == PORT_ESP_IN_UDP);

	if (here && skip(&b, 8) && (u16_at(&b, 0) || u16_at(&b, 2)))
		remember(&b, file, frame);
}

static void payload(unsigned int next, struct bytes b, unsigned int file, unsigned int frame)
{
	if (next == NEXT_ESP)
		remember(&b, file, frame);
	else if (next == NEXT_UDP)
		in_udp(b, file, frame);
}

static void v4(struct bytes b, unsigned int file, unsigned int frame)
{
	unsigned int next;
	size_t header;

	if (b.left < 20)
		return;
	header = 4 * (b.at[0] & 15);
	next = b.at[9];
	if ((u16_at(&b, 6) & 0x1fff) || header < 20 || !skip(&b, header))
		return;
	payload(next, b, file, frame);
}

static void v6(struct bytes b, unsigned int file, unsigned int frame)
{
	unsigned int next;

	if (b.left < 40)
		return;
	next = b.at[6];
	skip(&b, 40);
	if (next == NEXT_FRAGMENT) {
		if (b.left < 8 || (u16_at(&b, 2) & 0xfff8))
			return;
		next = b.at[0];
		skip(&b, 8);
	}
	payload(next, b, file, frame);
}

/* Where the ethertype stands, and how long the header is before the packet. */
static bool link_layer(int type, struct bytes *b, unsigned int *ethertype)
{
	size_t at, header;

	switch (type) {
	case DLT_EN10MB:
		at = 12;
		header = 14;
		break;
	case DLT_LINUX_SLL:
		at = 14;
		header = 16;
		break;
	case DLT_LINUX_SLL2:
		at = 0;
		header = 20;
		break;
	default:
		fprintf(stderr, "esp_pairs: link layer %d is not known\n", type);
		exit(2);
	}
	if (b->left < header)
		return false;
	*ethertype = u16_at(b, at);
	skip(b, header);
	while (*ethertype == ETHERTYPE_VLAN && b->left >= 4) {
		*ethertype = u16_at(b, 2);
		skip(b, 4);
	}
	return true;
}

static void read_capture(const char *name, unsigned int file)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const unsigned char *data;
	unsigned int ethertype, frame = 0;
	int got;
	pcap_t *capture = pcap_open_offline(name, why);

	if (!capture) {
		fprintf(stderr, "esp_pairs: %s: %s\n", name, why);
		exit(2);
	}
	while ((got = pcap_next_ex(capture, &header, &data)) == 1) {
		struct bytes b = { .at = data, .left = header->caplen };

		frame++;
		if (!link_layer(pcap_datalink(capture), &b, &ethertype))
			continue;
		if (ethertype == ETHERTYPE_V4)
			v4(b, file, frame);
		else if (ethertype == ETHERTYPE_V6)
			v6(b, file, frame);
	}
	if (got == PCAP_ERROR) {
		fprintf(stderr, "esp_pairs: %s: %s\n", name, pcap_geterr(capture));
		exit(2);
	}
	pcap_close(capture);
}

static int by_pair(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	if (a->spi != b->spi)
		return a->spi < b->spi ? -1 : 1;
	if (a->iv != b->iv)
		return a->iv < b->iv ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return a->frame < b->frame ? -1 : a->frame > b->frame;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "-l");
	int first = list ? 2 : 1;
	unsigned int repeated = 0;
	size_t i;
	int n;

	if (argc <= first) {
		fputs("usage: esp_pairs [-l] CAPTURE...\n"
		      "SPI and IV of each ESP frame that has those of another one (-l: of every\n"
		      "one), where it is, and how many there are. Fails if there is one.\n",
		      stderr);
		return 2;
	}
	for (n = first; n < argc; n++)
		read_capture(argv[n], n);
	qsort(pairs, n_pairs, sizeof(*pairs), by_pair);

	for (i = 0; i < n_pairs; i++) {
		const struct pair *p = &pairs[i];
		bool again = i && p[-1].spi == p->spi && p[-1].iv == p->iv;

		repeated += again;
		if (list || again)
			printf("0x%08x %016jx %s frame %u%s\n", p->spi, (uintmax_t)p->iv,
			       argv[p->file], p->frame, again ? " again" : "");
	}
	printf("%zu ESP frames, %u with SPI and IV of another one\n", n_pairs, repeated);
	return repeated ? 1 : 0;
}
