/* The limit: the same file, the same work, a plain loop. Walks all messages, interns each attribute block by
 * its octets, walks the attributes of each new one down to its AS numbers and communities, walks all prefixes.
 * Prints nanoseconds a prefix, the best of five. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLOTS = 1 << 20 };
typedef struct { const uint8_t *at; uint32_t length; } set;
static set sets[SLOTS];
static uint64_t sum;
static uint32_t prefixes;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }

static uint32_t be32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

static uint32_t hash(const uint8_t *p, uint32_t n)
{
	uint32_t h = n, w;
	for (; n >= 4; p += 4, n -= 4) { memcpy(&w, p, 4); h = (h ^ w) * 0x9e3779b1u; h ^= h >> 15; }
	for (; n; n--) { h = (h ^ *p++) * 0x9e3779b1u; h ^= h >> 15; }
	return h ^ h >> 15;
}

static void decode(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		int wide = p[0] & 0x10, head = wide ? 4 : 3;
		uint32_t n = wide ? p[2] << 8 | p[3] : p[2];
		const uint8_t *v = p + head;
		if (p[1] == 2) for (uint32_t i = 0; i < n; i += 2 + 4 * v[i + 1]) for (int k = 0; k < v[i + 1]; k++) sum += be32(v + i + 2 + 4 * k);
		else if (n % 4 == 0) for (uint32_t i = 0; i < n; i += 4) sum += be32(v + i);
		else for (uint32_t i = 0; i < n; i++) sum += v[i];
		p = v + n;
	}
}

static uint32_t intern(const uint8_t *p, uint32_t n)
{
	for (uint32_t i = hash(p, n) & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
		if (!sets[i].at) { sets[i] = (set){p, n}; decode(p, p + n); return i; }
		if (sets[i].length == n && !memcmp(sets[i].at, p, n)) return i;
	}
}

static void run(const uint8_t *m, const uint8_t *end)
{
	prefixes = 0;
	while (m < end) {
		uint32_t length = m[16] << 8 | m[17], withdrawn = m[19] << 8 | m[20];
		const uint8_t *a = m + 23 + withdrawn, *n = a + (a[-2] << 8 | a[-1]), *stop = m + length;
		uint32_t id = intern(a, n - a);
		while (n < stop) {
			uint32_t bits = *n++, octets = (bits + 7) / 8, w = 0;
			for (uint32_t i = 0; i < octets; i++) w |= (uint32_t)n[i] << (24 - 8 * i);
			if (bits < 32) w &= ~(bits ? ~0u >> bits : ~0u);
			sum += w + bits + id; n += octets; prefixes++;
		}
		m += length;
	}
}

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!f) return 1;
	fseek(f, 0, SEEK_END);
	long length = ftell(f);
	rewind(f);
	uint8_t *buffer = malloc(length);
	if (!buffer || fread(buffer, 1, length, f) != (size_t)length) return 1;
	double best = 1e18;
	for (int i = 0; i < 5; i++) {
		memset(sets, 0, sizeof sets);
		double start = now();
		run(buffer, buffer + length);
		double took = now() - start;
		if (took < best) best = took;
	}
	printf("%.3f %u %llu\n", best / prefixes, prefixes, (unsigned long long)sum);
	return 0;
}
