/*
 * The names in a tar archive that holds an image, each with the number of its member. Links lead
 * from name to name within the index; names are never used as paths on the host. Of two members
 * with one name the later counts, as in an unpacked archive.
 *
 * An index is filled in the archive's order, then sorted, then searched.
 */
#ifndef VMBUILD_ARCHIVE_INDEX_H
#define VMBUILD_ARCHIVE_INDEX_H

#include <stdbool.h>
#include <stddef.h>

struct archive_index;

/* Returns an empty index; the caller's. */
struct archive_index *archive_index_new(void);
void archive_index_free(struct archive_index *index);

/* Adds PATH, the name of the member number MEMBER, with its "." and ".." resolved. Returns the
 * resolved name, borrowed. PATH is not added, and NULL returned, if no document of an image could
 * mean it: it is absolute, unprintable or too long, or leads out of the root. */
const char *archive_index_add_file(struct archive_index *index, const char *path, size_t member);

/* Adds PATH, unless no document could mean it, as a link to TARGET: from the root (a hard link), or
 * from PATH's directory (a symbolic link). */
void archive_index_add_link(struct archive_index *index, const char *path, const char *target,
                            bool from_root);

/* Ends the adding. */
void archive_index_sort(struct archive_index *index);

/* Finds the member that PATH names, links followed. Returns false if there is none. */
bool archive_index_find(const struct archive_index *index, const char *path, size_t *ret);

#endif
