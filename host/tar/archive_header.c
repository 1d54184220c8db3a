#include "host/tar/archive_header.h"

#include <errno.h>

#include "host/tar/charset.h"

/* What libarchive returns as the number of errors in the format, if the system has EILSEQ: the
 * warning about a name that is not ASCII, which is kept as it is. */
#define NAME_NOT_ASCII EILSEQ

int archive_header_read(struct archive *archive, struct archive_entry *entry)
{
    charset_for_reading();
    int status = archive_read_next_header2(archive, entry);

    charset_for_writing();
    if (status == ARCHIVE_WARN && archive_errno(archive) == NAME_NOT_ASCII)
        return ARCHIVE_OK;
    return status == ARCHIVE_RETRY || status == ARCHIVE_WARN ? ARCHIVE_FAILED : status;
}
