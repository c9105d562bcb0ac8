/* The least that writing one image can cost: read the planes, count the pixels, average, encode, write. Nothing else.
 *
 *   limit LIBBLOSC CODEC LEVEL BLOCKSIZE THREADS INNER < JOB
 *
 * JOB: the folder to write into; then one line with channels, planes, fields, side of a field, bytes before the pixels of a file,
 * side of a chunk, planes of a chunk, levels, height, width of the image; then one line "y x" per field, its corner in pixels; then
 * the files, by channel, plane, field. Files hold 16-bit pixels of this machine's byte order, row by row.
 * INNER above 0 cuts every chunk into pieces of this side, which are encoded one by one into the same file, with an index behind.
 *
 * Every thread walks the pyramid of one channel and one block of planes from its top, depth first: a coarse chunk is filled from up
 * to four finer ones, so that one buffer per level is enough and nothing is read again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LEVELS 24
#define VALUES 65536
#define ROOM 16

typedef uint16_t pixel;
typedef int (*encoder)(int level, int shuffle, size_t item, size_t bytes, const void *from, void *to, size_t room,
                       const char *codec, size_t blocksize, int threads);

static struct {
    char folder[4096];
    long channels, planes, fields, side, before, chunk, depth, levels, height, width;
    long *y, *x;
    char **files;
} job;

static encoder encode;
static const char *codec;
static int effort;
static size_t blocksize;
static long inner;
static long lanes, next_lane;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t counted[VALUES];

typedef struct {
    pixel *level[MOST_LEVELS];
    pixel *piece;
    char *encoded;
    uint32_t *seen[4];
    long channel, block, planes;
} lane;

static void stop(const char *what) {
    perror(what);
    exit(1);
}

static long least(long a, long b) { return a < b ? a : b; }
static long halved(long n, long level) { return (n + (1L << level) - 1) >> level; }
static long high(long level) { return halved(job.height, level); }
static long wide(long level) { return halved(job.width, level); }
static long chunk_high(long level) { return least(job.chunk, high(level)); }
static long chunk_wide(long level) { return least(job.chunk, wide(level)); }
static long left_over(long all, long chunk, long index) { return least(chunk, all - index * chunk); }

static void *room(size_t bytes) {
    size_t page = 2u << 20, whole = (bytes + page - 1) / page * page;
    void *found = aligned_alloc(page, whole);
    if (!found) stop("memory");
    madvise(found, whole, MADV_HUGEPAGE);
    return found;
}

static void count(lane *mine, const pixel *from, size_t n) {
    size_t k = 0;
    for (; k + 4 <= n; k += 4) {
        mine->seen[0][from[k]]++;
        mine->seen[1][from[k + 1]]++;
        mine->seen[2][from[k + 2]]++;
        mine->seen[3][from[k + 3]]++;
    }
    for (; k < n; k++) mine->seen[0][from[k]]++;
}

static unsigned even4(unsigned s) { return (s + 1 + ((s >> 2) & 1)) >> 2; }
static unsigned even2(unsigned s) { return (s + ((s >> 1) & 1)) >> 1; }

/* The mean of 2 x 2 pixels, halves to even; at an odd edge of the pixels that are there. */
static void average(const pixel *from, long rows, long columns, long stride, pixel *to, long out_stride) {
    long y, x, half = columns / 2;
    for (y = 0; y + 1 < rows; y += 2) {
        const pixel *restrict a = from + y * stride, *restrict b = a + stride;
        pixel *restrict out = to + y / 2 * out_stride;
        for (x = 0; x < half; x++) out[x] = even4((unsigned)a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1]);
        if (columns % 2) out[half] = even2((unsigned)a[columns - 1] + b[columns - 1]);
    }
    if (rows % 2) {
        const pixel *a = from + (rows - 1) * stride;
        pixel *out = to + rows / 2 * out_stride;
        for (x = 0; x < half; x++) out[x] = even2((unsigned)a[2 * x] + a[2 * x + 1]);
        if (columns % 2) out[half] = a[columns - 1];
    }
}

static void read_fully(int file, void *to, size_t bytes, off_t at) {
    size_t got = 0;
    while (got < bytes) {
        ssize_t n = pread(file, (char *)to + got, bytes - got, at + (off_t)got);
        if (n <= 0) stop("read");
        got += (size_t)n;
    }
}

