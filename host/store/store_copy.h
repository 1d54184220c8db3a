/*
 * Copies of entries into outputs. What is copied is checked on the way, block by block
 * (store_reader.h): one thread reads and checks while another writes, so that a checked copy takes
 * no longer than a plain one. To check an entry beside a copy of it would read its bytes twice.
 */
#ifndef VMBUILD_STORE_COPY_H
#define VMBUILD_STORE_COPY_H

#include "host/lib/file.h"
#include "host/store/store.h"

/* Returns what copies entries of STORE, borrowed. A file that is not an entry is copied as
 * file_copy does. A copy fails if the entry is damaged, which then counts as such for store_settle,
 * or is checked later, as what store_use got, if its blocks have no checksums or its extents are
 * shared. */
struct file_copier store_copier(struct store *store);

#endif
