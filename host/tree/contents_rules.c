#include "host/tree/contents_rules.h"

#include <sys/stat.h>

/* See CONTENTS_MODE_ADD_WRITE. */
static mode_t add_write(mode_t mode)
{
    bool is_special = (mode & (S_ISUID | S_ISGID | S_ISVTX)) != 0;

    if (!is_special && (mode & S_IWUSR) != 0)
        mode |= S_IWGRP;
    return mode | S_IWUSR;
}

static void set_mode(const struct contents_source *source, struct archive_entry *entry)
{
    if (archive_entry_filetype(entry) == AE_IFLNK)
        archive_entry_set_perm(entry, 0777);
    else if (source->mode_rule == CONTENTS_MODE_ADD_WRITE)
        archive_entry_set_perm(entry, add_write(archive_entry_perm(entry)));
    else if (source->mode_rule == CONTENTS_MODE_SET)
        archive_entry_set_perm(entry, source->mode);
    else if (source->mode_rule == CONTENTS_MODE_CHANGE)
        archive_entry_set_perm(entry,
                               mode_change_apply(source->mode_change, archive_entry_perm(entry),
                                                 archive_entry_filetype(entry) == AE_IFDIR));
}

void contents_rules_apply(const struct contents_source *source, struct archive_entry *entry)
{
    archive_entry_set_uname(entry, NULL);
    archive_entry_set_gname(entry, NULL);
    if (!source->keep_owner) {
        archive_entry_set_uid(entry, source->uid);
        archive_entry_set_gid(entry, source->gid);
    }
    set_mode(source, entry);
}
