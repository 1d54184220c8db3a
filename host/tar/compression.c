#include "host/tar/compression.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/tar/gzip_writer.h"

/* zstd's output is the same on every CPU and for any number of workers above 0, as long as the size
 * of their jobs is fixed (zstd.h, ZSTD_c_nbWorkers). */
#define ZSTD_LEVEL 3
#define ZSTD_JOB_SIZE (2 << 20)
#define ZSTD_WORKERS_MAX 4

struct compressor {
    enum compression compression;
    struct sink sink;
    struct gzip_writer *gzip;
    ZSTD_CCtx *zstd;
    void *out;
    size_t out_size;
};

const char *compression_name(enum compression compression)
{
    static const char *const names[] = {[COMPRESSION_NONE] = "none",
                                        [COMPRESSION_GZIP] = "gzip",
                                        [COMPRESSION_ZSTD] = "zstd",
                                        [COMPRESSION_XZ] = "xz",
                                        [COMPRESSION_BZIP2] = "bzip2"};

    return names[compression];
}

char *compression_version(enum compression compression)
{
    if (compression == COMPRESSION_GZIP)
        return xstrdup(gzip_writer_version());
    if (compression == COMPRESSION_ZSTD)
        return xasprintf("zstd%s-level%d-2m", ZSTD_versionString(), ZSTD_LEVEL);
    return xstrdup(compression_name(compression));
}

static struct error *zstd_check(size_t result)
{
    if (!ZSTD_isError(result))
        return NULL;
    return error_new(EXIT_OTHER, "compress with 'zstd': %s", ZSTD_getErrorName(result));
}

static struct error *zstd_start(struct compressor *compressor)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int workers = cpus < 1 ? 1 : cpus > ZSTD_WORKERS_MAX ? ZSTD_WORKERS_MAX : (int)cpus;

    compressor->zstd = xallocated(ZSTD_createCCtx());
    compressor->out_size = ZSTD_CStreamOutSize();
    compressor->out = xcalloc(compressor->out_size, 1);
    TRY(zstd_check(ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)));
    TRY(zstd_check(ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_checksumFlag, 1)));
    TRY(zstd_check(ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_nbWorkers, workers)));
    return zstd_check(ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_jobSize, ZSTD_JOB_SIZE));
}

/* Passes LENGTH bytes to zstd and, with ZSTD_e_end, all that zstd still holds to the sink. */
static struct error *zstd_pass(struct compressor *compressor, const void *bytes, size_t length,
                               ZSTD_EndDirective directive)
{
    ZSTD_inBuffer in = {bytes, length, 0};
    size_t left = 0;

    do {
        ZSTD_outBuffer out = {compressor->out, compressor->out_size, 0};

        left = ZSTD_compressStream2(compressor->zstd, &out, &in, directive);
        TRY(zstd_check(left));
        if (out.pos > 0)
            TRY(compressor->sink.write(compressor->sink.context, out.dst, out.pos));
    } while (in.pos < in.size || (directive == ZSTD_e_end && left > 0));
    return NULL;
}

struct error *compressor_new(enum compression compression, struct sink sink,
                             struct compressor **ret)
{
    CLEANUP(compressor_freep) struct compressor *compressor = xcalloc(1, sizeof *compressor);

    compressor->compression = compression;
    compressor->sink = sink;
    switch (compression) {
    case COMPRESSION_NONE:
        break;
    case COMPRESSION_GZIP:
        TRY(gzip_writer_new(sink, &compressor->gzip));
        break;
    case COMPRESSION_ZSTD:
        TRY(zstd_start(compressor));
        break;
    case COMPRESSION_XZ:
    case COMPRESSION_BZIP2:
        return error_new(EXIT_USAGE, "compress with '%s': this format can be read but not written",
                         compression_name(compression));
    }
    *ret = STEAL(compressor);
    return NULL;
}

struct error *compressor_write(struct compressor *compressor, const void *bytes, size_t length)
{
    if (length == 0)
        return NULL;
    if (compressor->gzip != NULL)
        return gzip_writer_write(compressor->gzip, bytes, length);
    if (compressor->zstd != NULL)
        return zstd_pass(compressor, bytes, length, ZSTD_e_continue);
    return compressor->sink.write(compressor->sink.context, bytes, length);
}

struct error *compressor_finish(struct compressor *compressor)
{
    CLEANUP(compressor_freep) struct compressor *owned = compressor;

    if (owned->gzip != NULL)
        return gzip_writer_finish(owned->gzip);
    if (owned->zstd != NULL)
        return zstd_pass(owned, NULL, 0, ZSTD_e_end);
    return NULL;
}

void compressor_free(struct compressor *compressor)
{
    if (compressor == NULL)
        return;
    gzip_writer_free(compressor->gzip);
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor->out);
    free(compressor);
}
