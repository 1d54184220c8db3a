#include "host/lib/transcript.h"

#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/error.h"
#include "host/lib/temporary.h"

/* Opens a file, which has a name for a moment only. */
static FILE *open_file(void)
{
    CLEANUP(temporary_removep) char *path = NULL;
    const char *run;
    int fd = -1;
    struct error *err = temporary_run_folder(&run);

    if (err == NULL)
        err = temporary_file(run, "transcript", &path, &fd);
    error_free(err);
    FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;

    if (file == NULL && fd >= 0)
        close(fd);
    return file;
}

bool transcript_append(struct transcript *transcript, const char *bytes, size_t length,
                       uint64_t most, size_t written)
{
    if (transcript->file == NULL)
        transcript->file = open_file();
    if (transcript->file == NULL)
        return false;
    if (transcript->left_out > 0 || length > most - transcript->length) {
        transcript->left_out += written;
        return true;
    }
    transcript->length += length;
    return fwrite(bytes, 1, length, transcript->file) == length;
}

void transcript_show(struct transcript *transcript, struct buffer *out,
                     void (*write)(struct buffer *out))
{
    char piece[4096];
    size_t got;

    if (transcript->file == NULL)
        return;
    rewind(transcript->file);
    while ((got = fread(piece, 1, sizeof piece, transcript->file)) > 0) {
        buffer_append(out, piece, got);
        write(out);
    }
}

void transcript_clear(struct transcript *transcript)
{
    if (transcript->file != NULL && transcript->length > 0) {
        rewind(transcript->file);
        if (ftruncate(fileno(transcript->file), 0) != 0) {
            fclose(transcript->file);
            transcript->file = NULL;
        }
    }
    transcript->length = 0;
    transcript->left_out = 0;
}

void transcript_free(struct transcript *transcript)
{
    if (transcript->file != NULL)
        fclose(transcript->file);
    *transcript = (struct transcript){0};
}