/* The part of a field that lies in a chunk, one plane of it. */
static void lay(const char *path, long field, pixel *to, long top, long left, long rows, long columns, long stride) {
    long y0 = job.y[field], x0 = job.x[field];
    int file = open(path, O_RDONLY);
    if (file < 0) stop(path);
    if (y0 == top && x0 == left && columns == job.side && stride == job.side && rows == job.side) {
        read_fully(file, to, (size_t)rows * columns * 2, job.before);
    } else {
        size_t bytes = (size_t)job.side * job.side * 2 + job.before;
        char *all = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
        if (all == MAP_FAILED) stop(path);
        long first_y = y0 > top ? y0 : top, last_y = least(y0 + job.side, top + rows);
        long first_x = x0 > left ? x0 : left, last_x = least(x0 + job.side, left + columns);
        for (long y = first_y; y < last_y; y++)
            memcpy(to + (y - top) * stride + (first_x - left),
                   all + job.before + ((y - y0) * job.side + (first_x - x0)) * 2, (size_t)(last_x - first_x) * 2);
        munmap(all, bytes);
    }
    close(file);
}

static void fill_from_files(lane *mine, long cy, long cx) {
    long stride = chunk_wide(0), plane = stride * chunk_high(0), top = cy * job.chunk, left = cx * job.chunk;
    long rows = left_over(job.height, job.chunk, cy), columns = left_over(job.width, job.chunk, cx);
    pixel *to = mine->level[0];
    if (rows < chunk_high(0) || columns < stride || mine->planes < job.depth)
        memset(to, 0, (size_t)plane * job.depth * 2);
    for (long z = 0; z < mine->planes; z++) {
        char **files = job.files + ((mine->channel * job.planes) + mine->block * job.depth + z) * job.fields;
        for (long f = 0; f < job.fields; f++)
            if (job.y[f] < top + rows && job.y[f] + job.side > top && job.x[f] < left + columns && job.x[f] + job.side > left)
                lay(files[f], f, to + z * plane, top, left, rows, columns, stride);
        for (long y = 0; y < rows; y++)
            if (columns == stride) {
                count(mine, to + z * plane, (size_t)rows * columns);
                break;
            } else
                count(mine, to + z * plane + y * stride, (size_t)columns);
    }
}

static int make(const char *path) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file >= 0 || errno != ENOENT) return file;
    char folder[4352];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *at = folder + 1; *at; at++)
        if (*at == '/') {
            *at = 0;
            mkdir(folder, 0755);
            *at = '/';
        }
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
}

static size_t encoded_size(const void *from, size_t bytes, char *to) {
    int n = encode(effort, 1, 2, bytes, from, to, bytes + ROOM, codec, blocksize, 1);
    if (n <= 0) {
        fprintf(stderr, "the encoder gave %d\n", n);
        exit(1);
    }
    return (size_t)n;
}

/* All pieces of a chunk behind each other, then where each begins and how long it is. */
static size_t encoded_pieces(lane *mine, long level, long rows, long columns) {
    long stride = chunk_wide(level), plane = stride * chunk_high(level), side_y = least(inner, chunk_high(level)),
         side_x = least(inner, stride);
    long across = (stride + side_x - 1) / side_x, down = (chunk_high(level) + side_y - 1) / side_y;
    uint64_t index[down * across][2];
    size_t at = 0;
    memset(index, 255, sizeof index);
    for (long py = 0; py * side_y < rows; py++)
        for (long px = 0; px * side_x < columns; px++) {
            memset(mine->piece, 0, (size_t)job.depth * side_y * side_x * 2);
            for (long z = 0; z < mine->planes; z++)
                for (long y = 0; y < least(side_y, rows - py * side_y); y++)
                    memcpy(mine->piece + (z * side_y + y) * side_x,
                           mine->level[level] + z * plane + (py * side_y + y) * stride + px * side_x,
                           (size_t)least(side_x, columns - px * side_x) * 2);
            size_t n = encoded_size(mine->piece, (size_t)job.depth * side_y * side_x * 2, mine->encoded + at);
            index[py * across + px][0] = at;
            index[py * across + px][1] = n;
            at += n;
        }
    memcpy(mine->encoded + at, index, sizeof index);
    memset(mine->encoded + at + sizeof index, 0, 4);
    return at + sizeof index + 4;
}

