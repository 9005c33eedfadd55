//go:build cgo && linux && !asan && !msan

// See doc.go. Blocks come in size classes, eight for each doubling, so that less than
// an eighth of a block, or less than a huge page, is lost. All our blocks begin at
// multiples of 4 KiB. glibc's blocks hardly ever do, so free rarely looks up an
// address that is not ours.

#define _GNU_SOURCE
#include <stdlib.h> // defines __GLIBC__

#if !defined(__GLIBC__) || !defined(__LP64__)
size_t skinattn_allocator_mapped(void) { return 0; }
void skinattn_allocator_use(void) {}
#else

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum {
	PAGE = 4096,
	SMALLEST_SHIFT = 15, // blocks from 32 KiB on are ours
	LARGEST_SHIFT = 40,
	CLASSES = 8 * (LARGEST_SHIFT + 1 - SMALLEST_SHIFT),
	TABLE_SHIFT = 16, // log2 of the number of slots for blocks
	RECENT = 16,      // a free large block is old after this many requests for large blocks
	NAPS = 100,       // longest wait for a vast block, in naps
	NAP_NS = 200000,
};
#define TABLE ((size_t)1 << TABLE_SHIFT)
#define SMALLEST ((size_t)1 << SMALLEST_SHIFT)
#define LARGEST ((size_t)1 << LARGEST_SHIFT)
#define HUGE_PAGE ((size_t)2 << 20) // from here on a block has a mapping of its own
#define REGION ((size_t)64 << 20)   // one mapping, from which smaller blocks are cut
#define LARGE ((size_t)64 << 20)    // from here on old free blocks are given back
#define VAST ((size_t)256 << 20)    // from here on a request waits for a block to be freed

typedef struct block {
	char *start; // NULL: a slot that never had a block
	size_t size;
	int class;
	int used;
	uint64_t last;      // value of asked when the block was freed
	struct block *next; // free block of the same class
} block;

// GONE is the start of a slot whose block was given back: a search must go on behind
// the slot.
#define GONE ((char *)1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards the variables that follow
static block table[TABLE];                               // all blocks by address, with linear probing
static size_t slots;                                     // slots in use or GONE
static block *free_blocks[CLASSES];
static int used_blocks[CLASSES];
static char *region; // unused rest of the newest region
static size_t region_left;
static size_t mapped;
static uint64_t asked; // number of requests for large blocks

static _Atomic int in_use; // set by skinattn_allocator_use; until then glibc gives every block

// Another thread may hold the lock when a process forks, and the child has no
// such thread to release it.
static void close_lock(void) { pthread_mutex_lock(&lock); }
static void open_lock(void) { pthread_mutex_unlock(&lock); }
__attribute__((constructor)) static void start(void) { pthread_atfork(close_lock, open_lock, open_lock); }

static int log2_of(size_t n) { return 63 - __builtin_clzl(n); }

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) & ~(unit - 1); }

// class_of returns the class of a size and rounds the size up to the class's.
static int class_of(size_t *size) {
	size_t n = *size < SMALLEST ? SMALLEST : *size;
	n = round_up(n, (size_t)1 << (log2_of(n) - 3));
	if (n > HUGE_PAGE) n = round_up(n, HUGE_PAGE);
	*size = n;
	int power = log2_of(n);
	return (power - SMALLEST_SHIFT) * 8 + (int)(n >> (power - 3) & 7);
}

static size_t hash(const char *p) { return (uintptr_t)p / PAGE * 0x9E3779B97F4A7C15u >> (64 - TABLE_SHIFT); }

// find returns the block that starts at p if the block is ours and in use.
static block *find(const char *p) {
	size_t i = hash(p);
	while (table[i].start != NULL && table[i].start != p) i = (i + 1) % TABLE;
	return table[i].start != NULL && table[i].used ? &table[i] : NULL;
}

// empty_slot returns the slot for a new block that starts at p.
static block *empty_slot(const char *p) {
	size_t i = hash(p);
	while (table[i].start != NULL && table[i].start != GONE) i = (i + 1) % TABLE;
	if (table[i].start == NULL) slots++;
	return &table[i];
}

// map maps new memory at a multiple of a huge page, or returns NULL.
static char *map(size_t size) {
	char *all = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED) return NULL;
	char *begin = (char *)round_up((uintptr_t)all, HUGE_PAGE);
	if (begin > all) munmap(all, begin - all);
	munmap(begin + size, all + HUGE_PAGE - begin);
	madvise(begin, size, MADV_HUGEPAGE);
	mapped += size;
	return begin;
}

// give_back unmaps the large free blocks that were freed at least age requests for
// large blocks ago.
static void give_back(uint64_t age) {
	size_t size = LARGE;
	for (int c = class_of(&size); c < CLASSES; c++) {
		for (block **at = &free_blocks[c]; *at != NULL;) {
			block *b = *at;
			if (asked - b->last < age) {
				at = &b->next;
				continue;
			}
			*at = b->next;
			munmap(b->start, b->size);
			mapped -= b->size;
			b->start = GONE;
		}
	}
}

