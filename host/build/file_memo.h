/*
 * The memory of digests of host files: those of files that are still what they were (device, inode,
 * size, mtime and ctime; file_identity.h) are not made again. It is a record of the store for each
 * set of sources, so that unchanged files cost a stat each.
 */
#ifndef VMBUILD_FILE_MEMO_H
#define VMBUILD_FILE_MEMO_H

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tree/contents_source.h"

struct file_memo;

/* Opens the memory of the files that NAME, any text, stands for, in STORE, which is borrowed. Never
 * returns NULL. */
struct file_memo *file_memo_open(struct store *store, const char *name);

/* Returns MEMO for contents_source_digest. */
struct contents_digests file_memo_digests(struct file_memo *memo);

/* Sets *RET to the digest of the file PATH. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *file_memo_digest(struct file_memo *memo, const char *path,
                                             struct digest *ret);

/* Keeps what was found and added, unless nothing was added, and frees MEMO; accepts NULL. */
void file_memo_close(struct file_memo *memo);
static inline void file_memo_closep(struct file_memo **memo)
{
    file_memo_close(*memo);
}

#endif