static void fill(lane *mine, long level, long cy, long cx) {
    long stride = chunk_wide(level), tall = chunk_high(level), plane = stride * tall;
    long rows = left_over(high(level), job.chunk, cy), columns = left_over(wide(level), job.chunk, cx);
    if (level == 0) {
        fill_from_files(mine, cy, cx);
    } else {
        pixel *to = mine->level[level];
        if (rows < tall || columns < stride || mine->planes < job.depth)
            memset(to, 0, (size_t)plane * job.depth * 2);
        long below = level - 1, finer = chunk_wide(below) * chunk_high(below);
        for (long k = 0; k < 4; k++) {
            long y = 2 * cy + k / 2, x = 2 * cx + k % 2;
            if (y * job.chunk >= high(below) || x * job.chunk >= wide(below)) continue;
            fill(mine, below, y, x);
            for (long z = 0; z < mine->planes; z++)
                average(mine->level[below] + z * finer, left_over(high(below), job.chunk, y),
                        left_over(wide(below), job.chunk, x), chunk_wide(below),
                        to + z * plane + k / 2 * (job.chunk / 2) * stride + k % 2 * (job.chunk / 2), stride);
        }
    }
    size_t bytes = inner ? encoded_pieces(mine, level, rows, columns)
                         : encoded_size(mine->level[level], (size_t)plane * job.depth * 2, mine->encoded);
    char path[4352];
    snprintf(path, sizeof path, "%s/%ld/%ld/%ld/%ld/%ld", job.folder, level, mine->channel, mine->block, cy, cx);
    int file = make(path);
    if (file < 0) stop(path);
    for (size_t put = 0; put < bytes;) {
        ssize_t n = write(file, mine->encoded + put, bytes - put);
        if (n <= 0) stop("write");
        put += (size_t)n;
    }
    close(file);
}

static void *work(void *nothing) {
    lane mine;
    long blocks = (job.planes + job.depth - 1) / job.depth, top = job.levels - 1;
    for (long k = 0; k < job.levels; k++) mine.level[k] = room((size_t)chunk_high(k) * chunk_wide(k) * job.depth * 2);
    size_t largest = (size_t)chunk_high(0) * chunk_wide(0) * job.depth * 2;
    mine.encoded = room(largest + largest / 8 + (1 << 20));
    mine.piece = inner ? room((size_t)inner * inner * job.depth * 2) : NULL;
    for (int k = 0; k < 4; k++) mine.seen[k] = calloc(VALUES, sizeof(uint32_t));
    for (;;) {
        pthread_mutex_lock(&lock);
        long number = next_lane < lanes ? next_lane++ : -1;
        pthread_mutex_unlock(&lock);
        if (number < 0) break;
        mine.channel = number / blocks;
        mine.block = number % blocks;
        mine.planes = least(job.depth, job.planes - mine.block * job.depth);
        for (long y = 0; y * job.chunk < high(top); y++)
            for (long x = 0; x * job.chunk < wide(top); x++) fill(&mine, top, y, x);
    }
    pthread_mutex_lock(&lock);
    for (int k = 0; k < 4; k++)
        for (long v = 0; v < VALUES; v++) counted[v] += mine.seen[k][v];
    pthread_mutex_unlock(&lock);
    return nothing;
}

static void read_job(void) {
    if (scanf(" %4095[^\n]", job.folder) != 1 ||
        scanf("%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", &job.channels, &job.planes, &job.fields, &job.side, &job.before,
              &job.chunk, &job.depth, &job.levels, &job.height, &job.width) != 10 ||
        job.levels > MOST_LEVELS)
        stop("job");
    job.depth = least(job.depth, job.planes);
    job.y = calloc((size_t)job.fields, sizeof(long));
    job.x = calloc((size_t)job.fields, sizeof(long));
    for (long f = 0; f < job.fields; f++)
        if (scanf("%ld %ld", job.y + f, job.x + f) != 2) stop("fields");
    long files = job.channels * job.planes * job.fields;
    job.files = calloc((size_t)files, sizeof(char *));
    for (long k = 0; k < files; k++)
        if (scanf(" %m[^\n]", job.files + k) != 1) stop("files");
}

int main(int n, char **given) {
    if (n != 7) return fprintf(stderr, "limit LIBBLOSC CODEC LEVEL BLOCKSIZE THREADS INNER < JOB\n"), 2;
    void *library = dlopen(given[1], RTLD_NOW);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
    encode = (encoder)dlsym(library, "blosc_compress_ctx");
    if (!encode) return fprintf(stderr, "%s has no blosc_compress_ctx\n", given[1]), 1;
    codec = given[2];
    effort = atoi(given[3]);
    blocksize = (size_t)atol(given[4]);
    long threads = atol(given[5]);
    inner = atol(given[6]);
    read_job();
    lanes = job.channels * ((job.planes + job.depth - 1) / job.depth);
    pthread_t started[threads];
    for (long k = 1; k < threads; k++)
        if (pthread_create(started + k, NULL, work, NULL)) stop("thread");
    work(NULL);
    for (long k = 1; k < threads; k++) pthread_join(started[k], NULL);
    uint64_t pixels = 0;
    for (long v = 0; v < VALUES; v++) pixels += counted[v];
    printf("%llu pixels\n", (unsigned long long)pixels);
    return 0;
}