// wait_for waits a little for a block of a class to be freed. XLA frees the working
// memory of a step a moment after the step's results are there, when the next step
// may have begun: without the wait, two steps would take twice the memory. The lock
// is open meanwhile, so another thread may take the freed block.
static void wait_for(int class) {
	const struct timespec nap = {.tv_nsec = NAP_NS};
	for (int i = 0; i < NAPS && free_blocks[class] == NULL && used_blocks[class] > 0; i++) {
		pthread_mutex_unlock(&lock);
		nanosleep(&nap, NULL);
		pthread_mutex_lock(&lock);
	}
}

// release gives back the pages of free blocks that are not large, and what glibc has
// free. A vast block follows what needed much memory in small blocks, such as the
// compiler of XLA: without it, a process would have both until its end. The lock is
// open meanwhile.
static void release(void) {
	size_t size = LARGE;
	for (int c = class_of(&size) - 1; c >= 0; c--)
		for (block *b = free_blocks[c]; b != NULL; b = b->next) madvise(b->start, b->size, MADV_DONTNEED);
	pthread_mutex_unlock(&lock);
	malloc_trim(0);
	pthread_mutex_lock(&lock);
}

// fresh returns memory for a new block, or NULL. When a new region begins, the rest of
// the old region, less than a block, is lost.
static char *fresh(size_t size) {
	if (size >= HUGE_PAGE) {
		if (size >= LARGE) give_back(RECENT);
		char *begin = map(size);
		if (begin != NULL) return begin;
		give_back(0); // there is a limit on memory: free blocks must go
		return map(size);
	}
	if (region_left < size) {
		char *begin = map(REGION);
		if (begin == NULL) return NULL;
		region = begin;
		region_left = REGION;
	}
	char *begin = region;
	region += size;
	region_left -= size;
	return begin;
}

// take returns one of our blocks, or NULL if glibc should serve the request.
static void *take(size_t size) {
	if (!in_use || size < SMALLEST || size > LARGEST) return NULL;
	int class = class_of(&size);
	char *begin = NULL;
	pthread_mutex_lock(&lock);
	if (size >= LARGE) asked++;
	if (size >= VAST) wait_for(class);
	if (size >= VAST && free_blocks[class] == NULL) release();
	block *b = free_blocks[class];
	if (b != NULL) {
		free_blocks[class] = b->next;
	} else if (slots < TABLE / 4 * 3 && (begin = fresh(size)) != NULL) {
		b = empty_slot(begin);
		b->start = begin;
		b->size = size;
		b->class = class;
	}
	if (b != NULL) {
		b->used = 1;
		used_blocks[class]++;
		begin = b->start;
	}
	pthread_mutex_unlock(&lock);
	return begin;
}

static int may_be_ours(void *p) { return p != NULL && (uintptr_t)p % PAGE == 0; }

// put keeps a freed block for later and returns 1, or returns 0 if the block is not
// ours.
static int put(void *p) {
	if (!may_be_ours(p)) return 0;
	pthread_mutex_lock(&lock);
	block *b = find(p);
	if (b != NULL) {
		b->used = 0;
		b->last = asked;
		b->next = free_blocks[b->class];
		free_blocks[b->class] = b;
		used_blocks[b->class]--;
	}
	pthread_mutex_unlock(&lock);
	return b != NULL;
}

// size_of returns the size of one of our blocks, 0 for other blocks.
static size_t size_of(void *p) {
	if (!may_be_ours(p)) return 0;
	pthread_mutex_lock(&lock);
	block *b = find(p);
	size_t size = b == NULL ? 0 : b->size;
	pthread_mutex_unlock(&lock);
	return size;
}

// The following functions replace glibc's functions of the same names. glibc requires
// a replacement of calloc too; ours calls glibc's, which knows which memory is clear
// already. valloc and pvalloc stay glibc's, as free and realloc take glibc's blocks,
// too.

void *malloc(size_t size) {
	void *p = take(size);
	return p != NULL ? p : __libc_malloc(size);
}

void free(void *p) {
	if (!put(p)) __libc_free(p);
}

void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }

void *realloc(void *p, size_t size) {
	if (p == NULL) return malloc(size);
	size_t old = size_of(p);
	if (old == 0) return __libc_realloc(p, size);
	if (size <= old && size > old / 2) return p;
	if (size == 0) {
		put(p);
		return NULL;
	}
	void *moved = malloc(size);
	if (moved == NULL) return NULL;
	memcpy(moved, p, old < size ? old : size);
	put(p);
	return moved;
}

void *memalign(size_t alignment, size_t size) {
	void *p = alignment <= (size < HUGE_PAGE ? PAGE : HUGE_PAGE) ? take(size) : NULL;
	return p != NULL ? p : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
	if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
	void *p = memalign(alignment, size);
	if (p == NULL) return ENOMEM;
	*result = p;
	return 0;
}

size_t malloc_usable_size(void *p) {
	size_t size = size_of(p);
	if (size != 0 || p == NULL) return size;
	static size_t (*_Atomic libc)(void *);
	if (libc == NULL) libc = (size_t(*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
	return libc(p);
}

void skinattn_allocator_use(void) { in_use = 1; }

size_t skinattn_allocator_mapped(void) {
	pthread_mutex_lock(&lock);
	size_t bytes = mapped;
	pthread_mutex_unlock(&lock);
	return bytes;
}

#endif
