/*
 * A source's rules for owners and modes, applied to its entries.
 */
#ifndef VMBUILD_CONTENTS_RULES_H
#define VMBUILD_CONTENTS_RULES_H

#include <archive_entry.h>

#include "host/tree/contents_source.h"

/* Sets owner and mode of ENTRY as SOURCE has it; those of symlinks are 0777. Users' and groups'
 * names, which mean other numbers on other hosts, are removed. */
void contents_rules_apply(const struct contents_source *source, struct archive_entry *entry);

#endif
