/*
 * The parts of the manual pages that come from the tables of commands, options and spec keys.
 */
#ifndef VMBUILD_PAGES_H
#define VMBUILD_PAGES_H

#include "host/lib/buffer.h"

/* ".Os" with the program's version, for the foot of a page. */
void pages_system(struct buffer *out);

/* vmbuild(1): a line of the synopsis for each command. */
void pages_synopsis(struct buffer *out);

/* vmbuild(1): a list of the commands. */
void pages_commands(struct buffer *out);

/* vmbuild(1): a subsection for each group of options. */
void pages_options(struct buffer *out);

/* vmbuild-spec(5): a list of the keys. */
void pages_keys(struct buffer *out);

#endif
